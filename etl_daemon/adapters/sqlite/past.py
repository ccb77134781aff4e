"""What the state file says of the past: plain queries, frozen answers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.tables import COUNTED
from etl_daemon.core.examples import Example
from etl_daemon.core.history import (
    TALLIED,
    BatchLine,
    ExampleLine,
    FailureLine,
    Mark,
    ObjectLine,
    Period,
    Process,
    Tally,
)
from etl_daemon.core.model import Counts

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]


class Past:
    """Of one daemon. Each method raises TransientError or SetupError where the file cannot be read."""

    def __init__(self, file: StateFile, daemon: str) -> None:
        self._file, self._daemon = file, daemon

    def minutes(self, since: datetime) -> tuple[Period, ...]:
        """Minutes that began then or later, in order; they reach back a day."""
        return self._periods("MINUTES", since)

    def hours(self, since: datetime) -> tuple[Period, ...]:
        """Hours that began then or later, in order; they reach back five weeks."""
        return self._periods("HOURS", since)

    def batches(self, since: datetime, limit: int = -1) -> tuple[BatchLine, ...]:
        """Commits from then on, the latest first, ``limit`` at most; they reach back a week."""
        query = f"{_BATCHES} WHERE DAEMON = ? AND AT >= ? ORDER BY AT DESC, ROWID DESC LIMIT ?"
        return self._all(query, (since.timestamp(), limit), _batch)

    def batch(self, batch_id: str) -> BatchLine | None:
        """The last commit of that id; the same objects read again have it again."""
        found = self._all(f"{_BATCHES} WHERE DAEMON = ? AND BATCH_ID = ? ORDER BY AT DESC LIMIT 1", (batch_id,), _batch)
        return found[0] if found else None

    def objects(self, line: BatchLine) -> tuple[ObjectLine, ...]:
        """The objects of a commit, as many as are kept, in its order."""
        query = (
            f"SELECT OBJECT_KEY, OUTCOME, REASON, {', '.join(COUNTED)} FROM OBJECTS "
            "WHERE DAEMON = ? AND BATCH_ID = ? AND AT = ? ORDER BY ROWID"
        )
        return self._all(query, (line.batch_id, line.at.timestamp()), _object)

    def failures(self, since: datetime, limit: int = -1) -> tuple[FailureLine, ...]:
        """Failed cycles from then on, the latest first, ``limit`` at most; they reach back a week."""
        query = (
            "SELECT AT, DATASET, KIND, DETAIL, HINT FROM FAILURES "
            "WHERE DAEMON = ? AND AT >= ? ORDER BY AT DESC, ROWID DESC LIMIT ?"
        )
        return self._all(query, (since.timestamp(), limit), lambda row: FailureLine(_utc(row[0]), *row[1:]))

    def examples(self, since: datetime, limit: int = -1) -> tuple[ExampleLine, ...]:
        """Rejected rows from then on, the latest first, ``limit`` at most; they reach back a week."""
        query = (
            "SELECT AT, DATASET, BATCH_ID, OBJECT_KEY, OBJECT_ROW, REASONS, RAW FROM EXAMPLES "
            "WHERE DAEMON = ? AND AT >= ? ORDER BY AT DESC, ROWID LIMIT ?"
        )
        return self._all(query, (since.timestamp(), limit), _example)

    def marks(self) -> Mapping[tuple[str, Mark], datetime]:
        """When each thing happened last, by dataset; what concerns all is under the empty name."""
        query = "SELECT DATASET, MARK, AT FROM MARKS WHERE DAEMON = ?"
        return dict(self._all(query, (), lambda row: ((row[0], Mark(row[1])), _utc(row[2]))))

    def last_process(self) -> Process | None:
        """The one that was started last."""
        query = "SELECT WORD, PID, STARTED, ENDED FROM PROCESSES WHERE DAEMON = ? ORDER BY STARTED DESC LIMIT 1"
        found = self._all(query, (), _process)
        return found[0] if found else None

    def _periods(self, table: str, since: datetime) -> tuple[Period, ...]:
        query = (
            f"SELECT AT, DATASET, {', '.join(TALLIED)} FROM {table} WHERE DAEMON = ? AND AT >= ? ORDER BY AT, DATASET"
        )
        return self._all(query, (since.timestamp(),), lambda row: Period(_utc(row[0]), row[1], Tally(*row[2:])))

    def _all(self, query: str, values: tuple[float | str, ...], made: Callable[[Row], T]) -> tuple[T, ...]:
        def ask(db: sqlite3.Connection) -> tuple[T, ...]:
            return tuple(made(row) for row in db.execute(query, (self._daemon, *values)))

        return self._file.read(ask)


_BATCHES = (
    f"SELECT AT, DATASET, BATCH_ID, OBJECTS, REFUSED, REASONS, SECONDS, STAGES, {', '.join(COUNTED)} FROM BATCHES"
)


def _batch(row: Row) -> BatchLine:
    at, dataset, batch_id, objects, refused, reasons, seconds, stages, *counts = row
    known = (json.loads(reasons), seconds, json.loads(stages))
    return BatchLine(_utc(at), dataset, batch_id, objects, refused, Counts(*counts), *known)


def _object(row: Row) -> ObjectLine:
    key, outcome, reason, *counts = row
    return ObjectLine(key, outcome, reason, Counts(*counts))


def _example(row: Row) -> ExampleLine:
    at, dataset, batch_id, key, number, reasons, raw = row
    return ExampleLine(_utc(at), dataset, batch_id, Example(key, number, tuple(reasons.split(",")), raw))


def _process(row: Row) -> Process:
    word, pid, started, ended = row
    return Process(word, pid, _utc(started), _utc(ended) if ended is not None else None)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
