{#-
    What differs between DuckDB and Snowflake, so that models are written once. Macros without a word on Snowflake beside
    them are the same on both.
-#}

{#- The type of a column that holds any JSON. -#}
{%- macro type_json() -%}{{ return(adapter.dispatch('type_json')()) }}{%- endmacro -%}
{%- macro default__type_json() -%}json{%- endmacro -%}
{%- macro snowflake__type_json() -%}variant{%- endmacro -%}

{#- The text at a path of a JSON column, such as 'name.common'; null where nothing is there, or a JSON null. -#}
{%- macro json_text(column, path) -%}{{ return(adapter.dispatch('json_text')(column, path)) }}{%- endmacro -%}
{%- macro default__json_text(column, path) -%}({{ column }} ->> '$.{{ path }}'){%- endmacro -%}
{%- macro snowflake__json_text(column, path) -%}{{ column }}:{{ path }}::varchar{%- endmacro -%}

{#- The moment at which this invocation began, UTC without zone: the same in all that one build writes. -#}
{%- macro build_started() -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
{%- endmacro -%}
