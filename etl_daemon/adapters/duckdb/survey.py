"""What the file holds, read without changing anything; and whether it could be changed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import Cursor
from etl_daemon.core.statements import CONTROL_TABLES, control
from etl_daemon.errors import SetupError


@dataclass(frozen=True, slots=True)
class DatasetState:
    """How far a dataset is. ``rows`` are in the target now; ``quarantined`` counts open rows by reason."""

    cursor: Cursor = field(default_factory=Cursor)
    loaded: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    quarantined_rows: int = 0
    last_commit: datetime | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """The tables that there should be, with their rows (None: the table is missing), and each dataset's state."""

    place: Path
    exists: bool
    tables: Mapping[str, int | None]
    datasets: Mapping[str, DatasetState]

    @property
    def missing(self) -> list[str]:
        """Tables that `etl-daemon init` would make."""
        return [name for name, rows in self.tables.items() if rows is None]


def survey(file: DuckDBFile, datasets: Sequence[Dataset], anomalies: Dataset) -> Survey:
    """Look at everything.

    Raises:
        BusyError: another process held the file all the while.
        SetupError: the file is no DuckDB file.
    """
    names = [control(file.database, name) for name in CONTROL_TABLES]
    names += dict.fromkeys(dataset.table for dataset in (*datasets, anomalies))
    if not file.path.exists():
        return Survey(file.path, False, dict.fromkeys(names), {each.name: DatasetState() for each in datasets})
    with file.connection(read_only=True) as connection:
        tables = _tables(connection, names, file.database)
        ready = all(tables[control(file.database, name)] is not None for name in CONTROL_TABLES)
        states = {each.name: _state(connection, each, tables) if ready else DatasetState() for each in datasets}
    return Survey(file.path, True, tables, states)


def probe(file: DuckDBFile) -> None:
    """Check that the file, or one in its place, can be written; nothing is left behind.

    Raises:
        BusyError: another process held the file all the while.
        SetupError: it cannot be written.
    """
    if not file.path.exists():
        folder = file.path.resolve().parent
        if not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise SetupError(f"{folder} is no writable folder.", hint="make it, or correct ETL_DUCKDB_PATH")
        return
    with file.connection() as connection:
        connection.begin()
        connection.execute(f"CREATE SCHEMA {file.database}.ETL_PROBE")
        connection.rollback()


def _tables(connection: duckdb.DuckDBPyConnection, names: Sequence[str], database: str) -> dict[str, int | None]:
    found = connection.execute(
        "SELECT upper(concat_ws('.', ?, table_schema, table_name)) FROM information_schema.tables "
        "WHERE upper(table_catalog) = upper(?)",
        [database, database],
    ).fetchall()
    there = {name for (name,) in found}
    return {name: _count(connection, name) if name.upper() in there else None for name in names}


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _state(connection: duckdb.DuckDBPyConnection, dataset: Dataset, tables: Mapping[str, int | None]) -> DatasetState:
    def rows(sql: str, table: str, *parameters: object) -> list[tuple[Any, ...]]:
        return connection.execute(sql.format(control(dataset.database, table)), list(parameters)).fetchall()

    cursors = rows(
        "SELECT WATERMARK, LEASE_GENERATION, HOLDER, SWEPT_AT FROM {} WHERE DATASET = ?", "ETL_CURSORS", dataset.name
    )
    latest = rows(
        "SELECT OUTCOME, REASON, count(*) FROM (FROM {} WHERE DATASET = ? AND TARGET_TABLE = ? "
        "QUALIFY row_number() OVER (PARTITION BY BUCKET, KEY ORDER BY COMMITTED_AT DESC) = 1) "
        "GROUP BY ALL ORDER BY ALL",
        "ETL_OBJECTS",
        dataset.name,
        dataset.table,
    )
    unfit = "FROM {} WHERE DATASET = ? AND REPLAYED_AT IS NULL AND DISCARDED_AT IS NULL"
    reasons = rows(
        f"SELECT reason, count(*) FROM (SELECT unnest(string_split(REASONS, ',')) AS reason {unfit}) "
        "GROUP BY ALL ORDER BY ALL",
        "ETL_QUARANTINE",
        dataset.name,
    )
    quarantined = rows(f"SELECT count(*) {unfit}", "ETL_QUARANTINE", dataset.name)[0][0]
    last = rows("SELECT max(COMMITTED_AT) FROM {} WHERE DATASET = ?", "ETL_BATCHES", dataset.name)[0][0]
    return DatasetState(
        _cursor(cursors),
        sum(count for outcome, _, count in latest if outcome == "loaded"),
        {reason: count for outcome, reason, count in latest if outcome == "refused"},
        tables[dataset.table] or 0,
        dict(reasons),
        quarantined,
        _utc(last),
    )


def _cursor(rows: list[tuple[Any, ...]]) -> Cursor:
    if not rows:
        return Cursor()
    watermark, generation, holder, swept = rows[0]
    return Cursor(_utc(watermark), generation, holder, _utc(swept))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
