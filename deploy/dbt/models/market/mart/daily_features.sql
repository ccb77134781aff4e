{%- set rsi, volatility = 'rsi_' ~ var('rsi_days'), 'volatility_' ~ var('volatility_days') -%}
select
    bars.symbol,
    bars.bar_date,
    bars.open_price,
    bars.high_price,
    bars.low_price,
    bars.close_price,
    bars.volume,
    moves.day_number,
    moves.price_change,
    moves.simple_return,
    moves.log_return,
    {%- for days in var('sma_days') %}
    averages.sma_{{ days }},
    {%- endfor %}
    {%- for days in var('ema_days') %}
    averages.ema_{{ days }},
    {%- endfor %}
    strength.{{ rsi }},
    macd.macd,
    macd.macd_signal,
    macd.macd_histogram,
    volatility.{{ volatility }},
    volatility.{{ volatility }}_annual
from {{ ref('daily_bars') }} as bars
inner join {{ ref('daily_returns') }} as moves
    on moves.symbol = bars.symbol and moves.bar_date = bars.bar_date
inner join {{ ref('moving_averages') }} as averages
    on averages.symbol = bars.symbol and averages.bar_date = bars.bar_date
inner join {{ ref('relative_strength') }} as strength
    on strength.symbol = bars.symbol and strength.bar_date = bars.bar_date
inner join {{ ref('macd') }} as macd
    on macd.symbol = bars.symbol and macd.bar_date = bars.bar_date
inner join {{ ref('volatility') }} as volatility
    on volatility.symbol = bars.symbol and volatility.bar_date = bars.bar_date
