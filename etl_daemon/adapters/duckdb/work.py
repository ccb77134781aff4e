"""What the steps of one commit share: the connection, the batch, and its rows offered as views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import INSTANT, SYSTEM_COLUMNS, TEXT, Dataset
from etl_daemon.core.model import CleanSlice, StagedBatch
from etl_daemon.core.statements import control

Offered = tuple[CleanSlice, pa.Table, "np.ndarray[Any, Any] | None"]
"""A slice, rows of it, and which of them stay."""


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

    def offer(self, view: str, parts: Sequence[Offered]) -> None:
        """Show Arrow tables as one view with the columns that every target has, without the rows that do not stay.

        The mark is a column that the view filters on: cutting the tables themselves would copy them.
        """
        rows = [_with_object(table, part).append_column("STAYS", _mark(stays, table)) for part, table, stays in parts]
        self.connection.register(f"{view}_rows", pa.concat_tables(rows) if rows else self._empty())
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * EXCLUDE (STAYS), "
            f"'{self.batch.plan.batch_id}' AS _BATCH_ID, TIMESTAMP '{self.now.isoformat(' ')}' AS _LOADED_AT "
            f"FROM {view}_rows WHERE STAYS"
        )

    def _empty(self) -> pa.Table:
        own = [SYSTEM_COLUMNS.field(name) for name in ("_OBJECT_ROW", "_OBJECT_KEY", "_OBJECT_MODIFIED")]
        return pa.schema([*self.dataset.schema.target, *own, pa.field("STAYS", pa.bool_())]).empty_table()


def _with_object(table: pa.Table, part: CleanSlice) -> pa.Table:
    """The rows with the object that they come from; the key is stored once, as a dictionary of one."""
    rows = table.num_rows
    key = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([part.ref.key], TEXT))
    modified = pa.repeat(pa.scalar(part.ref.modified.replace(tzinfo=None), INSTANT), rows)
    return table.append_column("_OBJECT_KEY", key).append_column("_OBJECT_MODIFIED", modified)


def _mark(stays: np.ndarray[Any, Any] | None, table: pa.Table) -> pa.Array:
    return pa.repeat(pa.scalar(True), table.num_rows) if stays is None else pa.array(stays)
