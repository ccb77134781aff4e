{%- set monday, thursday = 0, 3 -%}
-- The rules of the New York Stock Exchange as of 1990, with the holidays that came later.
with

years as (
    select cast({{ var('calendar_years').first }} - 1 + generated_number as integer) as year
    from ({{ dbt.generate_series(var('calendar_years').last - var('calendar_years').first + 1) }}) as numbers
),

-- Easter by Gauss: days after 22 March, with his two exceptions; right from 1900 to 2199
moons as (
    select year, mod(year, 19) as golden, mod(19 * mod(year, 19) + 24, 30) as full_moon from years
),

easters as (
    select
        year,
        golden,
        full_moon,
        mod(2 * mod(year, 4) + 4 * mod(year, 7) + 6 * full_moon + 5, 7) as sunday
    from moons
),

easter_days as (
    select
        year,
        full_moon + sunday
        - case when sunday = 6 and (full_moon = 29 or (full_moon = 28 and golden > 10)) then 7 else 0 end
            as days_after_equinox
    from easters
),

moving as (
    select 'Martin Luther King Day' as holiday, {{ nth_weekday(3, monday, 1) }} as holiday_date from years where year >= 1998
    union all
    select 'Washington''s Birthday', {{ nth_weekday(3, monday, 2) }} from years
    union all
    select 'Good Friday', {{ days_after(on_day(3, 22), 'days_after_equinox - 2') }} from easter_days
    union all
    select 'Memorial Day', {{ days_after(nth_weekday(1, monday, 6), -7) }} from years
    union all
    select 'Labor Day', {{ nth_weekday(1, monday, 9) }} from years
    union all
    select 'Thanksgiving', {{ nth_weekday(4, thursday, 11) }} from years
),

fixed as (
    select 'Juneteenth' as holiday, {{ on_day(6, 19) }} as holiday_date from years where year >= 2022
    union all
    select 'Independence Day', {{ on_day(7, 4) }} from years
    union all
    select 'Christmas', {{ on_day(12, 25) }} from years
),

new_years as (
    select {{ on_day(1, 1) }} as holiday_date from years
)

select 'us_equities' as calendar, holiday_date, holiday from moving
union all
-- on a Saturday it is kept on the Friday before, on a Sunday on the Monday after
select
    'us_equities',
    {{ days_after('holiday_date', 'case ' ~ weekday('holiday_date') ~ ' when 5 then -1 when 6 then 1 else 0 end') }},
    holiday
from fixed
union all
-- no Friday before: that is the last day of a business year
select
    'us_equities',
    {{ days_after('holiday_date', 'case ' ~ weekday('holiday_date') ~ ' when 6 then 1 else 0 end') }},
    'New Year'
from new_years
where {{ weekday('holiday_date') }} <> 5
union all
select calendar, closed_on, closure from {{ ref('market_closures') }}
