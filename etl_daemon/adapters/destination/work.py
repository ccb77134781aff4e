"""What the steps of one commit share: the session, the batch, and where its rows are staged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.destination.session import Marks, Session
from etl_daemon.core.datasets import SYSTEM_COLUMNS, Dataset
from etl_daemon.core.model import StagedBatch
from etl_daemon.core.rules.origin import beside, version
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
    parts = [(part.ref, part.accepted) for part in batch.slices]
    rows = beside(parts) if parts else pa.schema([*batch.target, *own]).empty_table()
    if all(part.stays is None for part in batch.slices):
        return rows, None
    marks = (np.ones(part.accepted.num_rows, np.bool_) if part.stays is None else part.stays for part in batch.slices)
    return rows, np.concatenate(list(marks))


def staged_findings(batch: StagedBatch) -> pa.Table | None:
    """Rejected rows (they have ``REASONS``) and anomalies (they have ``ANOMALY_TYPE``) in one table."""
    rejected = [(part.ref, part.quarantined) for part in batch.slices if part.quarantined.num_rows]
    flagged = [(part.ref, part.anomalies) for part in batch.slices if part.anomalies.num_rows]
    parts = [way(some) for way, some in ((version, rejected), (beside, flagged)) if some]
    return pa.concat_tables(parts, promote_options="default") if parts else None
