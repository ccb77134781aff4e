"""The rules alone, Arrow to Arrow, against the same work as one DuckDB statement over the same Arrow table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.data import write_prices
from benchmarks.race import OURS, Bound, Contender, Given, Heat
from benchmarks.statement import over_arrow
from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.adapters.observers.memory import keep_freed
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import SLICE_ROWS, CleanSlice, ObjectRef, RawSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean

STATEMENT = "one DuckDB statement"
_COUNTS = """
    SELECT count(*) FILTER (reasons = ''), count(*) FILTER (reasons <> ''), count(extreme_move), count(outlier),
           sum(close), sum(typical_price) FROM theirs
"""
_REASONS = """
    SELECT reason, count(*) FROM (SELECT unnest(string_split(reasons, ',')) AS reason FROM theirs WHERE reasons <> '')
    GROUP BY reason
"""
BOUNDS = {"minutes": 4.5, "distinct": 2.5}


def heats(given: Given) -> Iterator[Heat]:
    """Timestamps that many rows share, then all of them distinct."""
    keep_freed()  # as every command does that loads
    rows = min(given.size(SLICE_ROWS, 2**18), SLICE_ROWS)
    for instants, bound in BOUNDS.items():
        with duckdb.connect(config={"threads": given.threads}) as connection:
            yield _heat(connection, slice_of(given, rows, instants), (instants, bound))


def _heat(connection: duckdb.DuckDBPyConnection, raw: RawSlice, stakes: tuple[str, float]) -> Heat:
    dataset, rules = rules_of("price_data")
    rows, (instants, bound) = raw.table.num_rows, stakes
    connection.execute("SET enable_progress_bar = false")
    connection.register("slice", _with_places(raw))
    results: dict[str, Any] = {}

    def ours() -> None:
        results[OURS] = clean(raw, dataset, rules)

    def theirs() -> None:
        results[STATEMENT] = connection.sql(over_arrow("slice")).to_arrow_table()

    return Heat(
        f"rules, Arrow to Arrow, {instants}",
        (Contender(OURS, rows, ours), Contender(STATEMENT, rows, theirs)),
        (Bound(STATEMENT, bound),),
        partial(_check, connection, results),
    )


def rules_of(name: str) -> tuple[Dataset, Rules]:
    """A dataset and its rules by default settings."""
    settings = Settings()
    return next(each for each in configure.datasets(settings) if each.name == name), configure.rules(settings)


def slice_of(given: Given, rows: int, instants: str) -> RawSlice:
    """A slice as the decoder gives it."""
    path = given.folder / f"{instants}.json"
    write_prices(path, rows, instants=instants)
    body = path.read_bytes()
    dataset, _ = rules_of("price_data")
    decoder = ObjectDecoder(threads=given.threads)
    (raw,) = decoder.decode(ObjectRef(datetime.now(UTC), path.name, "1", size=len(body)), memoryview(body), dataset)
    decoder.close()
    lines = pa.array(body.decode().splitlines())
    table = raw.table.combine_chunks()
    return replace(raw, table=table, raw=lambda positions: lines.take(pa.array(positions)))


def _with_places(raw: RawSlice) -> pa.Table:
    """The same for SQL, which has no places of rows and no other way to their text."""
    places = np.arange(raw.table.num_rows)
    malformed = np.isin(places, raw.malformed)
    more = {"place": pa.array(places), "line": raw.raw(places), "malformed": pa.array(malformed)}
    return pa.table({**dict(zip(raw.table.column_names, raw.table.columns, strict=True)), **more})


def _check(connection: duckdb.DuckDBPyConnection, results: dict[str, Any]) -> None:
    """Both have as many rows of each kind, the same sums, as many anomalies, and the same reasons."""
    ours: CleanSlice = results[OURS]
    connection.register("ours", ours.accepted)
    connection.register("theirs", results[STATEMENT])
    sums = connection.execute("SELECT sum(CLOSE_PRICE), sum(TYPICAL_PRICE) FROM ours").fetchone()
    types = ours.anomalies["ANOMALY_TYPE"].to_pylist()
    flagged = (types.count("extreme_price_movement"), types.count("price_outlier"))
    expected = (ours.counts.loaded, ours.counts.quarantined, *flagged, *sums)
    assert connection.execute(_COUNTS).fetchone() == expected, (connection.execute(_COUNTS).fetchone(), expected)
    reasons = dict(connection.execute(_REASONS).fetchall())
    assert reasons == ours.reasons, (reasons, ours.reasons)
    assert min(flagged) > 0, "the data hold no anomalies"
