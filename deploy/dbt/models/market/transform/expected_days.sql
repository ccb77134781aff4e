{{ config(materialized="view") }}

with

lives as (
    select bars.symbol, symbols.calendar, min(bars.bar_date) as first_bar, max(bars.bar_date) as last_bar
    from {{ ref('daily_bars') }} as bars
    inner join {{ ref('symbols') }} as symbols on symbols.symbol = bars.symbol
    group by bars.symbol, symbols.calendar
),

newest as (
    select calendar, max(last_bar) as newest_bar from lives group by calendar
)

select
    lives.symbol,
    lives.first_bar,
    lives.last_bar,
    days.trading_day,
    days.day_of_calendar,
    bars.bar_date is null as is_missing
from lives
inner join newest on newest.calendar = lives.calendar
inner join {{ ref('trading_days') }} as days
    on days.calendar = lives.calendar and days.trading_day between lives.first_bar and newest.newest_bar
left join {{ ref('daily_bars') }} as bars on bars.symbol = lives.symbol and bars.bar_date = days.trading_day
