{#- The schema of a layer is named as dbt_project.yml has it, in every target: what tells dev from prod is the database. -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim | upper }}
{%- endmacro -%}
