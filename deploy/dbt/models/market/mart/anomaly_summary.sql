select
    symbol,
    anomaly_type,
    severity,
    detected_by,
    count(*) as anomalies,
    count(distinct cast(occurred_at as date)) as days,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at,
    max(abs(anomaly_value)) as largest_value,
    max_by(occurred_at, abs(anomaly_value)) as largest_at
from {{ ref('stg_anomalies') }}
group by symbol, anomaly_type, severity, detected_by
