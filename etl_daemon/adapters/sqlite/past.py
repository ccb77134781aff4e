"""What the state file says of the past: plain queries, frozen answers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.tables import COUNTED
from etl_daemon.core.events.examples import Example
from etl_daemon.core.model import Counts
from etl_daemon.core.status.history import (
    TALLIED,
    BatchLine,
    ExampleLine,
    FailureLine,
    Mark,
    Period,
    Process,
    ReasonPeriod,
    Tally,
)

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

    def failures(self, since: datetime, limit: int = -1) -> tuple[FailureLine, ...]:
        """Failed cycles from then on, the latest first, ``limit`` at most; they reach back a week."""
        query = (
            "SELECT AT, DATASET, KIND, DETAIL, HINT FROM FAILURES "
            "WHERE DAEMON = ? AND AT >= ? ORDER BY AT DESC, ROWID DESC LIMIT ?"
        )
        return self._all(query, (since.timestamp(), limit), lambda row: FailureLine(_utc(row[0]), *row[1:]))

    def examples(self, since: datetime, limit: int = -1) -> tuple[ExampleLine, ...]:
        """Rejected rows from then on, the latest first, ``limit`` at most; they reach back a week."""
        query = f"SELECT {EXAMPLE} FROM EXAMPLES WHERE DAEMON = ? AND AT >= ? ORDER BY AT DESC, ROWID LIMIT ?"
        return self._all(query, (since.timestamp(), limit), example_line)

    def reasons(self, dataset: str, since: datetime, *, hourly: bool) -> tuple[ReasonPeriod, ...]:
        """Why rows of a dataset (without a name: of all) were rejected, by hour of five weeks or minute of a day."""
        query = (
            f"SELECT AT, DATASET, REASON, REJECTED FROM REASON_{'HOURS' if hourly else 'MINUTES'} "
            "WHERE DAEMON = ? AND (DATASET = ? OR ? = '') AND AT >= ? ORDER BY AT, DATASET, REASON"
        )
        values = (dataset, dataset, since.timestamp())
        return self._all(query, values, lambda row: ReasonPeriod(_utc(row[0]), *row[1:]))

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
    f"SELECT AT, DATASET, BATCH_ID, OBJECTS, REFUSED, REASONS, SECONDS, STAGES, BUCKET, REPLACED, ANOMALIES, "
    f"{', '.join(COUNTED)} FROM BATCHES"
)


def _batch(row: Row) -> BatchLine:
    at, dataset, batch_id, objects, refused, reasons, seconds, stages, bucket, replaced, anomalies, *counts = row
    known = (json.loads(reasons), seconds, json.loads(stages), bucket, replaced, json.loads(anomalies))
    return BatchLine(_utc(at), dataset, batch_id, objects, refused, Counts(*counts), *known)


EXAMPLE = "AT, DATASET, BATCH_ID, OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, REASONS, RAW"


def example_line(row: Row) -> ExampleLine:
    """The columns of ``EXAMPLE`` as a value."""
    at, dataset, batch_id, key, version, number, reasons, raw = row
    return ExampleLine(_utc(at), dataset, batch_id, Example(key, number, tuple(reasons.split(",")), raw, version))


def _process(row: Row) -> Process:
    word, pid, started, ended = row
    return Process(word, pid, _utc(started), _utc(ended) if ended is not None else None)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
