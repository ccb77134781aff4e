select
    BATCH_ID as batch_id,
    DATASET as dataset,
    TARGET_TABLE as target_table,
    OBJECTS as objects,
    ANOMALIES as anomalies,
    HOLDER as holder,
    COMMITTED_AT as committed_at
from {{ source('etl_control', 'ETL_BATCHES') }}
