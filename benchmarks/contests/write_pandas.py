"""All that `write_pandas` does before anything is sent, as we call it, against its defaults, which compress by gzip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from snowflake.connector.pandas_tools import write_pandas

from benchmarks.contests.kernel import rules_of, slice_of
from benchmarks.race import OURS, Bound, Contender, Given, Heat
from etl_daemon.adapters.snowflake.staging import load
from etl_daemon.core.rules.clean import clean

DEFAULTS = "write_pandas, its defaults"


class Deaf:
    """A connection, and its cursor, that takes every statement, sends nothing, and says that all rows arrived."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def cursor(self, *_: object) -> Deaf:
        return self

    def execute(self, *_: object, **__: object) -> Deaf:
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [("file", "LOADED", self._rows, self._rows)]

    def close(self) -> None:
        """Nothing is open."""


def heats(given: Given) -> Iterator[Heat]:
    """Rows of prices as they are staged."""
    dataset, rules = rules_of("price_data")
    table = _staged(clean(slice_of(given, given.size(100_000, 20_000), "distinct"), dataset, rules).accepted)
    rows = table.num_rows
    deaf: Any = Deaf(rows)

    def ours() -> None:
        load(deaf, table, "D.S.STAGED")

    def defaults() -> None:
        write_pandas(deaf, table.to_pandas(types_mapper=pd.ArrowDtype), "STAGED", use_logical_type=True)

    contenders = (Contender(OURS, rows, ours), Contender(DEFAULTS, rows, defaults))
    yield Heat("encode for Snowflake", contenders, (Bound(DEFAULTS, 5.0),))


def _staged(accepted: pa.Table) -> pa.Table:
    """With the columns that every target has."""
    with duckdb.connect() as connection:
        connection.register("accepted", accepted)
        return connection.sql(
            "SELECT *, 'processed/price_data/2026/01/01/prices.json' AS _OBJECT_KEY, "
            "TIMESTAMP '2026-01-01 00:00:00' AS _OBJECT_MODIFIED FROM accepted"
        ).to_arrow_table()
