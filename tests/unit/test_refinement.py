"""What a dataset's silver table is, by its settings and by the columns that its bronze table has."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from etl_daemon.core.datasets import INSTANT, ROW_ORDER, SYSTEM_COLUMNS, TEXT, Mode
from etl_daemon.core.medallion.refinement import Refinement, Tidying
from etl_daemon.core.medallion.silver import Merged, silver
from etl_daemon.core.sql.dialect import DUCKDB, SNOWFLAKE
from etl_daemon.core.sql.silver import SilverSql, folded
from etl_daemon.core.tables.refining import refinement, silver_problems
from etl_daemon.errors import SetupError
from tests.support.rows import PRICES
from tests.support.tables import APPENDED

REFINED = Refinement("D.S.LOG", "D.G.LOG", ("ID",), {"NAME": (Tidying.TRIM, Tidying.UPPER)})
BRONZE = pa.schema([("ID", pa.int64()), ("NAME", TEXT), ("AT", INSTANT), *SYSTEM_COLUMNS])
LOG = replace(APPENDED, silver=REFINED)


def full(name: str) -> str:
    return f"D.{name.upper()}"


def test_without_a_table_there_is_none():
    assert refinement({}, full) is None
    assert refinement({"silver": {}}, full) is None


def test_names_are_those_of_the_target():
    given = {"table": "s.t", "primary_key": ["Name", "other", "Name"], "tidy": {"Name": ["trim", "blank_to_null"]}}
    found = refinement({"columns": {"Name": "person"}, "silver": given}, full)

    assert found == Refinement(
        "D.S.T", "D.S.T_VIEW", ("PERSON", "OTHER"), {"PERSON": (Tidying.TRIM, Tidying.BLANK_TO_NULL)}
    )


def test_a_view_may_have_a_name_and_built_in_kinds_have_their_own_columns():
    given = {"table": "s.t", "view": "g.v", "primary_key": ["symbol"]}
    found = refinement({"kind": "price_data", "columns": {"symbol": "ticker"}, "silver": given}, full)

    assert found == Refinement("D.S.T", "D.G.V", ("SYMBOL",), {})


def test_tables_are_somebodys_alone():
    other = replace(LOG, name="other", table="D.M.OTHER")
    assert silver_problems([LOG, PRICES]) == []
    problems = silver_problems([LOG, other, replace(PRICES, table="D.G.LOG")])
    assert problems == [
        "log: silver: D.G.LOG is a table of price_data; name another one.",
        "other: silver: D.S.LOG is a table of log; name another one.",
        "other: silver: D.G.LOG is a table of log; name another one.",
    ]


def test_only_what_is_appended_is_refined():
    (problem,) = silver_problems([replace(LOG, mode=Mode.FULL)])
    assert problem == 'log: silver: is made of all rows that came; say mode = "APPEND", without raw.'


def test_columns_of_silver():
    made = silver(replace(LOG, timestamp_column="AT"), REFINED, BRONZE)

    assert made.columns.names == ["ID", "NAME", "AT"]
    assert made.others == ("NAME", "AT")
    assert made.order[-len(ROW_ORDER) :] == ROW_ORDER
    noted = ["SOURCE_FILE_NAME", "SOURCE_FILE_ROW_NUMBER", "SOURCE_FILE_LAST_MODIFIED"]
    assert made.refined.names == [
        "ID", "NAME", "AT", "MD5_HASH", *noted, "PROCESS_NAME", "PROCESS_ID", "PROCESS_DTS",
    ]  # fmt: skip
    assert made.schema.names == [
        "ID", "NAME", "AT", "MD5_HASH", *noted, "INSERT_DTS", "UPDATE_DTS", "PROCESS_NAME", "PROCESS_ID",
    ]  # fmt: skip
    assert dict(zip(made.origin, made.origin.values(), strict=True)) == dict(
        zip(noted, ("_OBJECT_KEY", "_OBJECT_ROW", "_OBJECT_MODIFIED"), strict=True)
    )


@pytest.mark.parametrize(
    ("described", "refined", "words"),
    [
        (pa.schema([("NAME", TEXT)]), REFINED, "no column ID,"),
        (pa.schema([("ID", TEXT)]), REFINED, "no column NAME,"),
        (pa.schema([("X", TEXT)]), REFINED, "no column ID, NAME,"),
        (pa.schema([("ID", TEXT), ("NAME", pa.int64())]), REFINED, "NAME of FINANCIAL_DATA"),
        (pa.schema([("ID", TEXT), ("NAME", TEXT), ("MD5_HASH", TEXT)]), REFINED, "a column MD5_HASH,"),
        (pa.schema([("ID", TEXT), ("NAME", TEXT), ("PROCESS_DTS", INSTANT)]), REFINED, "a column PROCESS_DTS,"),
    ],
)
def test_a_bronze_that_cannot_be_refined_says_why(described, refined, words):
    with pytest.raises(SetupError, match=words) as raised:
        silver(LOG, refined, described)
    assert "[datasets.log" in raised.value.hint


def test_a_declared_column_may_come_later():
    later = replace(LOG, types={"NAME": "VARCHAR"})
    assert silver(later, REFINED, pa.schema([("ID", TEXT)])).columns.names == ["ID"]
    with pytest.raises(SetupError, match="no column ID"):
        silver(replace(LOG, types={"ID": "VARCHAR"}), REFINED, pa.schema([("NAME", TEXT)]))


def test_a_merge_that_found_nothing_did_nothing():
    assert Merged() == Merged(0, inserted=0, updated=0, deleted=0, unkeyed=0)


def test_keys_are_told_to_snowflake_and_never_null():
    made = silver(LOG, REFINED, BRONZE)
    duckdb, snowflake = (SilverSql(made, "R", each) for each in (DUCKDB, SNOWFLAKE))

    assert '"ID" BIGINT NOT NULL' in duckdb.table()
    assert '"NAME" VARCHAR,' in duckdb.table()
    assert "PRIMARY KEY" not in duckdb.table()
    assert snowflake.table().endswith('PRIMARY KEY ("ID")\n)')
    assert "COPY GRANTS" in snowflake.view()
    assert "COPY GRANTS" not in duckdb.view()
    assert list(duckdb.creating()) == ["D.S", "D.G", "D.S.LOG"]


def test_a_key_alone_has_the_hash_of_nothing():
    made = silver(replace(LOG, silver=None), replace(REFINED, tidy={}), pa.schema([("ID", TEXT)]))
    assert "MD5('')" in SilverSql(made, "R", DUCKDB).refining()


def test_lists_are_folded_at_a_hundred_characters():
    assert folded(["a", "b"], 4) == "a, b"
    assert folded(["x" * 95, "y" * 3], 2) == f"{'x' * 95}, yyy"
    assert folded(["x" * 95, "y" * 4], 2) == f"{'x' * 95},\n  yyyy"
    assert folded(["x" * 200, "y"], 0) == f"{'x' * 200},\ny"
