with

expected as (
    select
        symbol,
        count_if(trading_day <= last_bar) as expected_days,
        count_if(is_missing and trading_day <= last_bar) as missing_days,
        count_if(trading_day > last_bar) as days_behind
    from {{ ref('expected_days') }}
    group by symbol
),

bars as (
    select
        bars.symbol,
        min(bars.bar_date) as first_bar,
        max(bars.bar_date) as last_bar,
        count(*) as bars,
        count_if(days.trading_day is null) as off_calendar_bars
    from {{ ref('daily_bars') }} as bars
    inner join {{ ref('symbols') }} as symbols on symbols.symbol = bars.symbol
    left join {{ ref('trading_days') }} as days
        on days.calendar = symbols.calendar and days.trading_day = bars.bar_date
    group by bars.symbol
)

select
    bars.symbol,
    symbols.name,
    symbols.symbol_class,
    symbols.exchange,
    bars.first_bar,
    bars.last_bar,
    bars.bars,
    coalesce(expected.expected_days, 0) as expected_days,
    coalesce(expected.missing_days, 0) as missing_days,
    coalesce(expected.days_behind, 0) as days_behind,
    bars.off_calendar_bars
from bars
inner join {{ ref('symbols') }} as symbols on symbols.symbol = bars.symbol
left join expected on expected.symbol = bars.symbol
