"""SQL types of both destinations, there and back."""

from __future__ import annotations

import pyarrow as pa
import pytest

from etl_daemon.core.sql.dialect import DUCKDB, SNOWFLAKE, ZONED, arrow_type, length_limit

JSON, TIME, MICROS = pa.json_(), pa.time64("us"), pa.timestamp("us")


@pytest.mark.parametrize(
    ("type_", "duckdb", "snowflake"),
    [
        (pa.bool_(), "BOOLEAN", "BOOLEAN"),
        (pa.int16(), "SMALLINT", "SMALLINT"),
        (pa.int32(), "INTEGER", "INTEGER"),
        (pa.int64(), "BIGINT", "BIGINT"),
        (pa.decimal128(20, 8), "NUMERIC(20,8)", "NUMERIC(20,8)"),
        (pa.float64(), "DOUBLE", "DOUBLE"),
        (pa.string(), "VARCHAR", "VARCHAR"),
        (pa.binary(), "BLOB", "BINARY"),
        (pa.date32(), "DATE", "DATE"),
        (TIME, "TIME", "TIME"),
        (MICROS, "TIMESTAMP", "TIMESTAMP_NTZ"),
        (ZONED, "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_TZ"),
        (JSON, "JSON", "VARIANT"),
    ],
)
def test_a_type_comes_back_from_its_name(type_: pa.DataType, duckdb: str, snowflake: str) -> None:
    for dialect, name in ((DUCKDB, duckdb), (SNOWFLAKE, snowflake)):
        assert dialect.column_type(type_) == name
        assert dialect.arrow_type(name) == type_


def test_types_without_a_place_have_a_wider_one() -> None:
    wider = {pa.uint64(): "NUMERIC(20,0)", pa.uint32(): "BIGINT", pa.null(): "VARCHAR", pa.float32(): "FLOAT"}
    assert {type_: DUCKDB.column_type(type_) for type_ in wider} == wider


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("NUMBER", pa.decimal128(38, 0)),
        ("number(38, 0)", pa.decimal128(38, 0)),
        ("DECIMAL(20,8)", pa.decimal128(20, 8)),
        (" NUMERIC( 5 ) ", pa.decimal128(5, 0)),
        ("HUGEINT", pa.decimal128(38, 0)),
        ("FLOAT", pa.float64()),
        ("DOUBLE PRECISION", pa.float64()),
        ("VARCHAR(16777216)", pa.string()),
        ("TEXT", pa.string()),
        ("TIMESTAMP_NTZ(9)", MICROS),
        ("TIMESTAMP_NS", pa.timestamp("ns")),
        ("TIMESTAMP_LTZ(9)", ZONED),
        ("TIMESTAMP(6) WITH TIME ZONE", ZONED),
        ("TIME(9)", TIME),
        ("BINARY(8388608)", pa.binary()),
        ("variant", JSON),
    ],
)
def test_names_of_both_dialects_are_read(text: str, type_: pa.DataType) -> None:
    assert arrow_type(text) == type_


@pytest.mark.parametrize(
    "text", ["", "UUID", "NUMBER(39)", "NUMBER(4,5)", "NUMBER(0)", "VARCHAR(1,2)", "INT; DROP", "INTEGER[]"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no type of a column|has 1 to 38 digits"):
        arrow_type(text)


def test_a_table_is_described() -> None:
    rows = [("ID", "BIGINT"), ("f", "FLOAT"), ("CODE", "VARCHAR(8)"), ("U", "UUID"), ("_OBJECT_KEY", "VARCHAR")]
    schema = DUCKDB.described(rows)
    assert schema.names == ["ID", "F", "CODE", "U"]
    assert schema.types == [pa.int64(), pa.float32(), pa.string(), pa.null()]
    assert [length_limit(field) for field in schema] == [None, None, 8, None]
    assert SNOWFLAKE.described([("F", "FLOAT"), ("T", "VARCHAR(16777216)")]).types == [pa.float64(), pa.string()]
    assert length_limit(SNOWFLAKE.described([("T", "VARCHAR(16777216)")]).field(0)) is None
