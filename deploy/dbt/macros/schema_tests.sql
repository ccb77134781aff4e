{#- Tests that schema files beside the models name, apart from those that dbt has. -#}

{#- The documents of a table with JSON in DATA have entries, and each has a key, with one content. -#}
{% test keyed_entries(model, key) %}
with entries as (
    select {{ json_text('entry.value', key) }} as entry_key, cast(entry.value as varchar) as content
    from {{ model }} as copied
    {{ json_entries('copied.data', 'entry') }}
)

select 'no key' as problem, content as example from entries where entry_key is null
union all
select 'two contents' as problem, entry_key as example
from entries where entry_key is not null group by entry_key having count(distinct content) > 1
union all
select 'no entries' as problem, null as example from (select count(*) as found from entries) as counted where found = 0
{% endtest %}

{#- No two rows have the same values in all of these columns. -#}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}, count(*) as copies
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{#- A number, where there is one, is not below a bound. -#}
{% test at_least(model, column_name, bound=0) %}
select {{ column_name }} from {{ model }} where {{ column_name }} < {{ bound }}
{% endtest %}
