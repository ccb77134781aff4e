"""Where the SQL of the destinations differs; everything else they share."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Dialect:
    """A destination's SQL: its names for the column types that are not called the same everywhere."""

    name: str
    timestamp: str

    def column_type(self, type_: pa.DataType) -> str:
        """The SQL type that holds every value of an Arrow type. Timestamps are UTC without zone."""
        if pa.types.is_decimal(type_):
            return f"NUMERIC({type_.precision},{type_.scale})"
        if pa.types.is_timestamp(type_):
            return self.timestamp
        if pa.types.is_integer(type_):
            return "BIGINT"
        return "VARCHAR"


DUCKDB = Dialect("duckdb", timestamp="TIMESTAMP")
SNOWFLAKE = Dialect("snowflake", timestamp="TIMESTAMP_NTZ")
