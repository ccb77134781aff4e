"""What a destination holds, read without changing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import Cursor
from etl_daemon.core.review import STATES
from etl_daemon.core.sql.ledger import MINE
from etl_daemon.core.sql.tables import CONTROL_TABLES, control


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

    place: str
    exists: bool
    tables: Mapping[str, int | None]
    datasets: Mapping[str, DatasetState]

    @property
    def missing(self) -> list[str]:
        """Tables that `etl-daemon init` would make."""
        return [name for name, rows in self.tables.items() if rows is None]


def survey(engine: Engine, datasets: Sequence[Dataset], anomalies: Dataset) -> Survey:
    """Look at everything.

    Raises:
        BusyError: another process held the destination all the while.
        TransientError, SetupError: it did not answer as it should.
    """
    names = [control(engine.database, name) for name in CONTROL_TABLES]
    targets = {dataset.table: dataset.kind for dataset in (*datasets, anomalies)}
    names += targets
    if not engine.exists():
        return Survey(engine.place, False, dict.fromkeys(names), {each.name: DatasetState() for each in datasets})
    with engine.session(read_only=True) as session:
        there = existing(session, engine.database)
        found = {name: _count(session, name) if name.upper() in there else None for name in names}
        # a table whose columns are those of its rows is made with the first of them
        tables = {name: 0 if rows is None and targets.get(name) is Kind.TABLE else rows for name, rows in found.items()}
        ready = all(tables[control(engine.database, name)] is not None for name in CONTROL_TABLES)
        states = {each.name: _state(session, each, tables) if ready else DatasetState() for each in datasets}
    return Survey(engine.place, True, tables, states)


def existing(session: Session, database: str) -> set[str]:
    """Full names of the schemas and tables that are there, in upper case."""
    rows = session.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE UPPER(TABLE_CATALOG) = ? "
        "UNION ALL SELECT SCHEMA_NAME, '' FROM INFORMATION_SCHEMA.SCHEMATA WHERE UPPER(CATALOG_NAME) = ?",
        database.upper(),
        database.upper(),
    )
    return {".".join(filter(None, (database, *names))).upper() for names in rows}


def _count(session: Session, table: str) -> int:
    return int(session.rows(f"SELECT COUNT(*) FROM {table}")[0][0])


def _state(session: Session, dataset: Dataset, tables: Mapping[str, int | None]) -> DatasetState:
    latest = _latest(session, dataset)
    quarantined = session.rows(
        f"SELECT REASONS, COUNT(*) FROM {control(dataset.database, 'ETL_QUARANTINE')} "
        f"WHERE DATASET = ? AND {STATES['open']} GROUP BY REASONS",
        dataset.name,
    )
    last = session.rows(
        f"SELECT MAX(COMMITTED_AT) FROM {control(dataset.database, 'ETL_BATCHES')} WHERE DATASET = ?", dataset.name
    )
    reasons: Counter[str] = Counter()
    for codes, rows in quarantined:
        reasons.update(dict.fromkeys(codes.split(","), int(rows)))
    return DatasetState(
        _cursor(session, dataset),
        sum(count for outcome, _, count in latest if outcome == "loaded"),
        {reason: count for outcome, reason, count in latest if outcome == "refused"},
        tables[dataset.table] or 0,
        dict(sorted(reasons.items())),
        sum(int(rows) for _, rows in quarantined),
        _utc(last[0][0]),
    )


def _latest(session: Session, dataset: Dataset) -> list[tuple[str, str, int]]:
    """How many keys there are by outcome and reason of their latest version."""
    rows = session.rows(
        "SELECT OUTCOME, REASON, COUNT(*) FROM ("
        "SELECT MAX_BY(OUTCOME, COMMITTED_AT) AS OUTCOME, MAX_BY(REASON, COMMITTED_AT) AS REASON "
        f"FROM {control(dataset.database, 'ETL_OBJECTS')} WHERE {MINE} GROUP BY BUCKET, KEY"
        ") AS latest GROUP BY OUTCOME, REASON ORDER BY OUTCOME, REASON",
        dataset.name,
        dataset.table,
    )
    return [(outcome, reason, int(count)) for outcome, reason, count in rows]


def _cursor(session: Session, dataset: Dataset) -> Cursor:
    rows = session.rows(
        "SELECT WATERMARK, LEASE_GENERATION, HOLDER, SWEPT_AT "
        f"FROM {control(dataset.database, 'ETL_CURSORS')} WHERE DATASET = ?",
        dataset.cursor_name,
    )
    if not rows:
        return Cursor()
    watermark, generation, holder, swept = rows[0]
    return Cursor(_utc(watermark), int(generation), holder, _utc(swept))


def _utc(moment: Any) -> Any:
    return moment.replace(tzinfo=UTC) if moment else None
