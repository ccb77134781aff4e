{%- set days = var('macd_days') -%}
with

lines as (
    select symbol, bar_date, day_number, ema_{{ days.fast }} - ema_{{ days.slow }} as macd
    from {{ ref('moving_averages') }}
),

{{
    smoothed('signals', 'lines', [{
        'name': 'macd_signal', 'value': 'macd', 'first': days.slow, 'days': days.signal,
        'weight': ema_weight(days.signal),
    }])
}}

select
    lines.symbol,
    lines.bar_date,
    lines.day_number,
    lines.macd,
    signals.macd_signal,
    lines.macd - signals.macd_signal as macd_histogram
from lines
inner join signals on signals.symbol = lines.symbol and signals.day_number = lines.day_number
