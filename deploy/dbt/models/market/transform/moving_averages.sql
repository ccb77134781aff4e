{%- set series = [] -%}
{%- for days in var('ema_days') -%}
    {%- do series.append({
        'name': 'ema_' ~ days, 'value': 'close_price', 'first': 1, 'days': days, 'weight': ema_weight(days)
    }) -%}
{%- endfor -%}

with

closes as (
    select symbol, bar_date, day_number, cast(close_price as double) as close_price
    from {{ ref('daily_returns') }}
),

{{ smoothed('exponential', 'closes', series) }},

-- sums of decimals are exact, however long the window moves on
simple as (
    select
        symbol,
        day_number
        {%- for days in var('sma_days') %},
        case
            when day_number >= {{ days }} then cast(
                sum(close_price) over (
                    partition by symbol order by day_number rows between {{ days - 1 }} preceding and current row
                ) as double
            ) / {{ days }}
        end as sma_{{ days }}
        {%- endfor %}
    from {{ ref('daily_returns') }}
)

select
    exponential.symbol,
    exponential.bar_date,
    exponential.day_number
    {%- for days in var('sma_days') %},
    simple.sma_{{ days }}
    {%- endfor %}
    {%- for days in var('ema_days') %},
    exponential.ema_{{ days }}
    {%- endfor %}
from exponential
inner join simple on simple.symbol = exponential.symbol and simple.day_number = exponential.day_number
