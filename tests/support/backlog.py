"""Prices in any number, quickly made: each row has a key of its own, and about one in a hundred is unfit."""

from __future__ import annotations

from pathlib import Path

import duckdb

SYMBOLS = 26**3
UNFIT_EVERY = 97

_ROWS = """
    SELECT chr(65 + (i % 26)::INT) || chr(65 + (i // 26 % 26)::INT) || chr(65 + (i // 676 % 26)::INT) AS symbol,
        strftime(TIMESTAMP '2020-01-01' + to_minutes((i // {symbols})::INT), '%Y-%m-%dT%H:%M:%SZ') AS "timestamp",
        10 + i % 1000 / 8 AS open, 11 + i % 1000 / 8 AS high, 9 + i % 1000 / 8 AS low,
        CASE WHEN i % {every} = 0 THEN -1 ELSE 10.25 + i % 1000 / 8 END AS close, i % 5000000 AS volume
    FROM range({first}, {last}) AS t(i)
"""
_LINES = """
    SELECT '{{"symbol":"' || symbol || '","timestamp":"' || "timestamp" || '","open":' || open || ',"high":' || high
        || ',"low":' || low || ',"close":' || close || ',"volume":' || volume || '}}' AS line
    FROM ({rows})
"""


def unfit(rows: range) -> int:
    """How many of the rows are."""
    return len(range(-(-rows.start // UNFIT_EVERY) * UNFIT_EVERY, rows.stop, UNFIT_EVERY))


def write_lines(path: Path, rows: range) -> None:
    """NDJSON of about 130 bytes a row; ``rows`` tells which of all possible ones."""
    _copy(_LINES.format(rows=_of(rows)), path, r"FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'")


def write_parquet(path: Path, rows: range) -> None:
    """Parquet, all in one row group."""
    _copy(_of(rows), path, f"FORMAT parquet, ROW_GROUP_SIZE {len(rows)}")


def _of(rows: range) -> str:
    return _ROWS.format(symbols=SYMBOLS, every=UNFIT_EVERY, first=rows.start, last=rows.stop)


def _copy(query: str, path: Path, options: str) -> None:
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as connection:
        connection.execute(f"COPY ({query}) TO '{path}' ({options})".replace(r"\x01", "\x01"))
