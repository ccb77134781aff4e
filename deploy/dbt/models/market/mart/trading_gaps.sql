with

missing as (
    select
        symbol,
        last_bar,
        trading_day,
        -- days in a row have one difference between their number in the calendar and that among the missing ones
        day_of_calendar - row_number() over (partition by symbol order by day_of_calendar) as run
    from {{ ref('expected_days') }}
    where is_missing
)

select
    symbol,
    min(trading_day) as first_day,
    max(trading_day) as last_day,
    count(*) as days,
    min(trading_day) > max(last_bar) as is_open
from missing
group by symbol, run
