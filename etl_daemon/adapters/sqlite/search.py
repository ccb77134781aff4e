"""Objects and rejected rows of the history, as people look for them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.past import EXAMPLE, example_line
from etl_daemon.adapters.sqlite.tables import COUNTED
from etl_daemon.core.model import Counts
from etl_daemon.core.status.asked import PAGE_LINES, Extent, Found, ObjectsAsked, RowsAsked
from etl_daemon.core.status.history import BatchLine, ExampleLine, ObjectLine

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]


FEW = 1_000
"""So many rows are found once and then taken by their places; more of them are counted, and then read by their age."""


class Search:
    """Of one daemon. Each method raises TransientError or SetupError where the file cannot be read."""

    def __init__(self, file: StateFile, daemon: str) -> None:
        self._file, self._daemon = file, daemon

    def objects(self, asked: ObjectsAsked) -> Found[ObjectLine]:
        """Those that fit; of a commit they are in its order."""
        columns = f"AT, DATASET, BATCH_ID, OBJECT_KEY, OUTCOME, REASON, SIZE, MODIFIED, {', '.join(COUNTED)}"
        conditions = {
            "DATASET = ?": asked.dataset,
            "BATCH_ID = ?": asked.batch_id,
            "AT = ?": asked.at and asked.at.timestamp(),
            "OUTCOME = ?": asked.outcome,
            "OBJECT_KEY LIKE ? ESCAPE '!'": asked.text and _within(asked.text),
        }
        return self._found("OBJECTS", columns, conditions, asked.page, _object)

    def rows(self, asked: RowsAsked) -> Found[ExampleLine]:
        """Those that fit, among the few of each batch that are kept."""
        conditions = {
            "DATASET = ?": asked.dataset,
            "BATCH_ID = ?": asked.batch_id,
            "INSTR(',' || REASONS || ',', ?)": asked.reason and f",{asked.reason},",
            "AT >= ?": asked.since and asked.since.timestamp(),
            "AT < ?": asked.until and asked.until.timestamp(),
            "OBJECT_KEY || CHAR(10) || RAW LIKE ? ESCAPE '!'": asked.text and _within(asked.text),
        }
        return self._found("EXAMPLES", EXAMPLE, conditions, asked.page, example_line)

    def extent(self, line: BatchLine) -> Extent:
        """How much of a commit's objects is kept."""
        query = (
            "SELECT COUNT(*), SUM(SIZE), MIN(MODIFIED), MAX(MODIFIED) FROM OBJECTS "
            "WHERE DAEMON = ? AND BATCH_ID = ? AND AT = ?"
        )

        def ask(db: sqlite3.Connection) -> Extent:
            values = (self._daemon, line.batch_id, line.at.timestamp())
            count, size, first, last = db.execute(query, values).fetchone()
            return Extent(count, size, _utc(first), _utc(last)) if count else Extent()

        return self._file.read(ask)

    def _found(
        self, table: str, columns: str, conditions: Mapping[str, object], page: int, made: Callable[[Row], T]
    ) -> Found[T]:
        """A page of them; the last one where there are not so many."""
        given = {"DAEMON = ?": self._daemon, **{text: value for text, value in conditions.items() if value}}
        where, values = f"FROM {table} WHERE {' AND '.join(given)}", list(given.values())

        def ask(db: sqlite3.Connection) -> Found[T]:
            places = [str(place) for (place,) in db.execute(f"SELECT ROWID {where} LIMIT {FEW + 1}", values)]
            if len(places) > FEW:
                ((total,),) = db.execute(f"SELECT COUNT(*) {where}", values)
                these, bound = where, values
            else:
                total = len(places)
                these, bound = f"FROM {table} WHERE ROWID IN ({', '.join(places)})", []
            found: Found[T] = Found(total=total)
            found = replace(found, page=min(max(page, 1), found.pages))
            query = f"SELECT {columns} {these} ORDER BY AT DESC, ROWID LIMIT ? OFFSET ?"
            rows = db.execute(query, [*bound, PAGE_LINES, found.first - 1])
            return replace(found, lines=tuple(made(row) for row in rows))

        return self._file.read(ask)


def _within(text: str) -> str:
    """A pattern that fits what has this text in it, whatever the case of its (ASCII) letters."""
    return "%" + re.sub("([%_!])", r"!\1", text) + "%"


def _object(row: Row) -> ObjectLine:
    at, dataset, batch_id, key, outcome, reason, size, modified, *counts = row
    return ObjectLine(key, outcome, reason, Counts(*counts), size, _utc(modified), _utc(at), dataset, batch_id)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
