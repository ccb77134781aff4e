select
    DATASET as dataset,
    TARGET_TABLE as target_table,
    BUCKET as bucket,
    KEY as object_key,
    VERSION as object_version,
    SIZE as size_bytes,
    MODIFIED as object_modified,
    BATCH_ID as batch_id,
    OUTCOME as outcome,
    REASON as reason,
    ROWS_READ as rows_read,
    ROWS_LOADED as rows_loaded,
    ROWS_QUARANTINED as rows_quarantined,
    ROWS_SUPERSEDED as rows_superseded,
    ROWS_FILTERED as rows_filtered,
    ROWS_REPLACED as rows_replaced,
    COMMITTED_AT as committed_at
from {{ source('etl_control', 'ETL_OBJECTS') }}
