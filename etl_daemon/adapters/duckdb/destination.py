"""The DuckDB destination: staging is Arrow in memory, the commit is one transaction on the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import duckdb

from etl_daemon.adapters.duckdb import commit
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.adapters.duckdb.work import Work
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.dialect import DUCKDB
from etl_daemon.core.model import (
    CleanBatch,
    CleanSlice,
    Cursor,
    Deferral,
    Fence,
    Known,
    Receipt,
    Refusal,
    StagedBatch,
)
from etl_daemon.core.precedence import settle
from etl_daemon.core.statements import SCHEMA_VERSION, control, control_ddl, target_ddl
from etl_daemon.errors import ConfigError


class DuckDBDestination:
    """Loads into one DuckDB file. ``anomalies`` is the dataset whose target takes detected anomalies."""

    def __init__(self, file: DuckDBFile, anomalies: Dataset) -> None:
        self._file = file
        self._anomalies = anomalies

    def prepare(self, datasets: Sequence[Dataset]) -> None:
        """Create the control tables, the targets and the cursors that do not exist yet."""
        for dataset in datasets:
            if dataset.database.upper() != self._file.database.upper():
                raise ConfigError(
                    f"Dataset {dataset.name} goes to database {dataset.database}, "
                    f"but the file is {self._file.database}.",
                    hint="a DuckDB file is one database: use the same first part in every table name",
                )
        database = self._file.database
        statements = control_ddl(database, DUCKDB)
        for dataset in (*datasets, self._anomalies):
            statements += target_ddl(dataset, DUCKDB)
        with self._file.session() as connection, _Transaction(connection):
            for statement in statements:
                connection.execute(statement)
            versions = control(database, "ETL_SCHEMA_VERSION")
            connection.execute(
                f"INSERT INTO {versions} SELECT ?, now()::TIMESTAMP "
                f"WHERE NOT EXISTS (FROM {versions} WHERE VERSION = ?)",
                [SCHEMA_VERSION, SCHEMA_VERSION],
            )
            cursors = control(database, "ETL_CURSORS")
            for dataset in datasets:
                connection.execute(
                    f"INSERT INTO {cursors} (DATASET, LEASE_GENERATION, HOLDER) "
                    f"SELECT ?, 0, '' WHERE NOT EXISTS (FROM {cursors} WHERE DATASET = ?)",
                    [dataset.name, dataset.name],
                )

    def recall(self, datasets: Sequence[Dataset], bucket: str) -> Mapping[str, Known]:
        """What the ledger says of each dataset, by name."""
        objects, cursors = (control(self._file.database, name) for name in ("ETL_OBJECTS", "ETL_CURSORS"))
        with self._file.session() as connection:
            ledger = connection.execute(
                f"SELECT DATASET, TARGET_TABLE, KEY, arg_max(VERSION, COMMITTED_AT), "
                "min(MODIFIED) <= WATERMARK, arg_max(OUTCOME, COMMITTED_AT) = 'refused' "
                f"FROM {objects} LEFT JOIN {cursors} USING (DATASET) WHERE BUCKET = ? "
                "GROUP BY DATASET, TARGET_TABLE, KEY, WATERMARK",
                [bucket],
            ).fetchall()
            rows = connection.execute(
                f"SELECT DATASET, WATERMARK, LEASE_GENERATION, HOLDER, SWEPT_AT FROM {cursors}"
            ).fetchall()
        found = {
            name: Cursor(_utc(mark), generation, holder, _utc(swept)) for name, mark, generation, holder, swept in rows
        }
        known = {dataset.name: Known({}, found.get(dataset.name, Cursor())) for dataset in datasets}
        tables = {dataset.name: dataset.table for dataset in datasets}
        for name, table, key, version, settled, refused in ledger:
            if tables.get(name) == table:
                known[name].versions[key] = version
                if refused:
                    known[name].refused.add(key)
                if settled and key > known[name].settled_key:
                    known[name] = replace(known[name], settled_key=key)
        return known

    def stage(self, batch: CleanBatch) -> StagedBatch:
        """Collect the batch in memory; rows of a refused or deferred object are let go."""
        slices: list[CleanSlice] = []
        refusals: list[Refusal] = []
        deferrals: list[Deferral] = []
        for result in batch.results:
            if isinstance(result, CleanSlice):
                slices.append(result)
                continue
            slices = [kept for kept in slices if kept.ref != result.ref]
            if isinstance(result, Refusal):
                refusals.append(result)
            else:
                deferrals.append(result)
        return StagedBatch(batch.plan, settle(slices, batch.plan.dataset), tuple(refusals), tuple(deferrals))

    def commit(self, batch: StagedBatch, fence: Fence, now: datetime) -> Receipt:
        """Rows, quarantine, anomalies, ledger, cursor and fence in one transaction."""
        with self._file.session() as connection, _Transaction(connection):
            return commit.run(Work(connection, batch, self._anomalies, now.replace(tzinfo=None)), fence)

    def mark_swept(self, dataset: Dataset, fence: Fence, swept_at: datetime) -> None:
        """Note that everything under the dataset's prefix was compared with the ledger at that time."""
        cursors = control(self._file.database, "ETL_CURSORS")
        with self._file.session() as connection:
            connection.execute(
                f"UPDATE {cursors} SET SWEPT_AT = ? WHERE DATASET = ? AND LEASE_GENERATION <= ?",
                [swept_at.replace(tzinfo=None), dataset.name, fence.generation],
            )

    def close(self) -> None:
        """Nothing stays open between calls."""


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


class _Transaction:
    """BEGIN, then COMMIT, or ROLLBACK on any error."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.begin()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()
