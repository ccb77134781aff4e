"""The peer: one DuckDB SQL statement that masks, quarantines with all reasons, deduplicates and enriches."""

from __future__ import annotations

NUMBERS = ("open", "high", "low", "close", "volume")
COLUMNS = "{symbol: 'VARCHAR', timestamp: 'VARCHAR', " + ", ".join(f"{name}: 'VARCHAR'" for name in NUMBERS) + "}"


def bare_read(pattern: str) -> str:
    """What DuckDB does with the file by itself: types found, rows read, nothing checked."""
    return f"SELECT * FROM read_ndjson('{pattern}', ignore_errors = true)"


def one_statement(pattern: str, table: str) -> str:
    """The same work in SQL; unfit rows stay in the table with their reasons and their text."""
    casts = ", ".join(f"try_cast({name} AS DOUBLE) AS {name}_n" for name in NUMBERS)
    prices = [f"{name}_n" for name in NUMBERS[:4]]
    reasons = {
        "missing_field": " OR ".join(f"{name} IS NULL" for name in ("symbol", "timestamp", *NUMBERS)),
        "symbol_format": "NOT regexp_full_match(upper(trim(symbol)), '[A-Z]{1,5}')",
        "timestamp_invalid": "instant IS NULL",
        "timestamp_future": "instant > now()::TIMESTAMP + INTERVAL 1 DAY",
        "price_not_numeric": " OR ".join(f"({name} IS NOT NULL AND {name}_n IS NULL)" for name in NUMBERS[:4]),
        "price_range": " OR ".join(f"{name} < 0.01 OR {name} > 1000000" for name in prices),
        "ohlc_relation": "low_n > least(open_n, close_n) OR high_n < greatest(open_n, close_n)",
        "volume_invalid": "volume IS NOT NULL AND volume_n IS NULL",
        "volume_negative": "volume_n < 0",
    }
    flags = ", ".join(f"CASE WHEN {condition} THEN '{code}' END" for code, condition in reasons.items())
    return f"""
        CREATE OR REPLACE TABLE {table} AS
        WITH typed AS (
            SELECT *, upper(trim(symbol)) AS ticker, try_cast(timestamp AS TIMESTAMP) AS instant, {casts},
                   row_number() OVER () AS place
            FROM read_ndjson('{pattern}', ignore_errors = true, columns = {COLUMNS})
        ), judged AS (SELECT *, concat_ws(',', {flags}) AS reasons FROM typed)
        SELECT ticker AS symbol, instant AS timestamp,
               try_cast(open_n AS DECIMAL(20,8)) AS open, try_cast(high_n AS DECIMAL(20,8)) AS high,
               try_cast(low_n AS DECIMAL(20,8)) AS low, try_cast(close_n AS DECIMAL(20,8)) AS close,
               try_cast(volume_n AS DECIMAL(28,8)) AS volume,
               try_cast(close_n - open_n AS DECIMAL(20,8)) AS price_change,
               try_cast((close_n - open_n) / open_n * 100 AS DECIMAL(20,8)) AS price_change_percent,
               try_cast(high_n - low_n AS DECIMAL(20,8)) AS price_range,
               try_cast((high_n - low_n) / open_n * 100 AS DECIMAL(20,8)) AS price_range_percent,
               try_cast((high_n + low_n + close_n) / 3 AS DECIMAL(20,8)) AS typical_price,
               place, reasons,
               CASE WHEN reasons <> '' THEN concat_ws(',', symbol, timestamp, open, high, low, close, volume) END AS raw
        FROM judged
        QUALIFY reasons <> '' OR row_number() OVER (PARTITION BY ticker, instant, reasons <> '' ORDER BY place DESC) = 1
    """
