"""The stand-in for Snowflake runs the SQL that loading into Snowflake takes, and write_pandas."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime

import pandas as pd
import pyarrow as pa
import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.connector.pandas_tools import write_pandas

from tests.support.snowflake import Emulator

OBJECTS = "FINANCIAL_DATA.ETL_CONTROL.ETL_OBJECTS"
STAGING = "FINANCIAL_DATA.MARKET_DATA.STAGING"
PRICES = "FINANCIAL_DATA.MARKET_DATA.PRICES"
COLUMNS = "SYMBOL VARCHAR, TS TIMESTAMP_NTZ, PRICE NUMERIC(20,8), N BIGINT, RAW VARCHAR"
LISTED = "TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f"
GIVEN = f"SELECT f.value:KEY::VARCHAR AS KEY, f.value:ROWS::BIGINT AS ROWS FROM {LISTED}"
DAY = datetime.fromisoformat("2026-01-01")
MOMENT = datetime.fromisoformat("2026-03-01T02:03:04.567891")


class Database:
    """FINANCIAL_DATA, with a ledger of two objects, an empty table and a staging table of four rows."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.connection = emulator.connect(database="FINANCIAL_DATA", warehouse="load_wh", role="loader")

    def fill(self) -> None:
        self.do("CREATE DATABASE IF NOT EXISTS FINANCIAL_DATA")
        self.do("CREATE SCHEMA IF NOT EXISTS FINANCIAL_DATA.ETL_CONTROL")
        self.do("CREATE SCHEMA IF NOT EXISTS FINANCIAL_DATA.MARKET_DATA")
        self.do(f"CREATE OR REPLACE TABLE {OBJECTS} (DATASET VARCHAR NOT NULL, KEY VARCHAR, ROWS_LOADED BIGINT)")
        self.do(f"INSERT INTO {OBJECTS} VALUES ('p', 'a', 1), ('p', 'b', 2)")
        self.do(f"CREATE OR REPLACE TABLE {PRICES} ({COLUMNS.replace('RAW VARCHAR', 'RAW VARIANT')})")
        self.do(f"CREATE OR REPLACE TEMPORARY TABLE {STAGING} ({COLUMNS})")
        self.do(
            f"INSERT INTO {STAGING} VALUES ('A', '2026-01-01', 1.5, 1, '{{\"x\":1}}'), "
            "('A', '2026-01-02', 2.5, 2, '[1]'), "
            "('B', '2026-01-01', 3.12345678, 3, NULL), ('B', '2026-01-01', 4, 4, NULL)"
        )

    def do(self, sql: str, *binds: object) -> list[tuple]:
        return self.connection.cursor().execute(sql, binds or None).fetchall()

    def count(self, sql: str, *binds: object) -> int:
        return self.connection.cursor().execute(sql, binds or None).rowcount

    def objects(self) -> list[tuple]:
        return self.do(f"SELECT DATASET, KEY, ROWS_LOADED FROM {OBJECTS} ORDER BY KEY")


@pytest.fixture(scope="module")
def opened():
    with Emulator() as emulator:
        database = Database(emulator)
        yield database
        database.connection.close()


@pytest.fixture
def database(opened):
    opened.fill()
    return opened


def rows(**counts) -> str:
    return json.dumps([{"KEY": key, "ROWS": count} for key, count in counts.items()])


# ---------------------------------------------------------------- tables


def test_creating_what_exists_changes_nothing(database):
    database.do("CREATE DATABASE IF NOT EXISTS FINANCIAL_DATA")
    database.do("CREATE SCHEMA IF NOT EXISTS FINANCIAL_DATA.ETL_CONTROL")
    database.do(f"CREATE TABLE IF NOT EXISTS {OBJECTS} (OTHER INT)")
    assert len(database.objects()) == 2


def test_a_login_creates_no_database(snowflake):
    with pytest.raises(ProgrammingError):
        snowflake.run("CREATE SCHEMA NOT_THERE.S", database="NOT_THERE")


def test_every_type_keeps_its_values(database):
    database.do(
        "CREATE OR REPLACE TABLE FINANCIAL_DATA.ETL_CONTROL.TYPES (N NUMERIC(20,8), B BIGINT, S VARCHAR, "
        'T TIMESTAMP_NTZ, D DOUBLE, O BOOLEAN, DT DATE, X BINARY, V VARIANT, "QUOTED" NUMBER(28,8))'
    )
    values = (Decimal("123456789012.12345678"), 2**62, 'it\'s "☃"', MOMENT, 0.1, True, date(2026, 3, 1), b"\x00\xff")
    marks = ", ".join("?" * len(values))
    insert = f"INSERT INTO FINANCIAL_DATA.ETL_CONTROL.TYPES SELECT {marks}, PARSE_JSON(?), ?"
    assert database.count(insert, *values, '{"a": [1, null]}', None) == 1
    assert database.count(insert, *[None] * 10) == 1
    full, empty = database.do('SELECT *, V:a[0]::BIGINT, "QUOTED" FROM FINANCIAL_DATA.ETL_CONTROL.TYPES ORDER BY B')
    assert full[:8] == values
    assert json.loads(full[8]) == {"a": [1, None]}
    assert full[9:] == (None, 1, None)
    assert empty == (None,) * 12


def test_columns_can_be_added_widened_and_listed(database):
    database.do(f"ALTER TABLE {PRICES} ADD COLUMN NOTE VARCHAR")
    database.do(f"ALTER TABLE {PRICES} ADD COLUMN IF NOT EXISTS NOTE VARCHAR, AMOUNT NUMERIC(10,2)")
    database.do(f"ALTER TABLE {PRICES} ALTER COLUMN PRICE SET DATA TYPE NUMERIC(28,8)")
    found = database.do(
        "SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE "
        "FROM FINANCIAL_DATA.INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
        "MARKET_DATA",
        "PRICES",
    )
    assert found == [
        ("SYMBOL", "TEXT", None, None),
        ("TS", "TIMESTAMP_NTZ", None, None),
        ("PRICE", "NUMBER", 28, 8),
        ("N", "NUMBER", 38, 0),
        ("RAW", "VARIANT", None, None),
        ("NOTE", "TEXT", None, None),
        ("AMOUNT", "NUMBER", 10, 2),
    ]


def test_the_session_answers_who_it_is(database):
    assert database.do("SELECT CURRENT_ROLE(), CURRENT_WAREHOUSE()") == [("LOADER", "LOAD_WH")]
    database.do('ALTER SESSION SET QUERY_TAG = \'{"batch": "1"}\'')
    assert database.do("SHOW PARAMETERS LIKE 'QUERY_TAG'")[0][:2] == ("QUERY_TAG", '{"batch": "1"}')
    for sql in ("SHOW GRANTS", "SHOW GRANTS TO ROLE LOADER", "USE WAREHOUSE LOAD_WH", "USE ROLE LOADER"):
        assert database.do(sql) == [("Statement executed successfully.",)]


# ---------------------------------------------------------------- values bound as one JSON list


def test_a_bound_list_becomes_rows(database):
    assert database.do(GIVEN, json.dumps([{"KEY": "it's", "ROWS": 1}, {"KEY": 'q"', "ROWS": None}])) == [
        ("it's", 1),
        ('q"', None),
    ]


def test_update_from_a_bound_list(database):
    update = (
        f"UPDATE {OBJECTS} AS t SET ROWS_LOADED = t.ROWS_LOADED + g.ROWS, DATASET = ? FROM ({GIVEN}) AS g "
        "WHERE t.KEY = g.KEY AND t.DATASET = ?"
    )
    assert database.count(update, "q", rows(a=10, z=1), "p") == 1
    assert database.objects() == [("q", "a", 11), ("p", "b", 2)]
    assert database.count(f"UPDATE {OBJECTS} SET ROWS_LOADED = g.ROWS FROM ({GIVEN}) AS g WHERE {OBJECTS}.KEY = g.KEY",
                          rows(b=5)) == 1  # fmt: skip
    assert database.objects() == [("q", "a", 11), ("p", "b", 5)]


def test_insert_what_is_missing_of_a_bound_list(database):
    insert = (
        f"INSERT INTO {OBJECTS} (DATASET, KEY, ROWS_LOADED) SELECT ?, g.KEY, g.ROWS FROM ({GIVEN}) AS g "
        f"WHERE NOT EXISTS (SELECT 1 FROM {OBJECTS} AS o WHERE o.KEY = g.KEY AND o.DATASET = ?)"
    )
    assert database.count(insert, "p", rows(a=9, c=3), "p") == 1
    assert database.objects() == [("p", "a", 1), ("p", "b", 2), ("p", "c", 3)]


def test_delete_using_a_bound_list(database):
    assert database.count(f"DELETE FROM {OBJECTS} AS t USING ({GIVEN}) AS g WHERE t.KEY = g.KEY", rows(a=0)) == 1
    listed = f"SELECT f.value:KEY::VARCHAR FROM {LISTED}"
    assert database.do(f"SELECT COUNT(*) FROM {OBJECTS} WHERE KEY IN ({listed})", rows(b=0, z=0)) == [(1,)]
    assert database.count(f"DELETE FROM {OBJECTS} WHERE DATASET = ? AND KEY IN ({listed})", "p", rows(b=0)) == 1
    assert database.objects() == []


@pytest.mark.parametrize("condition", ["KEY = ?", "ROWS_LOADED = ?", "COALESCE(?, ROWS_LOADED) = ROWS_LOADED"])
def test_values_are_bound_by_question_marks(database, condition):
    value = {"KEY": "a", "ROW": 1, "COA": None}[condition[:3]]
    assert database.do(f"SELECT COUNT(*) FROM {OBJECTS} WHERE {condition}", value) == [(2 if value is None else 1,)]


VALUES = [Decimal("0.00000001"), 5, -(2**62), 0.1, "x", True, MOMENT, MOMENT.date(), b"\x00", None]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_bound_values_keep_their_type(database, value):
    assert database.do("SELECT ?", value) == [(value,)]


def test_many_rows_are_bound_in_one_statement(database):
    start = len(database.emulator.statements())
    cursor = database.connection.cursor()
    cursor.executemany(f"INSERT INTO {OBJECTS} VALUES (?, ?, ?)", [("q", "c", 3), ("q", "d", None)])
    assert cursor.rowcount == 2
    assert database.objects()[2:] == [("q", "c", 3), ("q", "d", None)]
    assert [entry.sql[:6] for entry in database.emulator.statements(start)] == ["INSERT", "SELECT"]


def test_moments_are_bound_exactly(database):
    database.do(f"INSERT INTO {PRICES} (SYMBOL, TS) SELECT ?, ?", "A", MOMENT)
    database.do(f"INSERT INTO {PRICES} (SYMBOL, TS) VALUES (?, ?)", "B", MOMENT.replace(tzinfo=UTC))
    assert database.do(f"SELECT SYMBOL, TS FROM {PRICES} WHERE TS = ? ORDER BY 1", MOMENT) == [
        ("A", MOMENT),
        ("B", MOMENT),
    ]
    assert database.count(f"UPDATE {PRICES} SET TS = ? WHERE TS >= ?", None, MOMENT) == 2


# ---------------------------------------------------------------- publishing


def test_insert_parses_json_into_variants(database):
    assert database.count(f"INSERT INTO {PRICES} SELECT SYMBOL, TS, PRICE, N, PARSE_JSON(RAW) FROM {STAGING}") == 4
    assert database.do(f"SELECT RAW:x::BIGINT FROM {PRICES} WHERE N = 1") == [(1,)]


def test_the_newest_row_of_each_key(database):
    newest = (
        f"SELECT SYMBOL, N FROM {STAGING} QUALIFY ROW_NUMBER() OVER (PARTITION BY SYMBOL ORDER BY TS DESC, N DESC) = 1"
    )
    assert sorted(database.do(newest)) == [("A", 2), ("B", 4)]


def test_functions(database):
    assert database.do(
        f"SELECT MAX_BY(N, TS), GREATEST(1, 3, 2), COALESCE(NULL, 3), MD5('a'), CONCAT_WS(CHR(31), 'a', 'b'), "
        f"SUM(PRICE), SUM(N) FROM {STAGING} WHERE SYMBOL = 'A'"
    ) == [(2, 3, 3, "0cc175b9c0f1b6a831c399e269772661", "a\x1fb", Decimal("4.00000000"), 3)]


def test_tuples_are_compared_column_by_column(database):
    later = f"SELECT N FROM {STAGING} WHERE (TS > ? OR (TS = ? AND N > ?)) UNION ALL SELECT -1 ORDER BY 1"
    assert database.do(later, DAY, DAY, 3) == [(-1,), (2,), (4,)]


def test_merge_with_bound_values(database):
    database.do(f"INSERT INTO {PRICES} (SYMBOL, TS, PRICE, N) VALUES ('A', '2026-01-01', 0, 0)")
    merge = (
        f"MERGE INTO {PRICES} AS t USING (SELECT SYMBOL, TS, PRICE, N FROM {STAGING} WHERE N < ? QUALIFY ROW_NUMBER() "
        "OVER (PARTITION BY SYMBOL, TS ORDER BY N DESC) = 1) AS s ON t.SYMBOL = s.SYMBOL AND t.TS = s.TS "
        "WHEN MATCHED AND s.N > t.N THEN UPDATE SET PRICE = s.PRICE, N = s.N + ? "
        "WHEN NOT MATCHED THEN INSERT (SYMBOL, TS, PRICE, N) VALUES (s.SYMBOL, s.TS, s.PRICE, s.N)"
    )
    assert database.count(merge, 4, 100) == 3
    assert sorted(database.do(f"SELECT SYMBOL, N FROM {PRICES}")) == [("A", 2), ("A", 101), ("B", 3)]


def test_a_table_is_emptied_and_replaced_in_one_transaction(database):
    database.do(f"INSERT INTO {PRICES} (SYMBOL) VALUES ('old')")
    database.do("BEGIN")
    database.do(f"TRUNCATE TABLE {PRICES}")
    assert database.count(f"INSERT INTO {PRICES} (SYMBOL, N) SELECT SYMBOL, N FROM {STAGING}") == 4
    database.do("ROLLBACK")
    assert database.do(f"SELECT SYMBOL FROM {PRICES}") == [("old",)]
    assert database.count(f"INSERT OVERWRITE INTO {PRICES} (SYMBOL, N) SELECT SYMBOL, N FROM {STAGING}") == 4
    database.do(f"TRUNCATE TABLE IF EXISTS {PRICES}")
    assert database.do(f"SELECT COUNT(*) FROM {PRICES}") == [(0,)]


def test_a_temporary_table_is_the_sessions_own(database):
    with database.emulator.connect() as other, pytest.raises(ProgrammingError, match="STAGING"):
        other.cursor().execute(f"SELECT * FROM {STAGING}")
    assert [row[:2] for row in database.do(f"DESCRIBE TABLE {STAGING}")][:3] == [
        ("SYMBOL", "VARCHAR(16777216)"),
        ("TS", "TIMESTAMP_NTZ(9)"),
        ("PRICE", "NUMBER(20,8)"),
    ]
    database.do(f"DROP TABLE {STAGING}")
    with pytest.raises(ProgrammingError, match="STAGING"):
        database.do(f"SELECT * FROM {STAGING}")


@pytest.mark.parametrize("current", [{}, {"database": "FINANCIAL_DATA"}], ids=["nowhere", "database"])
def test_a_session_without_schema_can_name_everything(database, current):
    with database.emulator.connect(**current) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE TEMPORARY TABLE {STAGING} ({COLUMNS})")
        cursor.execute(f"INSERT INTO {STAGING} (SYMBOL, N) VALUES ('A', ?)", (1,))
        if current:
            write(database, TABLE.to_pandas(types_mapper=pd.ArrowDtype), connection=connection)
        assert cursor.execute(f"INSERT INTO {PRICES} (SYMBOL, N) SELECT SYMBOL, N FROM {STAGING}").rowcount >= 1
        assert cursor.execute(GIVEN, (rows(a=1),)).fetchall() == [("a", 1)]
        with pytest.raises(ProgrammingError, match=r"current (database|schema)"):
            cursor.execute("SELECT * FROM PRICES")


def test_a_temporary_table_hides_no_namesake_elsewhere_nor_after_its_end(database):
    namesake = "FINANCIAL_DATA.ETL_CONTROL.STAGING"
    database.do(f"CREATE OR REPLACE TABLE {namesake} AS SELECT 1 AS A")
    assert database.do(f"SELECT A FROM {namesake}") == [(1,)]
    with database.emulator.connect(database="FINANCIAL_DATA") as connection:
        cursor = connection.cursor()
        with pytest.raises(ProgrammingError):
            cursor.execute(f"CREATE TEMPORARY TABLE {PRICES} AS SELECT NOTHING")
        assert cursor.execute(f"SELECT COUNT(*) FROM {PRICES}").fetchall() == [(0,)]
        cursor.execute(f"CREATE TEMPORARY TABLE {OBJECTS} (A INT)")
        cursor.execute(f"DROP TABLE {OBJECTS}")
        assert cursor.execute(f"SELECT COUNT(*) FROM {OBJECTS}").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("sql", "errno", "sqlstate"),
    [
        ("SELECT * FROM FINANCIAL_DATA.MARKET_DATA.NOWHERE", 2003, "42S02"),
        ("SELEC 1", 1003, "42000"),
        ("SELECT 'x'::BIGINT", 100035, "22007"),
        (f"INSERT INTO {OBJECTS} (KEY) VALUES ('x')", 100072, "22000"),
    ],
)
def test_errors_have_code_and_state(database, sql, errno, sqlstate):
    with pytest.raises(ProgrammingError if errno != 100072 else Exception) as failed:
        database.do(sql)
    assert (failed.value.errno, failed.value.sqlstate) == (errno, sqlstate)


# ---------------------------------------------------------------- write_pandas

TABLE = pa.table(
    {
        "SYMBOL": pa.array(["NA", None, "B"]).dictionary_encode(),
        "TS": pa.array([MOMENT, None, MOMENT], pa.timestamp("us")),
        "PRICE": pa.array([Decimal("123456789012.12345678"), None, Decimal("0.00000001")], pa.decimal128(20, 8)),
        "N": pa.array([2**62, None, -1], pa.int64()),
        "RAW": pa.array(['{"it\'s": 1}', None, ""]),
    }
)


def write(database, frame: pd.DataFrame, connection=None, **options) -> list[str]:
    """Write the frame to the staging table; the first words of the statements sent."""
    start = len(database.emulator.statements())
    result = write_pandas(
        connection or database.connection, frame, "STAGING", database="FINANCIAL_DATA", schema="MARKET_DATA",
        use_logical_type=True, compression="snappy", **options,
    )  # fmt: skip
    assert (result.success, result.nrows) == (True, len(frame))
    return [" ".join(entry.sql.split()[:2]) for entry in database.emulator.statements(start)]


@pytest.mark.parametrize("types", [pd.ArrowDtype, None], ids=["arrow", "numpy"])
def test_write_pandas_keeps_decimals_moments_and_nulls(database, types):
    database.do(f"TRUNCATE TABLE {STAGING}")
    write(database, TABLE.drop(["N"] if types is None else []).to_pandas(types_mapper=types))
    columns = "SYMBOL, TS, PRICE, N, RAW"
    expected = [tuple(row.values()) for row in TABLE.to_pylist()]
    if types is None:
        expected = [(*row[:3], None, row[4]) for row in expected]
    assert sorted(database.do(f"SELECT {columns} FROM {STAGING}"), key=str) == sorted(expected, key=str)


def test_write_pandas_sends_three_statements_and_one_more_for_each_further_chunk(database):
    frame = TABLE.to_pandas(types_mapper=pd.ArrowDtype)
    stage, put, copy = write(database, frame)
    assert (stage, put[:3], copy) == ("CREATE TEMPORARY", "PUT", "COPY INTO")
    assert [words[:3] for words in write(database, frame, chunk_size=1)] == ["CRE", "PUT", "PUT", "PUT", "COP"]
    assert len(write(database, frame, chunk_size=1, bulk_upload_chunks=True, quote_identifiers=False)) == 3
    assert database.do(f"SELECT COUNT(*), COUNT(N) FROM {STAGING}") == [(4 + 9, 4 + 6)]


def test_write_pandas_makes_and_overwrites_a_table(database):
    frame = TABLE.to_pandas(types_mapper=pd.ArrowDtype)
    place = {"database": "FINANCIAL_DATA", "schema": "MARKET_DATA", "use_logical_type": True}
    database.do("DROP TABLE IF EXISTS FINANCIAL_DATA.MARKET_DATA.MADE")
    write_pandas(database.connection, frame, "MADE", auto_create_table=True, **place)
    write_pandas(database.connection, frame, "MADE", overwrite=True, **place)
    assert database.do("SELECT COUNT(*), SUM(PRICE) FROM FINANCIAL_DATA.MARKET_DATA.MADE") == [
        (3, Decimal("123456789012.12345679"))
    ]


# ---------------------------------------------------------------- stages, comments


def test_files_of_a_folder_of_a_stage_are_listed_and_copied_by_name(database, tmp_path):
    folder = tmp_path / "data" / "day"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"n": 1}')
    (folder / "b.json").write_text('{"n": 2}')
    (tmp_path / "c.json").write_text('{"n": 3}')
    stage = "FINANCIAL_DATA.MARKET_DATA.OUTSIDE"
    database.do(f"CREATE OR REPLACE STAGE {stage} URL = 'file://{tmp_path}/'")
    listed = database.do(f"LIST @{stage}/data/ /* by: somebody */")
    assert [(row[0], row[1]) for row in listed] == [(f"file://{folder}/{name}.json", 8) for name in "ab"]
    assert listed[0][3].endswith(" GMT")
    assert parsedate_to_datetime(listed[0][3]).tzinfo == UTC
    assert database.do(f"LIST @{stage}/nothing/") == []
    database.do("CREATE OR REPLACE TABLE FINANCIAL_DATA.MARKET_DATA.DOCUMENTS (DATA VARIANT)")
    copy = f"COPY INTO FINANCIAL_DATA.MARKET_DATA.DOCUMENTS FROM @{stage}/data/ FILES = ('day/b.json')"
    for _ in range(2):
        database.do(f"{copy} FILE_FORMAT = (TYPE = JSON) FORCE = TRUE")
    assert database.do("SELECT DATA:n::INT FROM FINANCIAL_DATA.MARKET_DATA.DOCUMENTS") == [(2,), (2,)]


def test_comments_on_columns_are_taken_without_effect(database):
    view = "FINANCIAL_DATA.MARKET_DATA.SYMBOLS"
    database.do(f'CREATE OR REPLACE VIEW {view} ("SYMBOL" COMMENT $$who, (or what)$$) AS (SELECT SYMBOL FROM {PRICES})')
    database.do(f'ALTER TABLE {PRICES} ALTER "SYMBOL" COMMENT $$who$$, "N" COMMENT $$$$')
    assert database.do(f"SELECT SYMBOL FROM {view}") == database.do(f"SELECT SYMBOL FROM {PRICES}")
