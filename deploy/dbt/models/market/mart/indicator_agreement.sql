-- What sources deliver as indicators, against what follows from the prices. Delivered ones of a day bear its midnight.
{%- set pairs = [
    ('rsi', 'rsi_' ~ var('rsi_days')), ('macd', 'macd'), ('macd_signal', 'macd_signal'), ('sma_20', 'sma_20'),
    ('sma_50', 'sma_50'),
] %}
with

differences as (
    select
        delivered.symbol,
        delivered.calculated_at
        {%- for theirs, ours in pairs %},
        abs(cast(delivered.{{ theirs }} as double) - features.{{ ours }}) as {{ theirs }}
        {%- endfor %}
    from {{ ref('stg_technical_indicators') }} as delivered
    inner join {{ ref('daily_features') }} as features
        on features.symbol = delivered.symbol and cast(features.bar_date as timestamp) = delivered.calculated_at
)

select
    symbol,
    count(*) as compared_days,
    min(calculated_at) as first_at,
    max(calculated_at) as last_at
    {%- for theirs, _ in pairs %},
    max({{ theirs }}) as largest_{{ theirs }}_difference
    {%- endfor %}
from differences
group by symbol
