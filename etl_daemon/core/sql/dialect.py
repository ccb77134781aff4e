"""Where the SQL of the destinations differs; everything else they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from etl_daemon.core.datasets import INSTANT, SYSTEM_COLUMNS
from etl_daemon.core.tables.canonical import MICROS
from etl_daemon.core.tables.plaintext import JSON

ZONED = pa.timestamp("us", "UTC")
LENGTH = b"length"
"""The key in a field's metadata under which the greatest length of its text stands, in characters."""

_UNLIMITED = 16_777_216  # characters: a VARCHAR that Snowflake gives no length
_NAMES: dict[pa.DataType, tuple[str, ...]] = {
    pa.bool_(): ("BOOLEAN", "BOOL"),
    pa.int8(): ("TINYINT",),
    pa.int16(): ("SMALLINT",),
    pa.int32(): ("INTEGER", "INT"),
    pa.int64(): ("BIGINT", "BYTEINT"),
    pa.uint8(): ("UTINYINT",),
    pa.uint16(): ("USMALLINT",),
    pa.uint32(): ("UINTEGER",),
    pa.uint64(): ("UBIGINT",),
    pa.decimal128(38, 0): ("HUGEINT", "UHUGEINT"),
    pa.float64(): ("DOUBLE", "FLOAT", "REAL", "DOUBLE PRECISION", "FLOAT4", "FLOAT8"),
    pa.string(): ("VARCHAR", "TEXT", "STRING", "CHAR", "CHARACTER", "NVARCHAR", "BPCHAR"),
    pa.binary(): ("BINARY", "BLOB", "VARBINARY", "BYTEA"),
    pa.date32(): ("DATE",),
    MICROS: ("TIME",),
    INSTANT: ("TIMESTAMP", "TIMESTAMP_NTZ", "DATETIME", "TIMESTAMP WITHOUT TIME ZONE"),
    pa.timestamp("s"): ("TIMESTAMP_S",),
    pa.timestamp("ms"): ("TIMESTAMP_MS",),
    pa.timestamp("ns"): ("TIMESTAMP_NS",),
    ZONED: ("TIMESTAMP_TZ", "TIMESTAMP_LTZ", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"),
    JSON: ("JSON", "VARIANT"),
}
_TYPES = {name: type_ for type_, names in _NAMES.items() for name in names}
_DECIMALS = ("NUMBER", "NUMERIC", "DECIMAL", "DEC")
_SQL = re.compile(r"([A-Z][A-Z0-9_]*(?: [A-Z]+)*)\s*(?:\(\s*(\d{1,9})\s*(?:,\s*(\d{1,2})\s*)?\))?( [A-Z ]+)?")


@dataclass(frozen=True, slots=True)
class Dialect:
    """A destination's SQL.

    ``timestamp`` is its type for instants without zone; ``json_rows`` how it makes rows of a JSON list: by ``unnest``
    or by ``flatten``. ``staging`` is how many statements it takes to stage a table of one file. ``made_first`` has a
    query that is named be made before what reads it, as a planner may not find best by itself.
    """

    name: str
    timestamp: str
    zoned: str
    json: str
    binary: str
    real: pa.DataType
    json_rows: str
    staging: int
    made_first: str = ""

    def listed(self, columns: pa.Schema) -> str:
        """A query that turns one bound text, a JSON list of objects, into rows with these columns."""
        if self.json_rows == "unnest":
            shape = ", ".join(f'"{field.name}": "{self.column_type(field.type)}"' for field in columns)
            return f"SELECT unnest(from_json(?, '[{{{shape}}}]'), max_depth := 2)"
        values = ", ".join(f"f.value:{field.name}::{self.column_type(field.type)} AS {field.name}" for field in columns)
        return f"SELECT {values} FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f"

    def staged(self, value: str, type_: pa.DataType) -> str:
        """A staged value as its column takes it: JSON and bytes are staged as text where files carry them so."""
        if self.json != "VARIANT" or type_ not in {JSON, pa.binary()}:
            return value
        if type_ != JSON:
            return f"TO_BINARY({value}, 'HEX')"
        # what Snowflake does not take for JSON, such as an object with a name twice, stays as the text that it is
        return f"COALESCE(TRY_PARSE_JSON({value}), TO_VARIANT({value}))"

    def column_type(self, type_: pa.DataType) -> str:
        """The SQL type that holds every value of an Arrow type. Timestamps are UTC without zone."""
        if pa.types.is_decimal(type_):
            return f"NUMERIC({type_.precision},{type_.scale})"
        if pa.types.is_timestamp(type_):
            return self.zoned if type_.tz else self.timestamp
        if pa.types.is_uint64(type_):
            return "NUMERIC(20,0)"
        if pa.types.is_unsigned_integer(type_):
            return "BIGINT"
        own = {JSON: self.json, pa.binary(): self.binary, pa.float32(): "FLOAT"}
        return own.get(type_) or _NAMES.get(type_, ("VARCHAR",))[0]

    def text(self, value: str, type_: pa.DataType) -> str:
        """A value as text, whatever the session's formats are: equal values give equal texts."""
        if pa.types.is_string(type_):
            return value
        if self.json_rows == "unnest":
            return f"hex({value})" if pa.types.is_binary(type_) else f"CAST({value} AS VARCHAR)"
        if pa.types.is_timestamp(type_):
            utc = f"CONVERT_TIMEZONE('UTC', {value})" if type_.tz else value
            return f"TO_VARCHAR({utc}, 'YYYY-MM-DD HH24:MI:SS.FF9')"
        if type_ == JSON:
            return f"TO_JSON({value})"
        form = {pa.date32(): "YYYY-MM-DD", MICROS: "HH24:MI:SS.FF9", pa.binary(): "HEX"}.get(type_)
        return f"TO_VARCHAR({value}, '{form}')" if form else f"CAST({value} AS VARCHAR)"

    def instant(self, value: str, type_: pa.DataType) -> str:
        """A date or timestamp as UTC without zone; nothing where it is neither."""
        if not (pa.types.is_timestamp(type_) or pa.types.is_date(type_)):
            return ""
        if pa.types.is_timestamp(type_) and type_.tz and self.name == "snowflake":
            return f"CAST(CONVERT_TIMEZONE('UTC', {value}) AS {self.timestamp})"
        return value if type_ == INSTANT else f"CAST({value} AS {self.timestamp})"

    def day(self, instant: str, zone: str = "UTC", ahead: int = 0) -> str:
        """The date of an instant in a time zone whose days begin so many minutes before midnight.

        Midnight UTC stands for a date without time, which is never shifted.
        """
        if zone == "UTC" and not ahead:
            return f"CAST({instant} AS DATE)"
        local = (
            f"({instant} AT TIME ZONE 'UTC') AT TIME ZONE '{zone}'"
            if self.name == "duckdb"
            else f"CONVERT_TIMEZONE('UTC', '{zone}', {instant})"
        )
        shifted = f"{local} + INTERVAL '{ahead} minutes'" if ahead else local
        midnight = f"{instant} = DATE_TRUNC('day', {instant})"
        return f"CAST(CASE WHEN {midnight} THEN {instant} ELSE {shifted} END AS DATE)"

    def shelf(self, database: str, name: str) -> str:
        """The name of a temporary table: in DuckDB such tables are in a database of their own."""
        return name if self.name == "duckdb" else f"{database}.ETL_CONTROL.{name}"

    def arrow_type(self, text: str) -> pa.DataType:
        """The Arrow type of a column that this destination describes so.

        Raises:
            ValueError: it is no type that rows are written in.
        """
        return self.real if text.strip().upper() in {"FLOAT", "REAL"} else arrow_type(text)

    def described(self, columns: Iterable[tuple[str, str]]) -> pa.Schema:
        """A table's own columns by the names and types that the destination tells, without those of every target.

        Text of limited length has that in its field's metadata; a type in which nothing is written is Arrow's null.
        """
        return pa.schema([self._field(name.upper(), text) for name, text in columns if not _is_system(name)])

    def _field(self, name: str, text: str) -> pa.Field:
        try:
            type_ = self.arrow_type(text)
        except ValueError:
            return pa.field(name, pa.null())
        length = re.search(r"\((\d+)\)", text) if pa.types.is_string(type_) else None
        if length is None or int(length[1]) >= _UNLIMITED:
            return pa.field(name, type_)
        return pa.field(name, type_, metadata={LENGTH: length[1]})


DUCKDB = Dialect(
    "duckdb", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "JSON", "BLOB", pa.float32(), "unnest", 0, "MATERIALIZED"
)
SNOWFLAKE = Dialect("snowflake", "TIMESTAMP_NTZ", "TIMESTAMP_TZ", "VARIANT", "BINARY", pa.float64(), "flatten", 4)

DIALECTS: Mapping[str, Dialect] = {each.name: each for each in (DUCKDB, SNOWFLAKE)}
"""By name, which is what ``ETL_DESTINATION`` says."""


def _is_system(name: str) -> bool:
    return name.upper() in SYSTEM_COLUMNS.names


def arrow_type(text: str) -> pa.DataType:
    """The Arrow type of a SQL type, by the names of either dialect; a decimal without digits has 38 of them.

    Raises:
        ValueError: it is no type that rows are written in.
    """
    found = _SQL.fullmatch(text.strip().upper())
    name, first, second = (found[1] + (found[4] or ""), found[2], found[3]) if found else ("", None, None)
    if name in _DECIMALS:
        return _decimal(int(first or 38), int(second or 0), text)
    if name not in _TYPES or (second is not None):
        raise ValueError(f"is no type of a column, such as NUMBER(20,4), VARCHAR, TIMESTAMP or VARIANT: {text!r}")
    return _TYPES[name]


def _decimal(precision: int, scale: int, text: str) -> pa.DataType:
    if not (1 <= precision <= 38 and scale <= precision):
        raise ValueError(f"has 1 to 38 digits, not more of them behind the point than in all: {text!r}")
    return pa.decimal128(precision, scale)


def length_limit(field: pa.Field) -> int | None:
    """How many characters the text of a column may have; None: as many as it likes."""
    length = (field.metadata or {}).get(LENGTH)
    return int(length) if length else None
