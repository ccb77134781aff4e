"""Staging of rows that lie in files which the destination reads itself: they do not pass through this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.destination.session import Session
from etl_daemon.adapters.destination.work import Work
from etl_daemon.core import arrow
from etl_daemon.core.datasets import ROW_ORDER, SYSTEM_COLUMNS
from etl_daemon.core.model import StagedBatch
from etl_daemon.core.sql.copying import LOST, without_rows


class CopyingSession(Session, Protocol):
    """A session with a database that reads the files of a depot."""

    def copy(self, name: str, schema: pa.Schema, files: Sequence[str]) -> str:
        """Bring all rows of the files into a temporary table with these columns; its full name."""


def files_of(batch: StagedBatch) -> tuple[str, ...]:
    """The files that have the batch's rows, each once; none where some rows are in none."""
    files = [part.file for part in batch.slices if part.accepted.num_rows]
    return tuple(dict.fromkeys(files)) if all(files) else ()


def copied(work: Work, session: CopyingSession, files: Sequence[str]) -> Work:
    """The work with its rows staged from the files, less those that lose to others.

    No file has rows of an object that is refused beside those of others. The commit counts what is there, as it does
    whatever the way.
    """
    batch = work.batch
    own = [SYSTEM_COLUMNS.field(name) for name in ROW_ORDER]
    table = session.copy("STAGED_ROWS", pa.schema([*batch.target, *own]), files)
    lost = _lost(batch)
    if lost.num_rows:
        session.run(without_rows(table, session.stage("STAGED_LOST", lost)))
    count = sum(part.accepted.num_rows for part in batch.slices) - lost.num_rows
    return replace(work, rows=table, rows_staged=count)


def _lost(batch: StagedBatch) -> pa.Table:
    parts = [LOST.empty_table()]
    for part in batch.slices:
        if part.stays is not None:
            rows = arrow.values(part.accepted["_OBJECT_ROW"])[~part.stays]
            columns = [arrow.constant(part.ref.key, len(rows)), arrow.array(np.ascontiguousarray(rows))]
            parts.append(pa.table(columns, LOST))
    return pa.concat_tables(parts)
