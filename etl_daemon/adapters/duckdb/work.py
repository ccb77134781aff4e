"""What the steps of one commit share: the connection, the batch, and its rows offered as views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import INSTANT, SYSTEM_COLUMNS, TEXT, Dataset
from etl_daemon.core.model import CleanSlice, StagedBatch
from etl_daemon.core.statements import control


@dataclass(frozen=True, slots=True)
class Work:
    """One commit under way. ``now`` is UTC without zone, as the tables have it."""

    connection: duckdb.DuckDBPyConnection
    batch: StagedBatch
    anomalies: Dataset
    now: datetime

    @property
    def dataset(self) -> Dataset:
        """The batch's dataset."""
        return self.batch.plan.dataset

    @property
    def detector(self) -> str:
        """``DETECTED_BY`` of the anomalies that this dataset's rules find."""
        return f"etl_daemon:{self.dataset.name}"

    def control(self, table: str) -> str:
        """The full name of a control table."""
        return control(self.dataset.database, table)

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement with bound values; its rows, if it has any."""
        return self.connection.execute(statement, list(parameters)).fetchall()

    def offer(self, view: str, tables: list[tuple[CleanSlice, pa.Table]]) -> None:
        """Offer Arrow tables as one view with the columns that every target has."""
        rows = [_with_object(table, each) for each, table in tables]
        self.connection.register(f"{view}_rows", pa.concat_tables(rows) if rows else self._empty())
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT *, '{self.batch.plan.batch_id}' AS _BATCH_ID, "
            f"TIMESTAMP '{self.now.isoformat(' ')}' AS _LOADED_AT FROM {view}_rows"
        )

    def _empty(self) -> pa.Table:
        own = [SYSTEM_COLUMNS.field(name) for name in ("_OBJECT_ROW", "_OBJECT_KEY", "_OBJECT_MODIFIED")]
        return pa.schema([*self.dataset.schema.target, *own]).empty_table()


def _with_object(table: pa.Table, part: CleanSlice) -> pa.Table:
    """The rows with the object that they come from; the key is stored once, as a dictionary of one."""
    rows = table.num_rows
    key = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([part.ref.key], TEXT))
    modified = pa.repeat(pa.scalar(part.ref.modified.replace(tzinfo=None), INSTANT), rows)
    return table.append_column("_OBJECT_KEY", key).append_column("_OBJECT_MODIFIED", modified)
