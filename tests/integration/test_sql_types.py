"""Every type that PostgreSQL and MariaDB offer, through the bucket into a DuckDB table, in both formats of objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest

# ruff: noqa: DTZ001 - timestamps of the table have no zone; a type and its values are one line
from tests.support.databases import (
    empty_mariadb,
    empty_postgresql,
    mariadb,
    postgresql,
    run_mariadb,
    run_postgresql,
)
from tests.support.extraction import Plant

# By type: values as SQL, and what is in the table then.
NUMBERS: dict[str, list[tuple[str, Any]]] = {
    "int2": [("-32768", -32768), ("32767", 32767)],
    "int4": [("-2147483648", -2147483648)],
    "int8": [("-9223372036854775808", -9223372036854775808), ("9223372036854775807", 9223372036854775807)],
    "oid": [("4294967295", 4294967295)],
    "float4": [("0.1", 0.1), ("3.4028235e38", 3.4028235e38), ("'-0'", -0.0)],
    "float8": [("0.1", 0.1), ("1.7976931348623157e308", 1.7976931348623157e308), ("5e-324", 5e-324)],
    "numeric": [
        ("12345678901234567890.123456789012345678", Decimal("12345678901234567890.123456789012345678")),
        ("-0.000000000000000001", Decimal("-0.000000000000000001")),
    ],
    "money": [("'-92233720368547758.08'", Decimal("-92233720368547758.080"))],
}
POSTGRESQL: dict[str, list[tuple[str, Any]]] = NUMBERS | {
    "bool": [("true", True), ("false", False)],
    "bytea": [(r"'\x00ff0a22'", "00ff0a22"), ("''", "")],
    "char": [("'x'", "x")],
    "name": [("'a name'", "a name")],
    "text": [
        ("''", ""),
        ("'a,\"b\"'", 'a,"b"'),
        (r"E'line\r\nbreak\ttab\\'", "line\r\nbreak\ttab\\"),
        ("'NULL'", "NULL"),
        ("'007'", "007"),
        ("'\U0001f40d ü'", "\U0001f40d ü"),
        (r"E'\\.'", "\\."),
        ("' '", " "),
    ],
    "varchar": [("'true'", "true"), ("'1'", "1")],
    "bpchar": [("'ab  '::char(4)", "ab  ")],
    "date": [("'0001-01-01'", date(1, 1, 1)), ("'9999-12-31'", date(9999, 12, 31))],
    "time": [("'23:59:59.999999'", time(23, 59, 59, 999999)), ("'00:00'", time(0, 0))],
    "timetz": [("'23:59:59.5+05:30'", "23:59:59.5+05:30")],
    "timestamp": [("'2026-03-29 02:30:00.123456'", datetime(2026, 3, 29, 2, 30, 0, 123456))],
    "timestamptz": [
        ("'2026-01-02 03:04:05.000001+05:30'", datetime(2026, 1, 1, 21, 34, 5, 1)),
        ("'1890-01-01 00:00+00'", datetime(1890, 1, 1)),
    ],
    "interval": [("'1 year 2 mons -3 days 04:05:06.000007'", "P1Y2M-3DT4H5M6.000007S")],
    "uuid": [("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")],
    "json": [
        ("""'{"a": 1.00000000000000000001,  "a": [null]}'""", '{"a": 1.00000000000000000001,  "a": [null]}'),
        ("'null'", "null"),
    ],
    "jsonb": [("""'{"b": {"c": "ü\\n"}}'""", '{"b": {"c": "ü\\n"}}')],
    "jsonpath": [("'$.a'", '$."a"')],
    "xml": [("'<a>&lt;</a>'", "<a>&lt;</a>")],
    "bit": [("B'1'", "1")],
    "varbit": [("B'0010'", "0010")],
    "inet": [("'10.0.0.1/8'", "10.0.0.1/8")],
    "cidr": [("'10.0.0.0/8'", "10.0.0.0/8")],
    "macaddr": [("'08:00:2b:01:02:03'", "08:00:2b:01:02:03")],
    "macaddr8": [("'08:00:2b:01:02:03:04:05'", "08:00:2b:01:02:03:04:05")],
    "point": [("'(1.5,-2)'", "(1.5,-2)")],
    "line": [("'{1,2,3}'", "{1,2,3}")],
    "lseg": [("'((0,0),(1,1))'", "[(0,0),(1,1)]")],
    "box": [("'((0,0),(1,1))'", "(1,1),(0,0)")],
    "path": [("'((0,0),(1,1))'", "((0,0),(1,1))")],
    "polygon": [("'((0,0),(1,1),(1,0))'", "((0,0),(1,1),(1,0))")],
    "circle": [("'<(0,0),1>'", "<(0,0),1>")],
    "int4range": [("'[1,5)'", "[1,5)"), ("'empty'", "empty")],
    "int8range": [("'[1,)'", "[1,)")],
    "numrange": [("'(1.5,2]'", "(1.5,2]")],
    "daterange": [("'[2026-01-01,2026-02-01)'", "[2026-01-01,2026-02-01)")],
    "tsrange": [("'[2026-01-01 00:00,)'", '["2026-01-01 00:00:00",)')],
    "tstzrange": [("'[2026-01-01 00:00+00,)'", '["2026-01-01 00:00:00+00",)')],
    "int4multirange": [("'{[1,2),[5,6)}'", "{[1,2),[5,6)}")],
    "int8multirange": [("'{}'", "{}")],
    "nummultirange": [("'{[1,2)}'", "{[1,2)}")],
    "datemultirange": [("'{[2026-01-01,2026-01-02)}'", "{[2026-01-01,2026-01-02)}")],
    "tsmultirange": [("'{}'", "{}")],
    "tstzmultirange": [("'{}'", "{}")],
    "tsvector": [("'a:1 b:2'", "'a':1 'b':2")],
    "tsquery": [("'a & b'", "'a' & 'b'")],
    "tid": [("'(1,2)'", "(1,2)")],
    "xid": [("'42'", "42")],
    "xid8": [("'42'", "42")],
    "cid": [("'42'", "42")],
    "pg_lsn": [("'16/B374D848'", "16/B374D848")],
    "pg_snapshot": [("'10:20:10,14'", "10:20:10,14")],
    "txid_snapshot": [("'10:20:10,14'", "10:20:10,14")],
    "oidvector": [("'1 2'", '["1","2"]')],
    "int2vector": [("'1 2'", "[1,2]")],
    "regclass": [("'pg_class'", "pg_class")],
    "regtype": [("'integer'", "integer")],
    "regproc": [("'now'", "now")],
    "regprocedure": [("'now()'", "now()")],
    "regoper": [("'!~~'", None)],
    "regoperator": [("'+(integer,integer)'", "+(integer,integer)")],
    "regrole": [("'postgres'", "postgres")],
    "regnamespace": [("'pg_catalog'", "pg_catalog")],
    "regcollation": [("'\"C\"'", '"C"')],
    "regconfig": [("'english'", "english")],
    "regdictionary": [("'english_stem'", "english_stem")],
    "refcursor": [("'c'", "c")],
    "aclitem": [("'postgres=r/postgres'", "postgres=r/postgres")],
    "gtsvector": [],  # has no input
    "mood": [("'sad'", "sad"), ("'it''s, \"fine\"'", 'it\'s, "fine"')],
    "positive": [("5", 5)],
    "pair": [("ROW(1, 'a')", '{"f1":1,"f2":"a"}')],
    "numeric(12,2)": [("-9999999999.99", Decimal("-9999999999.99"))],
    "numeric(50,20)": [(f"{'9' * 30}.{'9' * 20}", f"{'9' * 30}.{'9' * 20}")],
    "numeric(5,-2)": [("1234567", Decimal(1234600))],
    "numeric(3,5)": [("0.00123", Decimal("0.00123"))],
    "int4[]": [("ARRAY[1,NULL,3]", "[1,null,3]"), ("'{}'", "[]"), ("ARRAY[[1,2],[3,4]]", "[[1,2],[3,4]]")],
    "text[]": [("ARRAY['a','','x\"y',NULL]", '["a","","x\\"y",null]')],
    "numeric[]": [("ARRAY[1.10]", "[1.10]")],
    "timestamptz[]": [("ARRAY['2026-01-01 00:00+00'::timestamptz]", '["2026-01-01T00:00:00+00:00"]')],
    "mood[]": [("ARRAY['sad'::mood]", '["sad"]')],
}
del POSTGRESQL["regoper"][:]  # a name alone is ambiguous, so there is no value to try
INTERNAL = {
    "pg_node_tree",
    "pg_ndistinct",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
}
"""Types of the catalog in which no value can be written."""

MARIADB: dict[str, list[tuple[str, Any]]] = {
    "TINYINT": [("-128", -128), ("127", 127)],
    "BOOLEAN": [("TRUE", 1), ("2", 2)],
    "SMALLINT": [("-32768", -32768)],
    "MEDIUMINT": [("8388607", 8388607)],
    "INT": [("-2147483648", -2147483648)],
    "BIGINT": [("-9223372036854775808", -9223372036854775808)],
    "BIGINT UNSIGNED": [("18446744073709551615", Decimal(18446744073709551615))],
    "INT(8) ZEROFILL": [("42", 42)],
    "DECIMAL": [("-9999999999", Decimal(-9999999999))],
    "DEC": [("1", Decimal(1))],
    "DECIMAL(38,10)": [("1234567890123456789012345678.0123456789", Decimal("1234567890123456789012345678.0123456789"))],
    "DECIMAL(65,30)": [(f"-{'9' * 35}.{'9' * 30}", f"-{'9' * 35}.{'9' * 30}")],
    "FLOAT": [("0.1", 0.10000000149011612), ("16777217", 16777216.0), ("3.4028234e38", 3.4028234663852886e38)],
    "DOUBLE": [
        ("0.1", 0.1),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("2.2250738585072014e-308", 2.2250738585072014e-308),
    ],
    "DOUBLE PRECISION": [("0.3", 0.3)],
    "BIT": [("b'1'", Decimal(1))],
    "BIT(64)": [("b'" + "1" * 64 + "'", Decimal(2**64 - 1))],
    "DATE": [("'1000-01-01'", date(1000, 1, 1)), ("'9999-12-31'", date(9999, 12, 31))],
    "DATETIME": [("'2026-03-29 02:30:00'", datetime(2026, 3, 29, 2, 30))],
    "DATETIME(6)": [("'2026-01-02 03:04:05.123456'", datetime(2026, 1, 2, 3, 4, 5, 123456))],
    "TIMESTAMP(6)": [
        ("'2026-01-02 03:04:05.123456'", datetime(2026, 1, 2, 8, 4, 5, 123456))
    ],  # the server's zone is -5
    "TIMESTAMP": [("'2026-01-02 03:04:05'", datetime(2026, 1, 2, 8, 4, 5))],
    "TIME": [("'-838:59:59'", "-838:59:59"), ("'00:00:00'", "00:00:00")],
    "TIME(6)": [("'12:00:00.000001'", "12:00:00.000001")],
    "YEAR": [("1901", 1901), ("0", 0)],
    "CHAR": [("'x'", "x")],
    "CHAR BYTE": [("'x'", "78")],
    "VARCHAR(20)": [
        ("''", ""),
        ("'a,\"b\"'", 'a,"b"'),
        (r"'line\r\nbreak\\'", "line\r\nbreak\\"),
        ("'NULL'", "NULL"),
        ("'007'", "007"),
        ("'\U0001f40d ü'", "\U0001f40d ü"),
    ],
    "BINARY": [("x'00'", "00")],
    "VARBINARY(8)": [("x'00ff0a22'", "00ff0a22"), ("''", "")],
    "TINYBLOB": [("x'ff'", "ff")],
    "BLOB": [("x'00ff'", "00ff")],
    "MEDIUMBLOB": [("x'00'", "00")],
    "LONGBLOB": [("x'00'", "00")],
    "TINYTEXT": [("'1'", "1")],
    "TEXT": [("'true'", "true")],
    "MEDIUMTEXT": [("'t'", "t")],
    "LONGTEXT": [("''", "")],
    "JSON": [("""'{"a": 1.00000000000000000001}'""", '{"a": 1.00000000000000000001}')],  # text to MariaDB
    "ENUM('a','it''s, \"b\"','')": [("'it''s, \"b\"'", 'it\'s, "b"'), ("''", "")],
    "SET('a','b')": [("'a,b'", "a,b"), ("''", "")],
    "UUID": [("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")],
    "INET4": [("'10.0.0.1'", "10.0.0.1")],
    "INET6": [("'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329")],
    "GEOMETRY": [("ST_GeomFromText('POINT(1 2)')", "000000000101000000000000000000f03f0000000000000040")],
    **{
        kind: [(f"ST_GeomFromText('{text}')", None)]
        for kind, text in {
            "POINT": "POINT(1 2)",
            "LINESTRING": "LINESTRING(0 0,1 1)",
            "POLYGON": "POLYGON((0 0,1 1,1 0,0 0))",
            "MULTIPOINT": "MULTIPOINT(1 1,2 2)",
            "MULTILINESTRING": "MULTILINESTRING((0 0,1 1))",
            "MULTIPOLYGON": "MULTIPOLYGON(((0 0,1 1,1 0,0 0)))",
            "GEOMETRYCOLLECTION": "GEOMETRYCOLLECTION(POINT(1 2))",
        }.items()
    },
}


@pytest.fixture(scope="module")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgresql")) as server, empty_postgresql(server) as url:
        run_postgresql(
            url,
            "CREATE TYPE mood AS ENUM ('sad', 'it''s, \"fine\"')",
            "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
            "CREATE TYPE pair AS (f1 int, f2 text)",
        )
        yield url


@pytest.fixture(scope="module")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mariadb(tmp_path_factory.mktemp("mariadb")) as server, empty_mariadb(server) as url:
        yield url


def wide(table: str, types: dict[str, list[tuple[str, Any]]], quote: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Statements that make a table with a column of each type, and the rows that it holds: values, then only nulls."""
    tried = [(f"c{at}", type_, values) for at, (type_, values) in enumerate(types.items()) if values]
    depth = max(len(values) for _, _, values in tried)
    columns = ", ".join(f"{name} {_named(type_, quote)} NULL" for name, type_, _ in tried)
    statements = [f"CREATE TABLE {table} (id int PRIMARY KEY, {columns})"]
    rows: list[dict[str, Any]] = []
    for at in range(depth + 1):
        values = [each[2][at] if at < len(each[2]) else ("NULL", None) for each in tried]
        statements.append(f"INSERT INTO {table} VALUES ({', '.join([str(at), *(sql for sql, _ in values)])})")
        rows.append({"ID": at} | {name.upper(): value for (name, _, _), (_, value) in zip(tried, values, strict=True)})
    return statements, rows


def _named(type_: str, quote: str) -> str:
    return f"{quote}{type_}{quote}" if type_ == "char" else type_


def check(plant: Plant, rows: list[dict[str, Any]], types: dict[str, list[tuple[str, Any]]]) -> None:
    """Each cell of the table is what it should be; where nothing is expected, it is some text."""
    kinds = {f"C{at}": type_ for at, type_ in enumerate(types)}
    found = plant.rows("ORDER BY ID")
    assert [row["ID"] for row in found] == [row["ID"] for row in rows], plant.quarantine()
    wrong = []
    for row, expected in zip(found, rows, strict=True):
        for name, value in expected.items():
            absent = row["ID"] >= len(types.get(kinds.get(name, ""), [0] * 99))
            same = row[name] == value and type(row[name]) is type(value) and str(row[name]) == str(value)
            if not (same or (value is None and not absent and row[name])):
                wrong.append((kinds.get(name), value, row[name]))
    assert wrong == []


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_every_type_of_postgresql_arrives_as_it_was(postgresql_url: str, tmp_path: Path, format_: str) -> None:
    statements, rows = wide(f"wide_{format_}", POSTGRESQL, '"')
    run_postgresql(postgresql_url, *statements)
    plant = Plant(tmp_path, postgresql_url, table=f"wide_{format_}", format=format_)
    assert plant.run("--load").code == 0
    check(plant, rows, POSTGRESQL)


def test_no_type_of_postgresql_was_left_out(postgresql_url: str) -> None:
    rows = run_postgresql(
        postgresql_url,
        "SELECT typname FROM pg_type WHERE typtype IN ('b', 'r', 'm', 'e') AND typcategory <> 'A' "
        "AND typnamespace = 'pg_catalog'::regnamespace",
    )
    assert {name for (name,) in rows} - set(POSTGRESQL) == INTERNAL


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_every_type_of_mariadb_arrives_as_it_was(mariadb_url: str, tmp_path: Path, format_: str) -> None:
    statements, rows = wide(f"wide_{format_}", MARIADB, "`")
    run_mariadb(mariadb_url, *statements)
    plant = Plant(tmp_path, mariadb_url, table=f"wide_{format_}", format=format_)
    assert plant.run("--load").code == 0
    check(plant, rows, MARIADB)


def test_no_type_of_mariadb_was_left_out(mariadb_url: str) -> None:
    """Names of types come from the server's help and its plugins; which of them are types it says by making columns."""
    topics = run_mariadb(
        mariadb_url,
        "SELECT t.name FROM mysql.help_topic t JOIN mysql.help_category c USING (help_category_id) "
        "WHERE c.name LIKE '%Data Types' OR c.name LIKE 'Geo%'",
    )
    plugins = run_mariadb(
        mariadb_url, "SELECT plugin_name FROM information_schema.all_plugins WHERE plugin_type = 'DATA TYPE'"
    )
    offered = {
        kind for (name,) in (*topics, *plugins) for kind in made_of(mariadb_url, name.removesuffix(" Data Type"))
    }
    covered = {name.partition("(")[0].partition(" ")[0].lower() for name in MARIADB}
    assert {"inet6", "uuid", "point", "set", "longblob", "bigint", "timestamp"} <= offered
    assert offered - {name.replace("boolean", "tinyint") for name in covered} == set()


def made_of(url: str, name: str) -> set[str]:
    """What the server makes of a column of that type; nothing where it is none."""
    kinds: set[str] = set()
    for more in ("", "(4)", "('a')"):
        with suppress(pymysql.Error):
            run_mariadb(url, f"CREATE OR REPLACE TABLE probe (c {name}{more})")
            where = "WHERE table_schema = DATABASE() AND table_name = 'probe'"
            kinds |= {kind for (kind,) in run_mariadb(url, f"SELECT data_type FROM information_schema.columns {where}")}
    return kinds


@pytest.mark.parametrize("types", [True, False])
def test_zero_dates_of_mariadb_are_kept_as_text_or_quarantined(mariadb_url: str, tmp_path: Path, types: bool) -> None:
    run_mariadb(
        mariadb_url,
        "SET sql_mode = ''",
        "DROP TABLE IF EXISTS zero",
        "CREATE TABLE zero (id int PRIMARY KEY, d date, t datetime)",
        "INSERT INTO zero VALUES (1, '0000-00-00', '0000-00-00'), (2, '2026-00-00', NULL), (3, '2026-01-02', NULL)",
    )
    plant = Plant(tmp_path, mariadb_url, table="zero", types='{ d = "VARCHAR", t = "VARCHAR" }' if types else "{}")
    assert plant.run("--load").code == 0
    if types:
        assert [row["D"] for row in plant.rows("ORDER BY ID")] == ["0000-00-00", "2026-00-00", "2026-01-02"]
    else:
        assert [row["ID"] for row in plant.rows("")] == [3]
        assert [raw for _, raw in plant.quarantine()] == [
            '{"id":"1","d":"0000-00-00","t":"0000-00-00 00:00:00"}',
            '{"id":"2","d":"2026-00-00","t":""}',
        ]


def test_what_has_no_counterpart_is_quarantined_with_its_text(postgresql_url: str, tmp_path: Path) -> None:
    run_postgresql(
        postgresql_url,
        "CREATE TABLE odd (id int, at timestamptz, f float8)",
        "INSERT INTO odd VALUES (1, 'infinity', 1), (2, now(), 'NaN'), (3, '0044-03-15 BC', 1), (4, now(), 4)",
    )
    plant = Plant(tmp_path, postgresql_url, table="odd")
    assert plant.run("--load").code == 0
    assert [row["ID"] for row in plant.rows("")] == [4]
    quarantined = plant.quarantine()
    assert {reason for reason, _ in quarantined} == {"type_mismatch"}
    assert ["infinityZ" in quarantined[0][1], "NaN" in quarantined[1][1], " BC" in quarantined[2][1]] == [True] * 3


def test_invalid_text_costs_its_row_only_and_nulls_stay_apart(tmp_path: Path, postgresql_url: str) -> None:
    with empty_postgresql(postgresql_url) as url:
        name = url.rpartition("/")[2]
        run_postgresql(
            postgresql_url,
            f"CREATE DATABASE {name}_a ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        )
        try:
            run_postgresql(
                f"{url}_a",
                "SET client_encoding = 'SQL_ASCII'",
                "CREATE TABLE texts (id int, t text)",
                r"INSERT INTO texts VALUES (1, ''), (2, NULL), (3, E'\xff'), (4, E'a\nb')",
            )
            plant = Plant(tmp_path, f"{url}_a", table="texts")
            assert plant.run("--load").code == 0
            assert [(row["ID"], row["T"]) for row in plant.rows("ORDER BY ID")] == [(1, ""), (2, None), (4, "a\nb")]
            assert [reason for reason, _ in plant.quarantine()] == ["undecodable"]
        finally:
            run_postgresql(postgresql_url, f"DROP DATABASE {name}_a WITH (FORCE)")


def test_a_null_in_the_only_column_is_a_row(postgresql_url: str, tmp_path: Path) -> None:
    run_postgresql(postgresql_url, "CREATE TABLE one (t text)", "INSERT INTO one VALUES ('t'), (NULL), (''), (NULL)")
    plant = Plant(tmp_path, postgresql_url, table="one", key="")
    assert plant.run("--load").code == 0
    assert sorted((row["T"] for row in plant.rows("")), key=str) == sorted(["t", None, "", None], key=str)


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_instants_are_no_wall_times_of_the_source(postgresql_url: str, tmp_path: Path, format_: str) -> None:
    run_postgresql(
        postgresql_url,
        f"CREATE TABLE zoned_{format_} (id int, at timestamptz, wall timestamp)",
        f"INSERT INTO zoned_{format_} VALUES (1, '2026-01-02 10:00+00', '2026-01-02 10:00')",
        f"INSERT INTO zoned_{format_} VALUES (2, '2026-03-08 02:30+00', NULL)",
    )
    plant = Plant(tmp_path, postgresql_url, table=f"zoned_{format_}", format=format_)
    assert plant.run("--load", SOURCE_TIMEZONE="America/New_York").code == 0
    found = [(row["AT"], row["WALL"]) for row in plant.rows("ORDER BY ID")]
    assert found == [
        (datetime(2026, 1, 2, 10), datetime(2026, 1, 2, 15)),
        (datetime(2026, 3, 8, 2, 30), None),
    ]


@pytest.mark.parametrize("at", ["2026-01-02 10:00:05", "2026-01-02T10:00:05.250000", "2026-01-02"])
def test_another_database_has_an_overlap_too(tmp_path: Path, at: str) -> None:
    import sqlite3

    sort = "DATE" if len(at) == 10 else "DATETIME"
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute(f"CREATE TABLE o (id INTEGER PRIMARY KEY, at {sort})")
        connection.execute("INSERT INTO o VALUES (1, ?)", (at,))
    plant = Plant(tmp_path, f"sqlite:///{tmp_path}/shop.db", table="o", sql='timestamp_column = "at"\noverlap = 60')
    assert plant.run("--load").code == 0
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("INSERT INTO o VALUES (2, ?), (3, '2025-12-31')", (at.replace(":05", ":00"),))
    assert plant.run("--load").code == 0
    assert [row["ID"] for row in plant.rows("ORDER BY ID")] == [1, 2]


def test_another_database_comes_by_sqlalchemy(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE o (id INTEGER PRIMARY KEY, n VARCHAR, p NUMERIC(10,2), b BLOB, at DATETIME)")
        connection.execute(
            "INSERT INTO o VALUES (1, '007', 1.5, x'00ff', '2026-01-02 03:04:05'), (2, '', NULL, NULL, NULL)"
        )
    plant = Plant(tmp_path, f"sqlite:///{tmp_path}/shop.db", table="o")
    assert plant.run("--load").code == 0
    found = [tuple(row[name] for name in ("ID", "N", "P", "B", "AT")) for row in plant.rows("ORDER BY ID")]
    assert found == [(1, "007", Decimal("1.50"), "00ff", datetime(2026, 1, 2, 3, 4, 5)), (2, "", None, None, None)]
    assert next((tmp_path / "bucket").rglob("*.csv")).relative_to(tmp_path / "bucket").parts[:3] == ("sql", "shop", "o")
