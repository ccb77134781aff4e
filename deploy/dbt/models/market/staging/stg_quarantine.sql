select
    QUARANTINE_ID as quarantine_id,
    DATASET as dataset,
    OBJECT_KEY as object_key,
    OBJECT_VERSION as object_version,
    OBJECT_ROW as object_row,
    REASONS as reasons,
    QUARANTINED_AT as quarantined_at,
    case
        when REPLAYED_AT is not null then 'replayed'
        when DISCARDED_AT is not null then 'discarded'
        else 'open'
    end as state
from {{ source('etl_control', 'ETL_QUARANTINE') }}
