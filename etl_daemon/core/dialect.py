"""Where the SQL of the destinations differs; everything else they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Dialect:
    """A destination's SQL.

    ``timestamp`` is its type for instants without zone; ``json_rows`` how it makes rows of a JSON list: by ``unnest``
    or by ``flatten``.
    """

    name: str
    timestamp: str
    json_rows: str

    def listed(self, columns: pa.Schema) -> str:
        """A query that turns one bound text, a JSON list of objects, into rows with these columns."""
        if self.json_rows == "unnest":
            shape = ", ".join(f'"{field.name}": "{self.column_type(field.type)}"' for field in columns)
            return f"SELECT unnest(from_json(?, '[{{{shape}}}]'), max_depth := 2)"
        values = ", ".join(f"f.value:{field.name}::{self.column_type(field.type)} AS {field.name}" for field in columns)
        return f"SELECT {values} FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f"

    def column_type(self, type_: pa.DataType) -> str:
        """The SQL type that holds every value of an Arrow type. Timestamps are UTC without zone."""
        if pa.types.is_decimal(type_):
            return f"NUMERIC({type_.precision},{type_.scale})"
        if pa.types.is_timestamp(type_):
            return self.timestamp
        if pa.types.is_integer(type_):
            return "BIGINT"
        return "VARCHAR"


DUCKDB = Dialect("duckdb", timestamp="TIMESTAMP", json_rows="unnest")
SNOWFLAKE = Dialect("snowflake", timestamp="TIMESTAMP_NTZ", json_rows="flatten")

DIALECTS: Mapping[str, Dialect] = {each.name: each for each in (DUCKDB, SNOWFLAKE)}
"""By name, which is what ``ETL_DESTINATION`` says."""
