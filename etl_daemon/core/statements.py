"""SQL text that every destination shares: the control tables and the targets."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from etl_daemon.core.datasets import SYSTEM_COLUMNS, Dataset

CONTROL_SCHEMA = "ETL_CONTROL"
SCHEMA_VERSION = 1

_COUNTS = "ROWS_READ BIGINT, ROWS_LOADED BIGINT, ROWS_QUARANTINED BIGINT, ROWS_SUPERSEDED BIGINT, ROWS_FILTERED BIGINT"

CONTROL_TABLES: Mapping[str, str] = {
    "ETL_OBJECTS": "DATASET VARCHAR, TARGET_TABLE VARCHAR, BUCKET VARCHAR, KEY VARCHAR, VERSION VARCHAR, ETAG VARCHAR, "
    "SIZE BIGINT, MODIFIED TIMESTAMP, BATCH_ID VARCHAR, OUTCOME VARCHAR, REASON VARCHAR, "
    f"{_COUNTS}, ROWS_REPLACED BIGINT, COMMITTED_AT TIMESTAMP",
    "ETL_BATCHES": "BATCH_ID VARCHAR, DATASET VARCHAR, TARGET_TABLE VARCHAR, OBJECTS BIGINT, "
    f"{_COUNTS}, ROWS_REPLACED BIGINT, ANOMALIES BIGINT, LEASE_GENERATION BIGINT, HOLDER VARCHAR, "
    "COMMITTED_AT TIMESTAMP",
    "ETL_CURSORS": "DATASET VARCHAR, WATERMARK TIMESTAMP, LEASE_GENERATION BIGINT, HOLDER VARCHAR, CURSOR VARCHAR, "
    "SWEPT_AT TIMESTAMP",
    "ETL_QUARANTINE": "QUARANTINE_ID VARCHAR, DATASET VARCHAR, OBJECT_KEY VARCHAR, OBJECT_VERSION VARCHAR, "
    "OBJECT_ROW BIGINT, "
    "REASONS VARCHAR, RAW VARCHAR, BATCH_ID VARCHAR, QUARANTINED_AT TIMESTAMP, REPLAYED_AT TIMESTAMP, "
    "DISCARDED_AT TIMESTAMP",
    "ETL_AUDIT_LOG": "WHO VARCHAR, OCCURRED_AT TIMESTAMP, WHAT VARCHAR, DATASET VARCHAR, DETAIL VARCHAR",
    "ETL_SCHEMA_VERSION": "VERSION BIGINT, APPLIED_AT TIMESTAMP",
}
"""Control tables and their columns; see docs/control-tables.md for what each holds."""


def control(database: str, table: str) -> str:
    """The full name of a control table."""
    return f"{database}.{CONTROL_SCHEMA}.{table}"


def control_ddl(database: str) -> list[str]:
    """Statements that create the control schema and tables where they are absent."""
    create = [f"CREATE SCHEMA IF NOT EXISTS {database}.{CONTROL_SCHEMA}"]
    return create + [
        f"CREATE TABLE IF NOT EXISTS {control(database, name)} ({columns})" for name, columns in CONTROL_TABLES.items()
    ]


def target_ddl(dataset: Dataset) -> list[str]:
    """Statements that create a dataset's schema and target where they are absent."""
    database, schema, _ = dataset.table.split(".")
    fields = [*dataset.schema.target, *SYSTEM_COLUMNS]
    columns = ", ".join(f"{field.name} {sql_type(field.type)}" for field in fields)
    return [
        f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}",
        f"CREATE TABLE IF NOT EXISTS {dataset.table} ({columns})",
    ]


def sql_type(type_: pa.DataType) -> str:
    """The SQL type that holds every value of an Arrow type. Timestamps are UTC without zone."""
    if pa.types.is_decimal(type_):
        return f"NUMERIC({type_.precision},{type_.scale})"
    if pa.types.is_timestamp(type_):
        return "TIMESTAMP"
    if pa.types.is_integer(type_):
        return "BIGINT"
    return "VARCHAR"
