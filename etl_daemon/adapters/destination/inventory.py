"""What a database holds by its INFORMATION_SCHEMA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import pyarrow as pa

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.sql.ledger import MINE
from etl_daemon.core.sql.publish import quoted
from etl_daemon.core.sql.tables import control
from etl_daemon.ports.inventory import Held


class SqlInventory:
    """Looks into one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def held(self) -> Mapping[str, Held]:
        """Every table and view, by its full name in upper case."""
        database = self._engine.database
        with self._engine.session(read_only=True) as session:
            found = session.rows(
                "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS "
                "WHERE UPPER(TABLE_CATALOG) = ? ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
                database.upper(),
            )
            counts = self._counts(session)
        columns: dict[str, list[str]] = {}
        for schema, table, column in found:
            columns.setdefault(f"{database}.{schema}.{table}".upper(), []).append(column.upper())
        return {name: Held(tuple(names), counts.get(name)) for name, names in columns.items()}

    def expected(self, dataset: Dataset) -> int:
        """What the ledger says, and the anomalies that were found in rows, which are in no line of it."""
        found = f"SELECT COUNT(*) FROM {dataset.table} WHERE DETECTED_BY LIKE 'etl_daemon:%'"
        detected = found if dataset.kind is Kind.ANOMALIES else "SELECT 0"
        with self._engine.session(read_only=True) as session:
            ((rows, beside),) = session.rows(
                f"SELECT (SELECT COALESCE(SUM(ROWS_LOADED - ROWS_REPLACED), 0) "
                f"FROM {control(self._engine.database, 'ETL_OBJECTS')} WHERE {MINE}), ({detected})",
                dataset.name,
                dataset.table,
            )
        return int(rows) + int(beside)

    def described(self, dataset: Dataset) -> pa.Schema:
        """The table's own columns and their types."""
        with self._engine.session(read_only=True) as session:
            found = session.rows(f"DESCRIBE TABLE {dataset.table}")
        return self._engine.dialect.described([(str(name), str(type_)) for name, type_, *_ in found])

    def rows(self, dataset: Dataset, ref: ObjectRef, columns: Sequence[str], most: int) -> list[tuple[Any, ...]]:
        """Of an object's rows those with the lowest numbers: number, then the columns."""
        with self._engine.session(read_only=True) as session:
            return session.rows(
                f"SELECT {quoted(['_OBJECT_ROW', *columns])} FROM {dataset.table} "
                f"WHERE _OBJECT_KEY = ? AND _OBJECT_MODIFIED = ? ORDER BY _OBJECT_ROW LIMIT {most:d}",
                ref.key,
                ref.modified.astimezone(UTC).replace(tzinfo=None),
            )

    def _counts(self, session: Session) -> dict[str, int]:
        """Rows by table. DuckDB's catalogue only estimates them, so there they are counted."""
        database = self._engine.database
        if self._engine.dialect.name == "snowflake":
            found = session.rows(
                "SELECT TABLE_SCHEMA, TABLE_NAME, ROW_COUNT FROM INFORMATION_SCHEMA.TABLES "
                "WHERE UPPER(TABLE_CATALOG) = ? AND ROW_COUNT IS NOT NULL",
                database.upper(),
            )
            return {f"{database}.{schema}.{table}".upper(): int(rows) for schema, table, rows in found}
        tables = session.rows(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES "
            "WHERE UPPER(TABLE_CATALOG) = ? AND TABLE_TYPE = 'BASE TABLE'",
            database.upper(),
        )
        counts = {
            f"{database}.{schema}.{table}".upper(): session.rows(
                f"SELECT COUNT(*) FROM {database}.{named(schema, table)}"
            )
            for schema, table in tables
        }
        return {name: int(rows) for name, ((rows,),) in counts.items()}


def named(*parts: str) -> str:
    """A name as SQL has it, part by part: those of tables that others made may hold anything."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
