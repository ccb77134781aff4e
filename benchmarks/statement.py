"""The peer: one DuckDB SQL statement that does what the rules do, over Arrow or over files; and two that do less."""

from __future__ import annotations

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume")
TEXT_COLUMNS = "{symbol: 'VARCHAR', timestamp: 'VARCHAR', " + ", ".join(f"{name}: 'VARCHAR'" for name in NUMBERS) + "}"
TYPED_COLUMNS = (
    "{symbol: 'VARCHAR', timestamp: 'TIMESTAMP', " + ", ".join(f"{name}: 'DOUBLE'" for name in NUMBERS) + "}"
)

_REASONS = {
    "undecodable": "malformed",
    "missing_field": "missing AND NOT malformed",
    "symbol_format": "NOT regexp_full_match(ticker, '[A-Z]{1,5}')",
    "timestamp_invalid": "timestamp_unfit",
    "timestamp_future": "instant > now()::TIMESTAMP + INTERVAL 1 DAY",
    "price_not_numeric": " OR ".join(f"{name}_unfit" for name in PRICES),
    "price_range": " OR ".join(f"{name} < 0.01 OR {name} > 1000000" for name in PRICES),
    "ohlc_relation": "low > open OR low > close OR high < open OR high < close OR high < low",
    "volume_invalid": "volume_unfit",
    "volume_negative": "volume < 0",
    "scale_overflow": "volume >= 1e20",
}
_MISSING = " OR ".join(f"{name} IS NULL" for name in ("symbol", "timestamp", *NUMBERS))
_KEYS = (
    f"upper(trim(symbol)) AS ticker, try_cast(timestamp AS TIMESTAMP) AS instant, {_MISSING} AS missing, "
    "timestamp IS NOT NULL AND try_cast(timestamp AS TIMESTAMP) IS NULL AS timestamp_unfit"
)
_ENRICHED = {
    "price_change": "close - open",
    "price_change_percent": "(close - open) / open * 100",
    "price_range": "high - low",
    "price_range_percent": "(high - low) / open * 100",
    "typical_price": "(high + low + close) / 3",
}
_ANOMALIES = """,
    CASE WHEN abs(price_change_percent) >= 20 THEN price_change_percent END AS extreme_move,
    CASE WHEN reasons = '' AND rows >= 20 AND mad > 0 AND abs(close - middle) >= reach THEN close END AS outlier,
    CASE WHEN outlier IS NOT NULL THEN middle + sign(close - middle) * reach END AS outlier_bound
"""


def over_arrow(table: str) -> str:
    """Everything, anomalies included.

    A number that is none is NaN; ``place`` counts rows, ``line`` is a row's text, ``malformed`` tells cut ones.
    """
    numbers = ", ".join(f"nullif({name}, 'NaN'::DOUBLE) AS {name}, isnan({name}) AS {name}_unfit" for name in NUMBERS)
    typed = f"SELECT place, line AS raw, malformed, {_KEYS}, {numbers} FROM {table}"
    return f"WITH {_kept(typed)}, {_spread()} {_selected(_ANOMALIES)} FROM kept LEFT JOIN spread USING (ticker)"


def over_files(reader: str, *, deduplicated: bool = True) -> str:
    """Everything but the anomalies, from a reader that gives text; unfit rows stay, with their reasons and text."""
    cast = "try_cast({0} AS DOUBLE)"
    number = f"{cast} AS {{0}}, {{0}} IS NOT NULL AND {cast} IS NULL AS {{0}}_unfit"
    numbers = ", ".join(map(number.format, NUMBERS))
    raw = f"concat_ws(',', symbol, timestamp, {', '.join(NUMBERS)})"
    typed = f"SELECT row_number() OVER () AS place, {raw} AS raw, false AS malformed, {_KEYS}, {numbers} FROM {reader}"
    return f"WITH {_kept(typed, deduplicated=deduplicated)} {_selected()} FROM kept"


def filtered(reader: str) -> str:
    """What DuckDB does at least: the valid rows of a reader that gives types, in the types of the target."""
    conditions = [_REASONS[code] for code in ("symbol_format", "timestamp_future", "price_range", "ohlc_relation")]
    unfit = " OR ".join([*conditions, _REASONS["volume_negative"]])
    present = " AND ".join(f"{name} IS NOT NULL" for name in ("symbol", "instant", *NUMBERS))
    typed = f"SELECT symbol, upper(trim(symbol)) AS ticker, timestamp AS instant, {', '.join(NUMBERS)} FROM {reader}"
    return (
        f"SELECT ticker AS symbol, instant AS timestamp, {', '.join(map(_in_type, NUMBERS))} "
        f"FROM ({typed}) WHERE {present} AND NOT ({unfit})"
    )


def ndjson(pattern: str, columns: str) -> str:
    """The reader of JSON lines, compressed ones too."""
    return f"read_ndjson('{pattern}', ignore_errors = true, columns = {columns})"


def _kept(typed: str, *, deduplicated: bool = True) -> str:
    """Of several wordings of "the last of each key" the quickest."""
    flags = ", ".join(f"CASE WHEN {condition} THEN '{code}' END" for code, condition in _REASONS.items())
    last = (
        " WHERE reasons <> '' OR place IN (SELECT max(place) FROM judged WHERE reasons = '' GROUP BY ticker, instant)"
    )
    return (
        f"typed AS ({typed}), judged AS MATERIALIZED (SELECT *, concat_ws(',', {flags}) AS reasons FROM typed), "
        f"kept AS (SELECT * FROM judged{last if deduplicated else ''})"
    )


def _spread() -> str:
    """Median and median absolute deviation per symbol."""
    return (
        "spread AS (SELECT ticker, median(close) AS middle, mad(close) AS mad, 3.5 * mad / 0.6745 AS reach, "
        "count(*) AS rows FROM kept WHERE reasons = '' GROUP BY ticker)"
    )


def _selected(more: str = "") -> str:
    """The target's columns, null in unfit rows; for those their reasons and text."""
    given = {name: name for name in NUMBERS} | _ENRICHED
    columns = [f"CASE WHEN reasons = '' THEN {_in_type(name, value)} END AS {name}" for name, value in given.items()]
    return (
        f"SELECT ticker AS symbol, instant AS timestamp, {', '.join(columns)}, place, reasons, "
        f"CASE WHEN reasons <> '' THEN raw END AS raw{more}"
    )


def _in_type(name: str, value: str = "") -> str:
    return f"({value or name})::DECIMAL({28 if name == 'volume' else 20}, 8)" + ("" if value else f" AS {name}")
