"""Dirty price rows from a seed, as NDJSON."""

from __future__ import annotations

from pathlib import Path

import duckdb

SYMBOLS = 500
MINUTES = 4_000

_ROWS = """
    WITH drawn AS (
        SELECT 'S' || chr(65 + (s // 26)::INT % 26) || chr(65 + s::INT % 26) AS symbol,
               strftime(TIMESTAMP '2026-01-01' + to_minutes(t::INT), '%Y-%m-%dT%H:%M:%SZ') AS instant,
               round(5 + 495 * r1, 4) AS o, round((5 + 495 * r1) * (0.98 + 0.04 * r2), 4) AS c,
               (5000000 * r3)::BIGINT AS v, fault
        FROM (SELECT floor(random() * {symbols}) AS s, floor(random() * {minutes}) AS t, random() AS r1,
                     random() AS r2, random() AS r3, random() AS fault FROM range({rows}))
    ), shown AS (
        SELECT *, round(greatest(o, c) * 1.002, 4) AS h, round(least(o, c) * 0.998, 4) AS l,
               CASE WHEN fault < 0.004 THEN '"n/a"' WHEN fault < 0.008 THEN 'null' WHEN fault < 0.010 THEN '-1'
                    WHEN fault < 0.020 THEN '"' || o || '"' ELSE o::VARCHAR END AS opened
        FROM drawn
    )
    SELECT CASE WHEN fault > 0.999 THEN '{{"symbol":"' || symbol || '","timest' ELSE
        '{{"symbol":"' || symbol || '","timestamp":"' || instant || '","open":' || opened || ',"high":' || h
        || ',"low":' || CASE WHEN fault BETWEEN 0.03 AND 0.034 THEN h * 2 ELSE l END || ',"close":' || c
        || ',"volume":' || v || '}}' END AS line
    FROM shown
"""


def write_ndjson(path: Path, rows: int, seed: float = 0.42) -> None:
    """About 2 % of the rows are unfit: text or null for a price, negative, low above high, cut lines."""
    with duckdb.connect(config={"threads": 1}) as connection:  # one thread: random() then repeats with its seed
        connection.execute("SELECT setseed(?)", [seed])
        query = _ROWS.format(rows=rows, symbols=SYMBOLS, minutes=MINUTES)
        connection.execute(
            f"COPY ({query}) TO '{path}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
        )
