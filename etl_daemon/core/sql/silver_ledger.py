"""SQL of what was merged: the ledger's batches are the stream, and ``ETL_MERGES`` how far it was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from etl_daemon.core.datasets import INSTANT, TEXT, Dataset
from etl_daemon.core.medallion.refinement import Refinement
from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.tables import control
from etl_daemon.core.sql.versions import latest

COMMITS = pa.schema([("BATCH_ID", TEXT), ("COMMITTED_AT", INSTANT)])
"""Commits, by what the rows that they brought carry: a batch may come again, at another time."""

MERGES = pa.schema(
    [("DATASET", TEXT), ("TARGET_TABLE", TEXT), ("BATCH_ID", TEXT), ("COMMITTED_AT", INSTANT), ("MERGED_AT", INSTANT)]
)
"""``ETL_MERGES``: which commits of bronze are in which silver table."""

Bound = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class MergesSql:
    """The statements for one dataset, each with the values that are bound to it."""

    database: str
    dialect: Dialect
    dataset: Dataset
    refinement: Refinement

    @property
    def table(self) -> str:
        """The full name of ``ETL_MERGES``."""
        return control(self.database, "ETL_MERGES")

    def creating(self) -> str:
        """Make ``ETL_MERGES``."""
        columns = ", ".join(f"{field.name} {self.dialect.column_type(field.type)}" for field in MERGES)
        return f"CREATE TABLE IF NOT EXISTS {self.table} ({columns})"

    def pending(self) -> tuple[str, *Bound]:
        """Commits that are not in silver yet: (batch id, time, rows of others that gave way)."""
        statement = (
            f"SELECT b.BATCH_ID, b.COMMITTED_AT, b.ROWS_REPLACED FROM {control(self.database, 'ETL_BATCHES')} AS b "
            f"WHERE b.DATASET = ? AND b.TARGET_TABLE = ? AND NOT EXISTS (SELECT 1 FROM {self.table} AS m "
            "WHERE m.TARGET_TABLE = ? AND m.BATCH_ID = b.BATCH_ID AND m.COMMITTED_AT = b.COMMITTED_AT) "
            "ORDER BY b.COMMITTED_AT, b.BATCH_ID"
        )
        return statement, self.dataset.name, self.dataset.table, self.refinement.table

    def noted(self, commits: str, now: datetime) -> tuple[str, *Bound]:
        """Note that commits are in silver: a JSON list of them."""
        statement = (
            f"INSERT INTO {self.table} (DATASET, TARGET_TABLE, BATCH_ID, COMMITTED_AT, MERGED_AT) "
            "SELECT CAST(? AS VARCHAR), CAST(? AS VARCHAR), BATCH_ID, COMMITTED_AT, "
            f"CAST(? AS {self.dialect.timestamp}) FROM ({self.dialect.listed(COMMITS)}) AS listed"
        )
        return statement, self.dataset.name, self.refinement.table, now, commits

    def forgotten(self) -> tuple[str, *Bound]:
        """Forget what an earlier silver table of the name had."""
        return f"DELETE FROM {self.table} WHERE TARGET_TABLE = ?", self.refinement.table

    def news(self) -> str:
        """Rows of bronze that some commits brought; bound: a JSON list of them."""
        return (
            f"SELECT c.* FROM {self.dataset.table} AS c JOIN ({self.dialect.listed(COMMITS)}) AS l "
            "ON c._BATCH_ID = l.BATCH_ID AND c._LOADED_AT = l.COMMITTED_AT"
        )

    def restated(self) -> str:
        """Objects that some commits brought again; bound: a JSON list of the commits."""
        objects = control(self.database, "ETL_OBJECTS")
        return (
            f"SELECT o.KEY FROM {objects} AS o JOIN ({self.dialect.listed(COMMITS)}) AS l "
            "ON o.BATCH_ID = l.BATCH_ID AND o.COMMITTED_AT = l.COMMITTED_AT"
        )

    def claimable(self, cursor: str) -> tuple[str, *Bound]:
        """Make the cursor, if it is not there."""
        table = control(self.database, "ETL_CURSORS")
        statement = (
            f"INSERT INTO {table} (DATASET, LEASE_GENERATION, HOLDER) SELECT ?, 0, '' "
            f"WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE DATASET = ?)"
        )
        return statement, cursor, cursor

    def generation(self, cursor: str) -> tuple[str, *Bound]:
        """The cursor's generation."""
        return f"SELECT LEASE_GENERATION FROM {control(self.database, 'ETL_CURSORS')} WHERE DATASET = ?", cursor

    def holder(self, cursor: str) -> tuple[str, *Bound]:
        """The version of the control tables, the cursor's generation and holder."""
        columns = f"{latest(self.database)}, LEASE_GENERATION, HOLDER"
        return f"SELECT {columns} FROM {control(self.database, 'ETL_CURSORS')} WHERE DATASET = ?", cursor
