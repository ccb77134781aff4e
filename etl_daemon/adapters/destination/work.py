"""What the steps of one commit share: the session, the batch, and where its rows are staged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.destination.session import Marks, Session
from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT, SYSTEM_COLUMNS, Dataset
from etl_daemon.core.model import CleanSlice, ObjectRef, StagedBatch
from etl_daemon.core.rules.origin import VERSION
from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.ledger import LedgerSql


@dataclass(frozen=True, slots=True)
class Work:
    """One commit under way.

    ``rows`` is the table where the rows are staged, with how many there are; ``findings`` that of rejected rows and
    anomalies, or empty. ``now`` is UTC without zone, as the tables have it. ``flagged``: anomalies of the target's rows
    may be in the table of anomalies.
    """

    session: Session
    dialect: Dialect
    batch: StagedBatch
    anomalies: Dataset
    now: datetime
    rows: str = ""
    rows_staged: int = 0
    findings: str = ""
    flagged: bool = True

    @property
    def dataset(self) -> Dataset:
        """The batch's dataset."""
        return self.batch.plan.dataset

    @property
    def target(self) -> tuple[str, str]:
        """What the ledger calls the place that the rows go to."""
        return self.dataset.name, self.dataset.table

    @property
    def stamp(self) -> tuple[str, datetime]:
        """What marks the rows of this commit."""
        return self.batch.plan.batch_id, self.now

    @property
    def sql(self) -> LedgerSql:
        """The statements about the control tables."""
        return LedgerSql(self.dataset.database, self.dialect)


def listed(rows: Iterable[dict[str, Any]]) -> str:
    """Rows as the JSON list that a statement takes."""
    return json.dumps(list(rows), default=str)


def staged_rows(batch: StagedBatch) -> tuple[pa.Table, Marks | None]:
    """The accepted rows with the object that each comes from, and which of them stay; None: all."""
    own = [SYSTEM_COLUMNS.field(name) for name in ("_OBJECT_ROW", "_OBJECT_KEY", "_OBJECT_MODIFIED")]
    constants = _Constants(batch.slices)
    parts = [constants.beside(part.accepted, part.ref) for part in batch.slices]
    rows = pa.concat_tables(parts) if parts else pa.schema([*batch.target, *own]).empty_table()
    if all(part.stays is None for part in batch.slices):
        return rows, None
    marks = (np.ones(part.accepted.num_rows, np.bool_) if part.stays is None else part.stays for part in batch.slices)
    return rows, np.concatenate(list(marks))


def staged_findings(batch: StagedBatch) -> pa.Table | None:
    """Rejected rows (they have ``REASONS``) and anomalies (they have ``ANOMALY_TYPE``) in one table."""
    constants = _Constants(batch.slices)
    rejected = [constants.version(part.quarantined, part.ref) for part in batch.slices if part.quarantined.num_rows]
    flagged = [constants.beside(part.anomalies, part.ref) for part in batch.slices if part.anomalies.num_rows]
    parts = [pa.concat_tables(some) for some in (rejected, flagged) if some]
    return pa.concat_tables(parts, promote_options="default") if parts else None


class _Constants:
    """The columns that tell which object rows come from. All slices of an object share the memory of theirs."""

    def __init__(self, slices: Sequence[CleanSlice]) -> None:
        self._rows: Counter[ObjectRef] = Counter()
        for part in slices:
            own = (part.accepted.num_rows, part.quarantined.num_rows, part.anomalies.num_rows)
            self._rows[part.ref] = max(self._rows[part.ref], *own)
        self._zeros = arrow.array(np.zeros(max(self._rows.values(), default=0), np.int32))
        self._made: dict[ObjectRef, tuple[pa.Array, pa.Array]] = {}

    def beside(self, table: pa.Table, ref: ObjectRef) -> pa.Table:
        """The table with the columns of its object."""
        if ref not in self._made:
            micros = np.datetime64(ref.modified.replace(tzinfo=None), "us").astype(np.int64)
            moments = arrow.array(np.full(self._rows[ref], micros)).view(INSTANT)
            self._made[ref] = arrow.texts([ref.key]), moments
        key, moments = self._made[ref]
        moments = moments.slice(0, table.num_rows)
        return self._with(table, "_OBJECT_KEY", key).append_column("_OBJECT_MODIFIED", moments)

    def version(self, table: pa.Table, ref: ObjectRef) -> pa.Table:
        """Rejected rows with the version of the object that they come from."""
        for name, text in zip(VERSION, (ref.key, ref.version), strict=True):
            table = self._with(table, name, arrow.texts([text]))
        return table

    def _with(self, table: pa.Table, name: str, text: pa.Array) -> pa.Table:
        return table.append_column(name, pa.DictionaryArray.from_arrays(self._zeros.slice(0, table.num_rows), text))
