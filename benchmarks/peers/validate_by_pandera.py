"""Pandera's lazy validation with failure cases, once per line of input: `validate_by_pandera.py PRICES.json`.

The types are made by pandas first: a schema that makes them itself leaves a column with one "n/a" unchecked.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

PRICES = ["open", "high", "low", "close"]


def schema() -> pa.DataFrameSchema:
    """What the rules ask."""
    tomorrow = pd.Timestamp.now("UTC") + pd.Timedelta(days=1)
    return pa.DataFrameSchema(
        {
            "symbol": pa.Column(str, pa.Check.str_matches(r"^[A-Z]{1,5}$")),
            "timestamp": pa.Column("datetime64[us, UTC]", pa.Check.lt(tomorrow)),
            **{name: pa.Column(float, pa.Check.in_range(0.01, 1_000_000)) for name in PRICES},
            "volume": pa.Column(float, pa.Check.ge(0)),
        },
        checks=[
            pa.Check(lambda frame: ~(frame["low"] > frame[["open", "close"]].min(axis="columns"))),
            pa.Check(lambda frame: ~(frame["high"] < frame[["open", "close"]].max(axis="columns"))),
        ],
    )


def failing_rows(given: pd.DataFrame) -> int:
    """How many rows have a failure case."""
    frame = given.copy()
    frame["symbol"] = frame["symbol"].str.strip().str.upper()
    instants = pd.to_datetime(frame["timestamp"], utc=True, errors="coerce", format="ISO8601")
    frame["timestamp"] = instants.astype("datetime64[us, UTC]")
    for name in (*PRICES, "volume"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
    try:
        schema().validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return int(errors.failure_cases["index"].nunique())
    return 0


def main(path: str) -> None:
    with Path(path).open() as lines:
        frame = pd.DataFrame(map(json.loads, lines))
    for _ in sys.stdin:
        started, computed = time.perf_counter(), time.process_time()
        rows = failing_rows(frame)
        print(time.perf_counter() - started, time.process_time() - computed, rows, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
