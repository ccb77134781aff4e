"""The board of alerts in the state file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from etl_daemon.adapters.sqlite.file import DAY_SECONDS, StateFile, Table
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.core.alerting.board import Board, Standing, Told
from etl_daemon.core.alerting.spikes import Usual

T = TypeVar("T")

ALERTS = Table(
    "ALERTS",
    "DAEMON TEXT NOT NULL, KEY TEXT NOT NULL, SEVERITY TEXT NOT NULL, SINCE REAL NOT NULL, SUMMARY TEXT NOT NULL, "
    "DETAIL TEXT NOT NULL, HINT TEXT NOT NULL, TOLD REAL, TOLD_SEVERITY TEXT, TOLD_TIMES INTEGER, OVER REAL, "
    "UNIQUE (DAEMON, KEY)",
    keep_seconds=30 * DAY_SECONDS,
    most=10_000,
)
"""A row per alert that stands; ``AT`` is when the trouble was last found. What is not found for a month is gone."""

NOTICES = Table("ALERT_NOTICES", "DAEMON TEXT NOT NULL, NUMBER INTEGER NOT NULL", keep_seconds=DAY_SECONDS, most=10_000)
"""When notices went out within the hour."""

USUAL = Table(
    "USUAL_SHARES",
    "DAEMON TEXT NOT NULL, DATASET TEXT NOT NULL, SHARE REAL NOT NULL, BATCHES INTEGER NOT NULL, "
    "UNIQUE (DAEMON, DATASET)",
    keep_seconds=365 * DAY_SECONDS,
    most=10_000,
)
"""What share of a dataset's batches is quarantined on average."""

TABLES = (ALERTS, NOTICES, USUAL)


@dataclass(frozen=True, slots=True)
class SqliteBoardStore:
    """Shared by all processes of a daemon's name in a state folder; ``file`` is opened with ``TABLES``."""

    file: StateFile
    daemon: str

    def update(self, change: Callable[[Board], tuple[Board, T]], now: datetime) -> T:
        """As the port says; where nothing changes, nothing is written."""
        before = self.file.read(self._load)
        after, made = change(before)
        if after == before:
            return made
        results: list[T] = []

        def act(db: sqlite3.Connection) -> None:
            there = self._load(db)  # another process may have been faster
            board, again = change(there)
            self._save(db, there, board, now)
            results.append(again)

        self.file.write(act, now)
        return results[-1]

    def _load(self, db: sqlite3.Connection) -> Board:
        ours = (self.daemon,)
        rows = db.execute(
            "SELECT KEY, SEVERITY, SUMMARY, DETAIL, HINT, SINCE, AT, OVER, TOLD, TOLD_SEVERITY, TOLD_TIMES FROM ALERTS "
            "WHERE DAEMON = ?",
            ours,
        )
        sent = db.execute("SELECT AT FROM ALERT_NOTICES WHERE DAEMON = ? ORDER BY NUMBER", ours)
        usual = db.execute("SELECT DATASET, SHARE, BATCHES FROM USUAL_SHARES WHERE DAEMON = ?", ours)
        return Board(
            {row[0]: _standing(row) for row in rows},
            tuple(_moment(at) for (at,) in sent),
            {dataset: Usual(share, batches) for dataset, share, batches in usual},
        )

    def _save(self, db: sqlite3.Connection, before: Board, after: Board, now: datetime) -> None:
        """Write what differs."""
        ours = self.daemon
        gone = [(ours, key) for key in before.standing if key not in after.standing]
        db.executemany("DELETE FROM ALERTS WHERE DAEMON = ? AND KEY = ?", gone)
        changed = [(ours, *_row(each)) for key, each in after.standing.items() if before.standing.get(key) != each]
        names = "DAEMON, AT, KEY, SEVERITY, SUMMARY, DETAIL, HINT, SINCE, OVER, TOLD, TOLD_SEVERITY, TOLD_TIMES"
        db.executemany(f"REPLACE INTO ALERTS ({names}) VALUES ({', '.join('?' * 12)})", changed)
        db.execute("DELETE FROM ALERT_NOTICES WHERE DAEMON = ?", (ours,))
        numbered = [(at.timestamp(), ours, number) for number, at in enumerate(after.sent)]
        db.executemany("INSERT INTO ALERT_NOTICES (AT, DAEMON, NUMBER) VALUES (?, ?, ?)", numbered)
        usual = [(now.timestamp(), ours, name, each.share, each.batches) for name, each in after.usual.items()]
        db.executemany("REPLACE INTO USUAL_SHARES (AT, DAEMON, DATASET, SHARE, BATCHES) VALUES (?, ?, ?, ?, ?)", usual)


def _standing(row: tuple[Any, ...]) -> Standing:
    key, severity, summary, detail, hint, since, seen, over, told, told_severity, times = row
    alert = Alert(key, Severity(severity), State.FIRING, summary, detail, hint, _moment(since))
    last = None if told is None else Told(_moment(told), Severity(told_severity), times)
    return Standing(alert, _moment(seen), last, None if over is None else _moment(over))


def _row(each: Standing) -> tuple[object, ...]:
    alert, told = each.alert, each.told
    said = (alert.key, str(alert.severity), alert.summary, alert.detail, alert.hint, alert.since.timestamp())
    over = each.over.timestamp() if each.over else None
    last = (told.at.timestamp(), str(told.severity), told.times) if told else (None, None, None)
    return (each.seen.timestamp(), *said, over, *last)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
