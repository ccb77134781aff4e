{%- set days = var('volatility_days') -%}
with

deviations as (
    select
        symbol,
        bar_date,
        day_number,
        case
            when day_number > {{ days }} then stddev_samp(log_return) over (
                partition by symbol order by day_number rows between {{ days - 1 }} preceding and current row
            )
        end as volatility_{{ days }}
    from {{ ref('daily_returns') }}
)

select
    deviations.symbol,
    deviations.bar_date,
    deviations.day_number,
    deviations.volatility_{{ days }},
    deviations.volatility_{{ days }} * sqrt(cast(symbols.trading_days_per_year as double))
        as volatility_{{ days }}_annual
from deviations
inner join {{ ref('symbols') }} as symbols on symbols.symbol = deviations.symbol
