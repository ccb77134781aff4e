-- Gaps are looked for in the years that the calendar covers; beyond them, set the variable calendar_years.
{{ config(severity='warn') }}
select symbol, bar_date
from {{ ref('daily_bars') }}
where
    bar_date < cast('{{ var("calendar_years").first }}-01-01' as date)
    or bar_date > cast('{{ var("calendar_years").last }}-12-31' as date)
