select
    SYMBOL as symbol,
    TIMESTAMP as occurred_at,
    ANOMALY_TYPE as anomaly_type,
    SEVERITY as severity,
    VALUE as anomaly_value,
    THRESHOLD as threshold,
    DESCRIPTION as description,
    DETECTED_BY as detected_by,
    _LOADED_AT as loaded_at
from {{ source('analytics', 'ANOMALIES') }}
