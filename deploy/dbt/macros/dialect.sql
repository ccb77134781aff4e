{#-
    What differs between DuckDB and Snowflake, so that models are written once. A macro has a version for each where they
    differ; what only puts such macros together, or is the same SQL on both, needs none.
-#}

{#- The type of a column that holds any JSON. -#}
{%- macro type_json() -%}{{ return(adapter.dispatch('type_json')()) }}{%- endmacro -%}
{%- macro default__type_json() -%}json{%- endmacro -%}
{%- macro snowflake__type_json() -%}variant{%- endmacro -%}

{#- The text at a path of a JSON column, such as 'name.common'; null where nothing is there, or null, or ''. -#}
{%- macro json_text(column, path) -%}nullif(trim({{ adapter.dispatch('json_path')(column, path) }}), ''){%- endmacro -%}
{%- macro default__json_path(column, path) -%}{{ column }} ->> '$.{{ path }}'{%- endmacro -%}
{%- macro snowflake__json_path(column, path) -%}{{ column }}:{{ path }}::varchar{%- endmacro -%}

{#- A member of a list that is text itself. -#}
{%- macro json_scalar(column) -%}nullif(trim({{ adapter.dispatch('json_scalar')(column) }}), ''){%- endmacro -%}
{%- macro default__json_scalar(column) -%}{{ column }} ->> '$'{%- endmacro -%}
{%- macro snowflake__json_scalar(column) -%}{{ column }}::varchar{%- endmacro -%}

{#-
    In FROM, after a table: a row per member of the list or object at a path of its JSON column, none where there is no
    such thing. `name.value` is the member, `name.key` an object's key, json_position(name) the place in a list, from 1.
-#}
{%- macro json_members(column, path, name) -%}{{ return(adapter.dispatch('json_members')(column, path, name)) }}{%- endmacro -%}
{%- macro default__json_members(column, path, name) -%}
cross join lateral json_each({{ column }}, '$.{{ path }}') as {{ name }}
{%- endmacro -%}
{%- macro snowflake__json_members(column, path, name) -%}
, lateral flatten(input => {{ column }}:{{ path }}) as {{ name }}
{%- endmacro -%}

{%- macro json_position(name) -%}{{ return(adapter.dispatch('json_position')(name)) }}{%- endmacro -%}
{%- macro default__json_position(name) -%}cast({{ name }}.key as integer) + 1{%- endmacro -%}
{%- macro snowflake__json_position(name) -%}{{ name }}.index + 1{%- endmacro -%}

{#- The same over a whole document: its members if it is a list, else the document itself as the only one. -#}
{%- macro json_entries(column, name) -%}{{ return(adapter.dispatch('json_entries')(column, name)) }}{%- endmacro -%}
{%- macro default__json_entries(column, name) -%}
cross join lateral json_each(
    case json_type({{ column }}) when 'ARRAY' then {{ column }} else json_array({{ column }}) end
) as {{ name }}
{%- endmacro -%}
{%- macro snowflake__json_entries(column, name) -%}
, lateral flatten(
    input => case when is_array({{ column }}) then {{ column }} else array_construct({{ column }}) end
) as {{ name }}
{%- endmacro -%}

{#- The moment at which this invocation began, UTC without zone: the same in all that one build writes. -#}
{%- macro build_started() -%}
cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
{%- endmacro -%}
