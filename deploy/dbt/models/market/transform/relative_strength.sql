{%- set days = var('rsi_days') -%}
with

moves as (
    select
        symbol,
        bar_date,
        day_number,
        cast(greatest(price_change, 0) as double) as gain,
        cast(greatest(-price_change, 0) as double) as loss
    from {{ ref('daily_returns') }}
),

{{
    smoothed('wilder', 'moves', [
        {'name': 'gain', 'value': 'gain', 'first': 2, 'days': days, 'weight': 1 / days},
        {'name': 'loss', 'value': 'loss', 'first': 2, 'days': days, 'weight': 1 / days},
    ])
}}

select
    symbol,
    bar_date,
    day_number,
    -- a price that never moved is neither strong nor weak
    case when gain + loss > 0 then 100 * gain / (gain + loss) when gain + loss = 0 then 50 end as rsi_{{ days }}
from wilder
