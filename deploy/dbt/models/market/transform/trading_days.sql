{%- set first = var('calendar_years').first -%}
{%- set last = var('calendar_years').last -%}
with

days as (
    select {{ days_after("cast('" ~ first ~ "-01-01' as date)", 'generated_number - 1') }} as trading_day
    from ({{ dbt.generate_series(366 * (last - first + 1)) }}) as numbers
),

calendars as (
    select distinct calendar from {{ ref('exchanges') }}
),

open_days as (
    select calendars.calendar, days.trading_day
    from days
    cross join calendars
    left join {{ ref('market_holidays') }} as holidays
        on holidays.calendar = calendars.calendar and holidays.holiday_date = days.trading_day
    where
        days.trading_day <= cast('{{ last }}-12-31' as date)
        and holidays.holiday_date is null
        and (calendars.calendar = 'every_day' or {{ weekday('days.trading_day') }} < 5)
)

select
    calendar,
    trading_day,
    row_number() over (partition by calendar order by trading_day) as day_of_calendar
from open_days
