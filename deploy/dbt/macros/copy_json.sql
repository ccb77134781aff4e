{#-
    JSON documents as they came, in a table with the one column DATA: what the newest delivery brought, and nothing else.

    A model says `{{ config(materialized='json_copy') }} {{ copy_json(source(...), stage) }}`. Each build brings the documents
    into a temporary table, then deletes and reloads in one transaction: it can be repeated at any time, readers never see
    the table empty, and where the documents cannot be had it stays as it was.
    On Snowflake `stage`, such as `@DATABASE.SCHEMA.STAGE/data/countries/`, is where the documents are; without one, and on
    DuckDB always, they are the rows of `table`, which the daemon has loaded (`raw = "document"` or `raw = "records"`).
-#}
{%- macro copy_json(table, stage=none) -%}
    {{ return(adapter.dispatch('copy_json')(table, stage)) }}
{%- endmacro -%}

{%- macro default__copy_json(table, stage) -%}
    {%- if execute and load_relation(table) is none -%}
        {{ exceptions.raise_compiler_error(
            "There is no table " ~ table ~ ". Load it with the daemon first (docs/dbt.md), or leave its models out: "
            ~ "--exclude " ~ model.fqn[1]) }}
    {%- endif -%}
insert into {{ arrivals(this) }} (data)
{{ newest_delivery(table) }}
{%- endmacro -%}

{%- macro snowflake__copy_json(table, stage) -%}
    {%- if not stage -%}
        {{ return(default__copy_json(table, stage)) }}
    {%- endif -%}
copy into {{ arrivals(this) }}
from {{ stage }}
files = ({% for file in newest_files(stage) %}'{{ file }}'{{ ', ' if not loop.last }}{% endfor %})
file_format = (type = json)
force = true
{%- endmacro -%}

{#- The rows of the run that came last: `extract api` numbers the pages of a run, `<timestamp>-p001.json` and so on. -#}
{%- macro newest_delivery(table) -%}
with deliveries as (
    select data, _object_modified, regexp_replace(_object_key, '-p[0-9]+[.]json$', '.json') as delivery
    from {{ table }}
),

dated as (
    select data, delivery, max(_object_modified) over (partition by delivery) as delivered_at
    from deliveries
)

select data
from dated
qualify dense_rank() over (order by delivered_at desc, delivery desc) = 1
{%- endmacro -%}

{#- The same of a stage: the names below it of the files that the last run put there, at most the 1000 that COPY takes. -#}
{%- macro newest_files(stage) -%}
    {%- set folder = stage.partition('/')[2] -%}
    {%- if not folder -%}
        {{ exceptions.raise_compiler_error("The stage " ~ stage ~ " must be given with a folder: @DB.SCHEMA.STAGE/folder/") }}
    {%- endif -%}
    {%- set runs, dates = {}, {} -%}
    {%- for file in (run_query("list " ~ stage).rows if execute else []) -%}
        {%- set name = file[0].rpartition(folder)[2] -%}
        {%- set run = modules.re.sub('-p[0-9]+[.]json', '.json', name) -%}
        {%- set date = modules.datetime.datetime.strptime(file[3], '%a, %d %b %Y %H:%M:%S %Z') -%}
        {%- do runs.setdefault(run, []).append(name) -%}
        {%- do dates.update({run: [dates.get(run, date), date] | max}) -%}
    {%- endfor -%}
    {%- if execute and not runs -%}
        {{ exceptions.raise_compiler_error("There is no document in " ~ stage ~ ": run `etl-daemon extract api` first.") }}
    {%- endif -%}
    {%- set newest = namespace(run=none) -%}
    {%- for run in runs if newest.run is none or (dates[run], run) > (dates[newest.run], newest.run) -%}
        {%- set newest.run = run -%}
    {%- endfor -%}
    {{ return(runs.get(newest.run, []) | sort) }}
{%- endmacro -%}

{%- materialization json_copy, default -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if existing is not none and (not existing.is_table or should_full_refresh()) -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('create') -%}
        create table if not exists {{ target_relation }} (data {{ type_json() }})
    {%- endcall -%}
    {%- call statement('arrivals') -%}
        create or replace temporary table {{ arrivals(target_relation) }} (data {{ type_json() }})
    {%- endcall -%}
    {%- call statement('main') -%}
        {{ sql }}
    {%- endcall -%}
    {%- call statement('reload') -%}
        {{ in_one_transaction(
            "delete from " ~ target_relation ~ ";\n"
            ~ "insert into " ~ target_relation ~ " (data) select data from " ~ arrivals(target_relation)
        ) }}
    {%- endcall -%}

    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{#- The temporary table beside a table; on DuckDB such tables have no schema. -#}
{%- macro arrivals(relation) -%}{{ return(adapter.dispatch('arrivals')(relation)) }}{%- endmacro -%}
{%- macro default__arrivals(relation) -%}{{ return(relation.identifier ~ '__arrived') }}{%- endmacro -%}
{%- macro snowflake__arrivals(relation) -%}
    {{ return(relation.incorporate(path={'identifier': relation.identifier ~ '__arrived'})) }}
{%- endmacro -%}

{#- dbt opens a transaction by itself on DuckDB; on Snowflake each statement is one of its own. -#}
{%- macro in_one_transaction(statements) -%}{{ return(adapter.dispatch('in_one_transaction')(statements)) }}{%- endmacro -%}
{%- macro default__in_one_transaction(statements) -%}{{ statements }}{%- endmacro -%}
{%- macro snowflake__in_one_transaction(statements) -%}{{ snowflake_dml_explicit_transaction(statements) }}{%- endmacro -%}
