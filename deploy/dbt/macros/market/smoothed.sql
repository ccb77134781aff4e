{#-
    Common table expressions that end with one called NAME: averages in which each day's weight is a fixed share of the
    next day's, as in EMA and in Wilder's smoothing. The average of the first DAYS values begins it (on day number
    FIRST + DAYS - 1; null before), then

        average(t) = weight * value(t) + (1 - weight) * average(t - 1)

    which is a recursion of as many steps as there are days, and Snowflake ends a recursive query after a hundred. But it
    is also a sum over the past with weights that fall by (1 - weight) a day, and such sums over 2, 4, 8 ... days follow
    from each other: sum(t) over 2n days = sum(t) over n days + (1 - weight)^n * sum(t - n days) over n days. So twelve
    steps look back over 4,096 days; what an older one still weighs is below what a double can tell, for up to 200 days.
    All terms are added as they are, so no error grows. (A closed form by powers of the day number would overflow.)

    SOURCE has symbol, bar_date and day_number, from 1 without gaps per symbol. SERIES is a list of
    {name, value, first, days, weight}; all are computed in the same passes.
-#}
{%- macro smoothed(name, source, series) -%}
{%- set doublings = 12 -%}
{{ name }}_over_1 as (
    select
        symbol,
        bar_date,
        day_number
        {%- for each in series %},
        case
            when day_number < {{ each.first + each.days - 1 }} then cast(0 as double)
            when day_number = {{ each.first + each.days - 1 }} then avg({{ each.value }}) over (
                partition by symbol order by day_number rows between {{ each.days - 1 }} preceding and current row
            )
            else {{ double(each.weight) }} * {{ each.value }}
        end as {{ each.name }}
        {%- endfor %}
    from {{ source }}
),
{% for doubling in range(doublings) %}
{%- set days = 2 ** doubling %}
{{ name }}_over_{{ 2 * days }} as (
    select
        symbol,
        bar_date,
        day_number
        {%- for each in series %},
        {{ each.name }} + {{ double((1 - each.weight) ** days) }} * lag({{ each.name }}, {{ days }}, cast(0 as double)) over (
            partition by symbol order by day_number
        ) as {{ each.name }}
        {%- endfor %}
    from {{ name }}_over_{{ days }}
),
{% endfor %}
{{ name }} as (
    select
        symbol,
        bar_date,
        day_number
        {%- for each in series %},
        case when day_number >= {{ each.first + each.days - 1 }} then {{ each.name }} end as {{ each.name }}
        {%- endfor %}
    from {{ name }}_over_{{ 2 ** doublings }}
)
{%- endmacro -%}

{#- A number with all its digits: as text, because literals are decimals of limited scale. -#}
{%- macro double(number) -%}cast('{{ number }}' as double){%- endmacro -%}

{#- The weight of the newest value in an exponential moving average. -#}
{%- macro ema_weight(days) -%}{{ return(2 / (days + 1)) }}{%- endmacro -%}
