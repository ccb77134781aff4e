"""Dirty price rows from a seed, in every format that is read."""

from __future__ import annotations

from pathlib import Path

import duckdb

SYMBOLS = 500
MINUTES = 4_000
FIELDS = ("symbol", "timestamp", "open", "high", "low", "close", "volume")

_INSTANTS = {
    "minutes": "TIMESTAMP '2026-01-01' + to_minutes((random() * {minutes})::INT)",
    "distinct": "TIMESTAMP '2026-01-01' + to_microseconds(i * 7654321 % 20000000000000)",
}
_ROWS = """
    WITH drawn AS (
        SELECT (random() * {symbols} - 0.5)::INT AS s, {instant} AS instant, random() AS r1, random() AS r2,
               random() AS r3, {fault} AS fault FROM range({rows}) AS numbers(i)
    ), priced AS (
        SELECT *, 'S' || chr(65 + s // 26 % 26) || chr(65 + s % 26) AS symbol,
               (5 + 495 * r1) * CASE WHEN fault BETWEEN 0.05 AND 0.0502 THEN 40 ELSE 1 END AS base,
               CASE WHEN fault BETWEEN 0.06 AND 0.0602 THEN 1.3 ELSE 0.98 + 0.04 * r2 END AS change
        FROM drawn
    ), ranged AS (
        SELECT *, round(base, 4) AS o, round(base * change, 4) AS c,
               round(greatest(base, base * change) * 1.002, 4) AS h,
               round(least(base, base * change) * 0.998, 4) AS l, (5000000 * r3)::BIGINT AS v
        FROM priced
    )
    SELECT symbol, instant, fault, c, h, v, CASE WHEN fault BETWEEN 0.03 AND 0.034 THEN h * 2 ELSE l END AS l,
           CASE WHEN fault < 0.004 THEN {unfit} WHEN fault < 0.008 THEN NULL WHEN fault < 0.010 THEN '-1'
                ELSE o::VARCHAR END AS o
    FROM ranged
"""
_TIME = "strftime(instant, '{form}')"
_FORMS = {"minutes": "%Y-%m-%dT%H:%M:%SZ", "distinct": "%Y-%m-%dT%H:%M:%S.%fZ"}
_JSON = """
    SELECT CASE WHEN fault > {cut_from} THEN '{{"symbol":"' || symbol || '","timest' ELSE
        '{{"symbol":"' || symbol || '","timestamp":"' || {time} || '","open":'
        || CASE WHEN o IS NULL THEN 'null' WHEN o = 'n/a' OR fault BETWEEN 0.01 AND 0.02 THEN '"' || o || '"' ELSE o END
        || ',"high":' || h || ',"low":' || l || ',"close":' || c || ',"volume":' || v || '}}' END AS line
    FROM ({rows})
"""
_PLAIN = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'"


def write_prices(path: Path, rows: int, seed: float = 0.42, *, instants: str = "minutes", dirty: bool = True) -> None:
    """About 2 % of the rows are unfit: no number for a price, or none, negative, low above high, cut lines.

    Some are anomalies. The name says the format: ``.json`` is JSON lines, with ``.gz`` or ``.zst`` behind it
    compressed, and with ``.whole`` before it without cut ones; ``.array.json`` one array; ``.csv``; ``.parquet``. Only
    lines of JSON can be cut, and only text can be ``n/a``: in Parquet that price is 0.
    ``instants`` are ``minutes``, of which many rows share one, or ``distinct``.
    """
    kind = path.name.partition(".")[2]
    unfit = "'0'" if kind == "parquet" else "'n/a'"
    instant = _INSTANTS[instants].format(minutes=MINUTES)
    fault = "random()" if dirty else "0.5"
    query = _ROWS.format(rows=rows, symbols=SYMBOLS, instant=instant, unfit=unfit, fault=fault)
    time = _TIME.format(form=_FORMS[instants])
    cells = f"symbol, {time} AS timestamp, o AS open, h AS high, l AS low, c AS close, v AS volume"
    with duckdb.connect(config={"threads": 1}) as connection:  # one thread: random() then repeats with its seed
        connection.execute("SELECT setseed(?)", [seed])
        if kind == "parquet":
            cells = (
                "symbol, instant AS timestamp, o::DOUBLE AS open, h AS high, l AS low, c AS close, v::DOUBLE AS volume"
            )
            connection.execute(f"COPY (SELECT {cells} FROM ({query})) TO '{path}' (FORMAT parquet)")
        elif kind == "csv":
            connection.execute(f"COPY (SELECT {cells} FROM ({query})) TO '{path}' (FORMAT csv, HEADER)")
        else:
            _write_json(
                connection, path, _JSON.format(rows=query, time=time, cut_from=0.999 if kind.startswith("json") else 2)
            )


def _write_json(connection: duckdb.DuckDBPyConnection, path: Path, query: str) -> None:
    if path.name.endswith(".array.json"):
        query = f"SELECT CASE WHEN row_number() OVER () = 1 THEN '[' ELSE ',' END || line AS line FROM ({query})"
    codec = {".gz": ", COMPRESSION gzip", ".zst": ", COMPRESSION zstd"}.get(path.suffix, "")
    connection.execute(f"COPY ({query}) TO '{path}' ({_PLAIN}{codec})")
    if path.name.endswith(".array.json"):
        with path.open("a") as file:
            file.write("]\n")
