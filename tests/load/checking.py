"""Holds what is in the database against what was put, knowing nothing of the package but its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from tests.load.feed import ROWS, Feed, orders
from tests.load.writer import Put

_VIEWS = """
    CREATE TEMP TABLE mine AS SELECT * FROM made.ETL_CONTROL.ETL_OBJECTS
        ANTI JOIN (SELECT BATCH_ID FROM made.ETL_CONTROL.ETL_BATCHES WHERE HOLDER = 'history') USING (BATCH_ID);
    CREATE TEMP TABLE last AS SELECT * FROM put
        QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC) = 1;
    CREATE TEMP TABLE present AS
        SELECT _OBJECT_KEY AS key, count(*) AS have, count(DISTINCT _OBJECT_ROW) AS single, min(VOLUME) AS least,
               max(VOLUME) AS most
        FROM ({tables}) GROUP BY _OBJECT_KEY;
"""
_WRONG = {
    "last versions that were not loaded": """
        SELECT count(*) FROM last AS l ANTI JOIN (SELECT * FROM mine WHERE OUTCOME = 'loaded') AS m
        ON m.KEY = l.key AND m.ETAG = l.etag""",
    "versions that were loaded more than once": """
        SELECT count(*) FROM (SELECT 1 FROM mine GROUP BY KEY, VERSION HAVING count(*) > 1)""",
    "lines of versions that nobody put": """
        SELECT count(*) FROM mine AS m ANTI JOIN put AS p ON p.key = m.KEY AND p.etag = m.ETAG""",
    "objects with wrong counts": """
        SELECT count(*) FROM mine AS m JOIN put AS p ON p.key = m.KEY AND p.etag = m.ETAG
        WHERE m.ROWS_READ <> {rows} OR m.ROWS_QUARANTINED <> p.unfit OR m.ROWS_LOADED <> {rows} - p.unfit""",
    "objects whose rows are not there as they are, once": """
        SELECT count(*) FROM last AS l LEFT JOIN present AS p USING (key)
        WHERE p.have IS DISTINCT FROM {rows} - l.unfit OR p.single <> p.have OR p.least <> l.version
              OR p.most <> l.version""",
    "lines of the history that are gone": """
        SELECT {history} - count(*) FROM made.ETL_CONTROL.ETL_OBJECTS
        JOIN (SELECT BATCH_ID FROM made.ETL_CONTROL.ETL_BATCHES WHERE HOLDER = 'history') USING (BATCH_ID)""",
    "rows of the history that are gone, or too many": """
        SELECT abs({history_rows} - coalesce(sum(have), 0)) FROM present ANTI JOIN last USING (key)""",
    "rejected rows that are not in the quarantine, or too many": """
        SELECT abs((SELECT count(*) FROM made.ETL_CONTROL.ETL_QUARANTINE)
                   - (SELECT sum(ROWS_QUARANTINED) FROM made.ETL_CONTROL.ETL_OBJECTS))""",
}
"""What must not be, and what counts it."""


@dataclass(frozen=True, slots=True)
class Found:
    """How often what must not be is there, by what it is; and the versions that were loaded: key, ETag and batch."""

    wrong: dict[str, int]
    loaded: list[tuple[str, str, str]]
    rows: int


def check(path: Path, feed: Feed, puts: Sequence[Put]) -> Found:
    """Ask the database, which nobody else has open."""
    put = pa.table(
        {
            "key": [each.key for each in puts],
            "etag": [each.etag for each in puts],
            "version": [each.version for each in puts],
            "unfit": [feed.unfit(each.number) for each in puts],
        }
    )
    given = {"rows": ROWS, "history": feed.history, "history_rows": _history_rows(feed, puts)}
    with duckdb.connect() as connection:
        connection.register("put", put)
        connection.execute(f"ATTACH '{path}' AS made (READ_ONLY)")
        connection.execute(_VIEWS.format(tables=_tables(connection)))
        wrong = {what: connection.execute(text.format(**given)).fetchall()[0][0] for what, text in _WRONG.items()}
        loaded = connection.execute("SELECT KEY, ETAG, BATCH_ID FROM mine WHERE OUTCOME = 'loaded'").fetchall()
        rows = connection.execute("SELECT sum(have) FROM present").fetchall()[0][0]
    return Found({what: int(count) for what, count in wrong.items()}, loaded, int(rows))


def _tables(connection: duckdb.DuckDBPyConnection) -> str:
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'made' AND schema_name = 'LOAD'"
    ).fetchall()
    one = "SELECT _OBJECT_KEY, _OBJECT_ROW, VOLUME::DOUBLE AS VOLUME FROM made.LOAD.{}"
    return " UNION ALL ".join(one.format(name) for (name,) in found)


def _history_rows(feed: Feed, puts: Sequence[Put]) -> int:
    """How many rows of prices the history has still: what was put again does not count."""
    again = {each.number for each in puts if each.number < feed.history}
    numbers = (number for number in range(feed.history) if not orders(number % feed.datasets) and number not in again)
    return sum(ROWS - feed.unfit(number) for number in numbers)
