-- One line per dataset and day of loading, from the ledger, the commits and the quarantine.
{%- set counts = ['rows_read', 'rows_loaded', 'rows_quarantined', 'rows_superseded', 'rows_filtered', 'rows_replaced'] %}
{%- set measures = ['objects_loaded', 'objects_refused', 'objects_superseded'] + counts
    + ['commits', 'anomalies', 'quarantine_open', 'quarantine_replayed', 'quarantine_discarded'] %}
with

lines as (
    select
        dataset,
        cast(committed_at as date) as loaded_on,
        case outcome when 'loaded' then 1 else 0 end as objects_loaded,
        case outcome when 'refused' then 1 else 0 end as objects_refused,
        case outcome when 'superseded' then 1 else 0 end as objects_superseded,
        {%- for count in counts %}
        {{ count }},
        {%- endfor %}
        0 as commits,
        0 as anomalies,
        0 as quarantine_open,
        0 as quarantine_replayed,
        0 as quarantine_discarded
    from {{ ref('stg_objects') }}
    union all
    select dataset, cast(committed_at as date), 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, anomalies, 0, 0, 0
    from {{ ref('stg_batches') }}
    union all
    select
        dataset,
        cast(quarantined_at as date),
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        case state when 'open' then 1 else 0 end,
        case state when 'replayed' then 1 else 0 end,
        case state when 'discarded' then 1 else 0 end
    from {{ ref('stg_quarantine') }}
),

sums as (
    select
        dataset,
        loaded_on
        {%- for measure in measures %},
        cast(sum({{ measure }}) as bigint) as {{ measure }}
        {%- endfor %}
    from lines
    group by dataset, loaded_on
)

select
    sums.*,
    case when rows_read > 0 then cast(rows_quarantined as double) / cast(rows_read as double) end as quarantined_share
from sums
