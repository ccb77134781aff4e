"""SQL text that every destination shares: the control tables and the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from etl_daemon.core.datasets import INSTANT, SYSTEM_COLUMNS, TEXT, Dataset, Kind
from etl_daemon.core.sql.dialect import Dialect

CONTROL_SCHEMA = "ETL_CONTROL"

COUNT_COLUMNS = ("ROWS_READ", "ROWS_LOADED", "ROWS_QUARANTINED", "ROWS_SUPERSEDED", "ROWS_FILTERED")


def _table(text: str, numbers: str = "", times: str = "") -> pa.Schema:
    types = {name: pa.int64() for name in numbers.split()} | dict.fromkeys(times.split(), INSTANT)
    return pa.schema([(name, types.get(name, TEXT)) for name in text.split()])


_COUNTED = " ".join((*COUNT_COLUMNS, "ROWS_REPLACED"))

CONTROL_TABLES: Mapping[str, pa.Schema] = {
    "ETL_OBJECTS": _table(
        f"DATASET TARGET_TABLE BUCKET KEY VERSION ETAG SIZE MODIFIED BATCH_ID OUTCOME REASON {_COUNTED} COMMITTED_AT",
        numbers=f"SIZE {_COUNTED}",
        times="MODIFIED COMMITTED_AT",
    ),
    "ETL_BATCHES": _table(
        f"BATCH_ID DATASET TARGET_TABLE OBJECTS {_COUNTED} ANOMALIES LEASE_GENERATION HOLDER COMMITTED_AT",
        numbers=f"OBJECTS {_COUNTED} ANOMALIES LEASE_GENERATION",
        times="COMMITTED_AT",
    ),
    "ETL_CURSORS": _table(
        "DATASET WATERMARK LEASE_GENERATION HOLDER CURSOR SWEPT_AT",
        numbers="LEASE_GENERATION",
        times="WATERMARK SWEPT_AT",
    ),
    "ETL_QUARANTINE": _table(
        "QUARANTINE_ID DATASET OBJECT_KEY OBJECT_VERSION OBJECT_ROW REASONS RAW BATCH_ID QUARANTINED_AT REPLAYED_AT "
        "DISCARDED_AT",
        numbers="OBJECT_ROW",
        times="QUARANTINED_AT REPLAYED_AT DISCARDED_AT",
    ),
    "ETL_AUDIT_LOG": _table("WHO OCCURRED_AT WHAT DATASET DETAIL", times="OCCURRED_AT"),
    "ETL_SCHEMA_VERSION": _table("VERSION APPLIED_AT", numbers="VERSION", times="APPLIED_AT"),
}
"""Control tables and their columns; see docs/control-tables.md for what each holds."""


def control(database: str, table: str) -> str:
    """The full name of a control table."""
    return f"{database}.{CONTROL_SCHEMA}.{table}"


def creating(database: str, datasets: Sequence[Dataset], dialect: Dialect) -> dict[str, str]:
    """Full names of control tables, targets and their schemas, in order, each with what creates it if absent."""
    tables = {control(database, name): columns for name, columns in CONTROL_TABLES.items()}
    for dataset in datasets:
        if dataset.kind is Kind.TABLE:
            continue  # its columns are those of the first rows
        tables[dataset.table] = pa.schema([*dataset.schema.target, *SYSTEM_COLUMNS])
    statements: dict[str, str] = {}
    for name, columns in tables.items():
        schema = name.rpartition(".")[0]
        statements.setdefault(schema, f"CREATE SCHEMA IF NOT EXISTS {schema}")
        statements[name] = _create(name, columns, dialect)
    return statements


def growing(table: str, present: pa.Schema | None, gain: tuple[pa.Schema, pa.Schema], dialect: Dialect) -> list[str]:
    """Statements that give a table the columns that it gains, and the types that widen.

    ``present`` is None where there is no table yet.
    """
    added, widened = gain
    if present is None:
        create = _create(table, pa.schema([*added, *SYSTEM_COLUMNS]), dialect, quote='"')
        return [f"CREATE SCHEMA IF NOT EXISTS {table.rpartition('.')[0]}", create]
    more = [f'ADD COLUMN IF NOT EXISTS "{field.name}" {dialect.column_type(field.type)}' for field in added]
    wider = [f'ALTER COLUMN "{field.name}" SET DATA TYPE {dialect.column_type(field.type)}' for field in widened]
    return [f"ALTER TABLE {table} {change}" for change in (*more, *wider)]


def script(statements: Sequence[str]) -> str:
    """The statements as one text that any SQL client runs."""
    return "\n".join(f"{statement};\n" for statement in statements)


def _create(table: str, columns: pa.Schema, dialect: Dialect, quote: str = "") -> str:
    names = (f"    {quote}{field.name}{quote} {dialect.column_type(field.type)}" for field in columns)
    listed = ",\n".join(names)
    return f"CREATE TABLE IF NOT EXISTS {table} (\n{listed}\n)"
