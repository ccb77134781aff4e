{#- A day of the year in column YEAR, such as on_day(7, 4). -#}
{%- macro on_day(month, day) -%}
    cast(cast(year as varchar) || '-{{ '%02d-%02d' % (month, day) }}' as date)
{%- endmacro -%}

{#- The date that many DAYS, an expression, after another; before it where they are negative. -#}
{%- macro days_after(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) }} as date)
{%- endmacro -%}

{#- Days since the last Monday: 0 on Mondays, 6 on Sundays. Engines number weekdays differently, by setting even. -#}
{%- macro weekday(date) -%}
    mod({{ dbt.datediff("cast('1900-01-01' as date)", date, 'day') }}, 7)
{%- endmacro -%}

{#- The NTH WEEKDAY (0: Monday) of a month in column YEAR. -#}
{%- macro nth_weekday(nth, weekday_number, month) -%}
    {%- set first = on_day(month, 1) -%}
    {{ days_after(first, 'mod(' ~ (weekday_number + 7) ~ ' - ' ~ weekday(first) ~ ', 7) + ' ~ 7 * (nth - 1)) }}
{%- endmacro -%}
