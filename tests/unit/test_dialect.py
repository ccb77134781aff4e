"""SQL types of both destinations, there and back."""

from __future__ import annotations

import pyarrow as pa
import pytest

from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.sql.dialect import DIALECTS, DUCKDB, SNOWFLAKE, ZONED, Dialect, arrow_type, length_limit
from etl_daemon.core.sql.publish import Publish

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


COLUMNS = pa.schema([("BATCH_ID", pa.string()), ("AT", MICROS)])


def test_a_json_list_becomes_rows() -> None:
    assert DUCKDB.listed(COLUMNS) == (
        """SELECT unnest(from_json(?, '[{"BATCH_ID": "VARCHAR", "AT": "TIMESTAMP"}]'), max_depth := 2)"""
    )
    assert SNOWFLAKE.listed(COLUMNS) == (
        "SELECT f.value:BATCH_ID::VARCHAR AS BATCH_ID, f.value:AT::TIMESTAMP_NTZ AS AT "
        "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f"
    )


def test_json_is_parsed_where_it_is_staged_as_text() -> None:
    assert SNOWFLAKE.staged("v", JSON) == "COALESCE(TRY_PARSE_JSON(v), TO_VARIANT(v))"
    assert SNOWFLAKE.staged("v", pa.string()) == DUCKDB.staged("v", JSON) == "v"


def test_bytes_are_read_where_they_are_staged_in_hexadecimal() -> None:
    assert SNOWFLAKE.staged("v", pa.binary()) == "TO_BINARY(v, 'HEX')"
    assert DUCKDB.staged("v", pa.binary()) == "v"


@pytest.mark.parametrize(("dialect", "value"), [(SNOWFLAKE, "COALESCE(TRY_PARSE_JSON("), (DUCKDB, 's."ID" = t."ID"')])
def test_keys_meet_as_what_the_table_has(dialect: Dialect, value: str) -> None:
    """Text of JSON is not the VARIANT that it means."""
    dataset = Dataset("t", Kind.TABLE, "p", "A.B.C", primary_key=("ID",))
    plan = Publish(dataset, pa.schema([("ID", JSON), ("V", pa.int64())]), "STAGED", dialect, restated=True)
    for statement in (plan.met(), plan.known(), plan.removal("A.B.C", beaten=True), plan.insertion(only_new=True)):
        assert value in statement


@pytest.mark.parametrize(
    ("type_", "duckdb", "snowflake"),
    [
        (pa.string(), "v", "v"),
        (pa.int64(), "CAST(v AS VARCHAR)", "CAST(v AS VARCHAR)"),
        (pa.binary(), "hex(v)", "TO_VARCHAR(v, 'HEX')"),
        (pa.date32(), "CAST(v AS VARCHAR)", "TO_VARCHAR(v, 'YYYY-MM-DD')"),
        (TIME, "CAST(v AS VARCHAR)", "TO_VARCHAR(v, 'HH24:MI:SS.FF9')"),
        (JSON, "CAST(v AS VARCHAR)", "TO_JSON(v)"),
        (MICROS, "CAST(v AS VARCHAR)", "TO_VARCHAR(v, 'YYYY-MM-DD HH24:MI:SS.FF9')"),
        (
            ZONED,
            "CAST(v AS VARCHAR)",
            "TO_VARCHAR(CONVERT_TIMEZONE('UTC', v), 'YYYY-MM-DD HH24:MI:SS.FF9')",
        ),
    ],
)
def test_values_as_text_whatever_the_session_says(type_: pa.DataType, duckdb: str, snowflake: str) -> None:
    assert (DUCKDB.text("v", type_), SNOWFLAKE.text("v", type_)) == (duckdb, snowflake)


@pytest.mark.parametrize(
    ("type_", "duckdb", "snowflake"),
    [
        (pa.string(), "", ""),
        (pa.int64(), "", ""),
        (MICROS, "v", "v"),
        (pa.date32(), "CAST(v AS TIMESTAMP)", "CAST(v AS TIMESTAMP_NTZ)"),
        (pa.timestamp("ns"), "CAST(v AS TIMESTAMP)", "CAST(v AS TIMESTAMP_NTZ)"),
        (ZONED, "CAST(v AS TIMESTAMP)", "CAST(CONVERT_TIMEZONE('UTC', v) AS TIMESTAMP_NTZ)"),
    ],
)
def test_instants_in_utc(type_: pa.DataType, duckdb: str, snowflake: str) -> None:
    assert (DUCKDB.instant("v", type_), SNOWFLAKE.instant("v", type_)) == (duckdb, snowflake)


def test_days_of_an_exchange() -> None:
    assert DUCKDB.day("t") == SNOWFLAKE.day("t") == "CAST(t AS DATE)"
    assert SNOWFLAKE.day("t", "America/New_York") == (
        "CAST(CASE WHEN t = DATE_TRUNC('day', t) THEN t "
        "ELSE CONVERT_TIMEZONE('UTC', 'America/New_York', t) END AS DATE)"
    )
    assert DUCKDB.day("t", "UTC", 90) == (
        "CAST(CASE WHEN t = DATE_TRUNC('day', t) THEN t "
        "ELSE (t AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + INTERVAL '90 minutes' END AS DATE)"
    )


def test_temporary_tables_of_duckdb_are_in_no_database() -> None:
    assert (DUCKDB.shelf("D", "N"), SNOWFLAKE.shelf("D", "N")) == ("N", "D.ETL_CONTROL.N")
    assert DIALECTS == {"duckdb": DUCKDB, "snowflake": SNOWFLAKE}


def test_long_texts_and_long_numbers() -> None:
    assert length_limit(SNOWFLAKE.described([("T", "VARCHAR(16777215)")]).field(0)) == 16_777_215
    assert SNOWFLAKE.described([("N", "NUMBER(38,4)")]).field(0).metadata is None
    assert arrow_type("NUMBER(1,1)") == pa.decimal128(1, 1)
    assert arrow_type("DECIMAL(38,38)") == pa.decimal128(38, 38)
