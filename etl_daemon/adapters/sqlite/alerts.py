"""The board of alerts in the state file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from etl_daemon.adapters.sqlite.file import StateFile, Table
from etl_daemon.core.alerting import Board, Standing, Told
from etl_daemon.core.alerts import Alert, Severity, State
from etl_daemon.core.spikes import Usual

T = TypeVar("T")
DAY_SECONDS = 86_400.0

ALERTS = Table(
    "ALERTS",
    "KEY TEXT PRIMARY KEY, SEVERITY TEXT NOT NULL, SINCE REAL NOT NULL, SUMMARY TEXT NOT NULL, DETAIL TEXT NOT NULL, "
    "HINT TEXT NOT NULL, TOLD REAL, TOLD_SEVERITY TEXT, TOLD_TIMES INTEGER, OVER REAL",
    keep_seconds=30 * DAY_SECONDS,
    most=10_000,
)
"""A row per alert that stands; ``AT`` is when the trouble was last found. What is not found for a month is gone."""

NOTICES = Table("ALERT_NOTICES", "NUMBER INTEGER NOT NULL", keep_seconds=DAY_SECONDS, most=10_000)
"""When notices went out within the hour."""

USUAL = Table(
    "USUAL_SHARES",
    "DATASET TEXT PRIMARY KEY, SHARE REAL NOT NULL, BATCHES INTEGER NOT NULL",
    keep_seconds=365 * DAY_SECONDS,
    most=10_000,
)
"""What share of a dataset's batches is quarantined on average."""

TABLES = (ALERTS, NOTICES, USUAL)


@dataclass(frozen=True, slots=True)
class SqliteBoardStore:
    """Shared by all processes of a state folder; ``file`` is opened with ``TABLES``."""

    file: StateFile

    def update(self, change: Callable[[Board], tuple[Board, T]], now: datetime) -> T:
        """As the port says; where nothing changes, nothing is written."""
        before = self.file.read(_load)
        after, made = change(before)
        if after == before:
            return made
        results: list[T] = []

        def act(db: sqlite3.Connection) -> None:
            there = _load(db)  # another process may have been faster
            board, again = change(there)
            _save(db, there, board, now)
            results.append(again)

        self.file.write(act, now)
        return results[-1]


def _load(db: sqlite3.Connection) -> Board:
    rows = db.execute(
        "SELECT KEY, SEVERITY, SUMMARY, DETAIL, HINT, SINCE, AT, OVER, TOLD, TOLD_SEVERITY, TOLD_TIMES FROM ALERTS"
    )
    sent = db.execute("SELECT AT FROM ALERT_NOTICES ORDER BY NUMBER")
    usual = db.execute("SELECT DATASET, SHARE, BATCHES FROM USUAL_SHARES")
    return Board(
        {row[0]: _standing(row) for row in rows},
        tuple(_moment(at) for (at,) in sent),
        {dataset: Usual(share, batches) for dataset, share, batches in usual},
    )


def _standing(row: tuple[Any, ...]) -> Standing:
    key, severity, summary, detail, hint, since, seen, over, told, told_severity, times = row
    alert = Alert(key, Severity(severity), State.FIRING, summary, detail, hint, _moment(since))
    last = None if told is None else Told(_moment(told), Severity(told_severity), times)
    return Standing(alert, _moment(seen), last, None if over is None else _moment(over))


def _save(db: sqlite3.Connection, before: Board, after: Board, now: datetime) -> None:
    """Write what differs."""
    gone = [(key,) for key in before.standing if key not in after.standing]
    db.executemany("DELETE FROM ALERTS WHERE KEY = ?", gone)
    changed = [_row(each) for key, each in after.standing.items() if before.standing.get(key) != each]
    names = "AT, KEY, SEVERITY, SUMMARY, DETAIL, HINT, SINCE, OVER, TOLD, TOLD_SEVERITY, TOLD_TIMES"
    db.executemany(f"INSERT OR REPLACE INTO ALERTS ({names}) VALUES ({', '.join('?' * 11)})", changed)
    db.execute("DELETE FROM ALERT_NOTICES")
    numbered = [(at.timestamp(), number) for number, at in enumerate(after.sent)]
    db.executemany("INSERT INTO ALERT_NOTICES (AT, NUMBER) VALUES (?, ?)", numbered)
    usual = [(now.timestamp(), name, each.share, each.batches) for name, each in after.usual.items()]
    db.executemany("INSERT OR REPLACE INTO USUAL_SHARES (AT, DATASET, SHARE, BATCHES) VALUES (?, ?, ?, ?)", usual)


def _row(each: Standing) -> tuple[object, ...]:
    alert, told = each.alert, each.told
    said = (alert.key, str(alert.severity), alert.summary, alert.detail, alert.hint, alert.since.timestamp())
    over = each.over.timestamp() if each.over else None
    last = (told.at.timestamp(), str(told.severity), told.times) if told else (None, None, None)
    return (each.seen.timestamp(), *said, over, *last)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
