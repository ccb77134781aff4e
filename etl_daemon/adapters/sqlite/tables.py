"""The tables of the history, how long they reach back, and how an event is entered in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import astuple, fields
from datetime import datetime
from operator import attrgetter

from etl_daemon.adapters.sqlite.file import DAY_SECONDS, Table
from etl_daemon.adapters.sqlite.samples import SAMPLES, enter_sample
from etl_daemon.core.events import BatchCommitted, DatasetFailed, Event
from etl_daemon.core.model import Counts
from etl_daemon.core.status import history
from etl_daemon.core.status.history import TALLIED, Process, Tally

WHOSE = "DAEMON TEXT NOT NULL, DATASET TEXT NOT NULL"
EACH_ONCE = "UNIQUE (DAEMON, DATASET, AT)"
COUNTED = tuple(each.name for each in fields(Counts))


def _integers(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} INTEGER NOT NULL" for name in names)


BATCHES = Table(
    "BATCHES",
    f"{WHOSE}, BATCH_ID TEXT NOT NULL, {_integers(('OBJECTS', 'REFUSED', *COUNTED))}, REASONS TEXT NOT NULL, "
    "SECONDS REAL NOT NULL, STAGES TEXT NOT NULL, BUCKET TEXT NOT NULL, REPLACED INTEGER NOT NULL, "
    "ANOMALIES TEXT NOT NULL",
    keep_seconds=8 * DAY_SECONDS,
    most=20_000,
)
OBJECTS = Table(
    "OBJECTS",
    f"{WHOSE}, BATCH_ID TEXT NOT NULL, OBJECT_KEY TEXT NOT NULL, OUTCOME TEXT NOT NULL, REASON TEXT NOT NULL, "
    f"SIZE INTEGER NOT NULL, MODIFIED REAL NOT NULL, {_integers(COUNTED)}",
    keep_seconds=8 * DAY_SECONDS,
    most=100_000,
)
FAILURES = Table(
    "FAILURES",
    f"{WHOSE}, KIND TEXT NOT NULL, DETAIL TEXT NOT NULL, HINT TEXT NOT NULL",
    keep_seconds=8 * DAY_SECONDS,
    most=2_000,
)
EXAMPLES = Table(
    "EXAMPLES",
    f"{WHOSE}, BATCH_ID TEXT NOT NULL, OBJECT_KEY TEXT NOT NULL, OBJECT_VERSION TEXT NOT NULL, "
    "OBJECT_ROW INTEGER NOT NULL, REASONS TEXT NOT NULL, RAW TEXT NOT NULL",
    keep_seconds=8 * DAY_SECONDS,
    most=2_000,
)
MINUTES = Table("MINUTES", f"{WHOSE}, {_integers(TALLIED)}, {EACH_ONCE}", keep_seconds=26 * 3_600.0, most=50_000)
HOURS = Table("HOURS", f"{WHOSE}, {_integers(TALLIED)}, {EACH_ONCE}", keep_seconds=36 * DAY_SECONDS, most=50_000)
"""Five weeks, so that an hour can be compared with the same one of earlier weeks."""

_BY_REASON = f"{WHOSE}, REASON TEXT NOT NULL, REJECTED INTEGER NOT NULL, UNIQUE (DAEMON, DATASET, AT, REASON)"
REASON_MINUTES = Table("REASON_MINUTES", _BY_REASON, keep_seconds=26 * 3_600.0, most=50_000)
REASON_HOURS = Table("REASON_HOURS", _BY_REASON, keep_seconds=36 * DAY_SECONDS, most=50_000)
"""Rows of the quarantine by reason; a row counts once for each of its reasons."""

MARKS = Table(
    "MARKS",
    f"{WHOSE}, MARK TEXT NOT NULL, UNIQUE (DAEMON, DATASET, MARK)",
    keep_seconds=3650 * DAY_SECONDS,
    most=10_000,
)
PROCESSES = Table(
    "PROCESSES",
    "DAEMON TEXT NOT NULL, WORD TEXT NOT NULL, PID INTEGER NOT NULL, STARTED REAL NOT NULL, ENDED REAL, "
    "UNIQUE (DAEMON, PID, STARTED)",
    keep_seconds=36 * DAY_SECONDS,
    most=1_000,
)
HISTORY = (
    *(BATCHES, OBJECTS, FAILURES, EXAMPLES, MINUTES, HOURS, REASON_MINUTES, REASON_HOURS, MARKS, PROCESSES),
    *SAMPLES,
)

_counts = attrgetter(*COUNTED)
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in TALLIED)


def enter(
    db: sqlite3.Connection, daemon: str, event: Event, at: datetime, stages: Mapping[str, float] | None = None
) -> None:
    """Enter what the event says, wherever it says something; ``stages`` took so many seconds each before a commit."""
    if isinstance(event, BatchCommitted):
        _insert_batch(db, daemon, history.batch_line(event, at, stages))
        _insert_objects(db, daemon, event, at)
        _insert_examples(db, daemon, event, at)
        _add_reasons(db, (daemon, event.dataset), event.receipt.reasons, at)
        if event.sample:
            enter_sample(db, (daemon, event.dataset), event.sample, at)
    if isinstance(event, DatasetFailed):
        line = history.failure_line(event, at)
        values = (at.timestamp(), daemon, line.dataset, line.kind, line.detail, line.hint)
        db.execute("INSERT INTO FAILURES VALUES (?, ?, ?, ?, ?, ?)", values)
    added = history.tally(event)
    if added != Tally():
        for prefix, begun in _periods(at).items():
            _add(db, prefix, (begun, daemon, event.dataset), added)
    for mark in history.marks(event):
        db.execute("REPLACE INTO MARKS VALUES (?, ?, ?, ?)", (at.timestamp(), daemon, event.dataset, mark))


def enter_process(db: sqlite3.Connection, daemon: str, process: Process, at: datetime) -> None:
    """Enter that the process was there at that time."""
    ended = process.ended.timestamp() if process.ended else None
    values = (at.timestamp(), daemon, process.word, process.pid, process.started.timestamp(), ended)
    db.execute("REPLACE INTO PROCESSES VALUES (?, ?, ?, ?, ?, ?)", values)


def _insert_batch(db: sqlite3.Connection, daemon: str, line: history.BatchLine) -> None:
    values = (
        line.at.timestamp(),
        daemon,
        line.dataset,
        line.batch_id,
        line.objects,
        line.refused,
        *astuple(line.counts),
        json.dumps(line.reasons),
        line.seconds,
        json.dumps(line.stages),
        line.bucket,
        line.replaced,
        json.dumps(line.anomalies),
    )
    db.execute(f"INSERT INTO BATCHES VALUES ({', '.join('?' * len(values))})", values)


def _insert_objects(db: sqlite3.Connection, daemon: str, event: BatchCommitted, at: datetime) -> None:
    whose = (at.timestamp(), daemon, event.dataset, event.receipt.batch_id)
    rows = [
        (
            *whose,
            line.ref.key,
            line.outcome,
            line.reason,
            line.ref.size,
            line.ref.modified.timestamp(),
            *_counts(line.counts),
        )
        for line in event.receipt.objects[: history.OBJECTS_KEPT]
    ]
    db.executemany(f"INSERT INTO OBJECTS VALUES ({', '.join('?' * (9 + len(COUNTED)))})", rows)


def _insert_examples(db: sqlite3.Connection, daemon: str, event: BatchCommitted, at: datetime) -> None:
    whose = (at.timestamp(), daemon, event.dataset, event.receipt.batch_id)
    rows = [(*whose, each.key, each.version, each.row, ",".join(each.reasons), each.raw) for each in event.examples]
    db.executemany(f"INSERT INTO EXAMPLES VALUES ({', '.join('?' * 9)})", rows)


def _add_reasons(db: sqlite3.Connection, whose: tuple[str, str], reasons: Mapping[str, int], at: datetime) -> None:
    for name, begun in _periods(at).items():
        db.executemany(
            f"INSERT INTO REASON_{name} VALUES (?, ?, ?, ?, ?) ON CONFLICT (DAEMON, DATASET, AT, REASON) "
            "DO UPDATE SET REJECTED = REJECTED + excluded.REJECTED",
            [(begun, *whose, reason, rows) for reason, rows in reasons.items()],
        )


def _periods(at: datetime) -> dict[str, float]:
    """When the minute and the hour began in which it is, by their tables."""
    minute = at.replace(second=0, microsecond=0)
    return {"MINUTES": minute.timestamp(), "HOURS": minute.replace(minute=0).timestamp()}


def _add(db: sqlite3.Connection, table: str, key: tuple[float, str, str], added: Tally) -> None:
    values = (*key, *astuple(added))
    places = ", ".join("?" * len(values))
    db.execute(
        f"INSERT INTO {table} VALUES ({places}) ON CONFLICT (DAEMON, DATASET, AT) DO UPDATE SET {_ADDED}", values
    )
