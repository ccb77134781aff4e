"""Silver is the latest row of each key of bronze, on DuckDB and on Snowflake's stand-in: one text of SQL for both."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_daemon.adapters.destination.session import Engine
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.core.medallion.refinement import Tidying
from etl_daemon.core.medallion.silver import Merged
from etl_daemon.errors import LeaseLostError, SetupError
from tests.support.medallion.refinery import Refinery, customer
from tests.support.medallion.scripts import BODIES, FLOWS, ended
from tests.support.snowflake import Emulator

SESSION_GONE = 390111

pytestmark = pytest.mark.xdist_group("snowflake")


@pytest.fixture
def duck(duckdb_file: DuckDBFile) -> Refinery:
    return Refinery(duckdb_file)


@pytest.fixture
def refinery(engine: Engine) -> Refinery:
    return Refinery(engine)


def test_the_latest_of_each_key_is_merged_once(refinery: Refinery) -> None:
    rows = [customer(1, "A"), customer(1, " B ", day=3, COUNTRY=" gb"), customer(2, "x"), customer(None, "nobody")]
    refinery.load("a.json", *rows)
    assert refinery.merge() == Merged(1, inserted=2, unkeyed=1)
    assert refinery.silver("NAME COUNTRY SOURCE_FILE_ROW_NUMBER") == {1: ("B", "GB", 2), 2: ("x", "GB", 3)}
    before = refinery.ask(f"SELECT * FROM {refinery.refinement.table} ORDER BY 1")

    assert refinery.merge() == Merged()  # nothing is new
    assert refinery.ask(f"SELECT * FROM {refinery.refinement.table} ORDER BY 1") == before

    refinery.load("b.json", customer(1, "late", day=2), customer(2, "x"))  # older than what is there, and the same
    assert refinery.merge() == Merged(1)
    assert refinery.ask(f"SELECT * FROM {refinery.refinement.table} ORDER BY 1") == before

    refinery.load("c.json", customer(1, "C", day=4), customer(3, "y"))
    assert refinery.merge() == Merged(1, inserted=1, updated=1)
    assert refinery.silver() == {1: "C", 2: "x", 3: "y"} == refinery.latest()
    stamps = refinery.silver("INSERT_DTS UPDATE_DTS PROCESS_ID")
    assert stamps[1][0] < stamps[1][1]
    assert stamps[2][0] == stamps[2][1]
    assert (stamps[1][2], stamps[2][2]) == ("run-4", "run-1")
    view = refinery.ask(f"SELECT CUSTOMER_ID, NAME FROM {refinery.refinement.view} ORDER BY 1")
    assert [(int(number), name) for number, name in view] == [(1, "C"), (2, "x"), (3, "y")]
    assert refinery.faults() == {}


def test_what_comes_late_counts_as_if_it_had_come_in_time(duck: Refinery) -> None:
    """The same row again does not touch silver, and still keeps out what lies between it and the first."""
    duck.load("a.json", customer(1, "A", day=1))
    duck.merge()
    duck.load("c.json", customer(1, "A", day=1), age_hours=-2)  # the same day: the file decides
    duck.merge()
    duck.load("b.json", customer(1, "B", day=1), age_hours=-1)
    assert duck.merge() == Merged(1)
    assert duck.silver() == {1: "A"} == duck.latest()


def test_a_restated_object_takes_its_rows_back(refinery: Refinery) -> None:
    refinery.load("a.json", customer(1, "A"), customer(2, "B"), customer(3, "C"))
    refinery.load("b.json", customer(3, "C", day=2))
    assert refinery.merge() == Merged(2, inserted=3)

    refinery.load("a.json", customer(1, "A2"), customer(4, "D"))
    assert refinery.merge() == Merged(1, inserted=1, updated=1, deleted=1)
    assert refinery.silver() == {1: "A2", 3: "C", 4: "D"} == refinery.latest()

    refinery.load("a.json", customer(1, "A2"), customer(4, "D"))  # nothing is different
    assert refinery.merge() == Merged(1)
    refinery.load("b.json", customer(5, "E"))  # 3 was in both: only now it is gone
    assert refinery.merge() == Merged(1, inserted=1, deleted=1)
    assert refinery.silver() == {1: "A2", 4: "D", 5: "E"} == refinery.latest()
    assert refinery.faults() == {}


def test_the_row_before_stands_again_where_the_latest_was_taken_back(refinery: Refinery) -> None:
    refinery.load("a.json", customer(1, "old", day=1), customer(2, "same"))
    refinery.load("b.json", customer(1, "new", day=2))
    refinery.merge()
    refinery.load("c.json", customer(2, "same"))  # silver goes on saying that it is from a.json
    assert refinery.merge() == Merged(1)
    refinery.load("b.json", customer(9))
    assert refinery.merge() == Merged(1, inserted=1, updated=1)
    assert refinery.silver()[1] == "old"
    refinery.load("a.json", customer(1, "old", day=1))  # 2 is from c.json alone now
    assert refinery.merge() == Merged(1)
    assert refinery.silver("SOURCE_FILE_NAME")[2].endswith("c.json")
    refinery.load("c.json", customer(9, day=3))
    assert refinery.merge() == Merged(1, updated=1, deleted=1)
    assert refinery.silver() == refinery.latest()
    assert refinery.faults() == {}


def test_nulls_and_separators_are_told_apart(refinery: Refinery) -> None:
    refinery.load("a.json", customer(1, "a;EMAIL=1:b", EMAIL=None), customer(2, None, PHONE="1"))
    refinery.merge()
    refinery.load("b.json", customer(1, "a", 2, EMAIL="b"), customer(2, "1", 1, PHONE=None), age_hours=-1)
    assert refinery.merge() == Merged(1, updated=2)
    hashes = refinery.silver("MD5_HASH")
    assert hashes[1] != hashes[2]
    assert all(len(text) == 32 for text in hashes.values())


def test_silver_gains_the_columns_that_bronze_gains_and_touches_no_row_for_it(refinery: Refinery) -> None:
    refinery.load("a.json", customer(1), customer(2))
    refinery.merge()
    refinery.load("b.json", customer(1), customer(2, VIP="yes"), age_hours=-1)
    assert refinery.merge() == Merged(1, updated=1)
    assert refinery.silver("VIP") == {1: None, 2: "yes"}
    assert [row[0] for row in refinery.ask(f"SELECT VIP FROM {refinery.refinement.view} ORDER BY CUSTOMER_ID")] == [
        None,
        "yes",
    ]


def test_silver_that_was_dropped_is_made_anew(duck: Refinery) -> None:
    duck.load("a.json", customer(1), customer(2))
    duck.merge()
    with duck.engine.session() as session:
        session.run(f"DROP TABLE {duck.refinement.table}")
    assert duck.merge() == Merged(1, inserted=2)
    assert duck.silver() == duck.latest()


@pytest.mark.parametrize("engine", ["snowflake"], indirect=True)  # a DuckDB file is one process's at a time
def test_of_two_merges_the_later_one_counts(refinery: Refinery, monkeypatch: pytest.MonkeyPatch) -> None:
    refinery.load("a.json", customer(1))
    ready = refinery.merger._ready

    def overtaken(*given: Any) -> Any:
        made = ready(*given)
        monkeypatch.undo()
        assert refinery.merge() == Merged(1, inserted=1)
        return made

    monkeypatch.setattr(refinery.merger, "_ready", overtaken)
    with pytest.raises(LeaseLostError, match="Another merge of customers"):
        refinery.merge()
    assert refinery.merge() == Merged()
    assert refinery.silver() == {1: "Ada"}


@pytest.mark.parametrize("engine", ["snowflake"], indirect=True)
def test_ddl_stays_out_of_the_transaction_and_idle_is_cheap(refinery: Refinery, snowflake: Emulator) -> None:
    refinery.load("a.json", customer(1))
    refinery.merge()
    refinery.load("a.json", customer(1, "B"), customer(2, VIP="x"))
    before = snowflake.statements()[-1].number + 1
    assert refinery.merge() == Merged(1, inserted=1, updated=1)
    sent = [each.sql.split()[0].upper() for each in snowflake.statements(before)]
    begin, commit = sent.index("BEGIN"), sent.index("COMMIT")
    assert {"ALTER", "CREATE"} <= set(sent[:begin])
    assert sent[begin + 1 : commit] == [
        *("UPDATE", "SELECT", "SELECT"),  # fence, holder, what is new
        *("SELECT", "INSERT", "SELECT"),  # rows without a key, rows made ready, what will come of them
        *("UPDATE", "DELETE", "MERGE", "INSERT"),  # what was restated, the merge, the note of it
    ]
    before = snowflake.statements()[-1].number + 1
    assert refinery.merge() == Merged()
    assert len(snowflake.statements(before)) == 2


@pytest.mark.parametrize("engine", ["snowflake"], indirect=True)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_made_once(refinery: Refinery, snowflake: Emulator, when: str) -> None:
    refinery.load("a.json", customer(1))
    snowflake.fault("^COMMIT", action="error", when=when, errno=SESSION_GONE)
    assert refinery.merge() == Merged(1, inserted=1)
    assert refinery.silver() == {1: "Ada"}
    assert refinery.merge() == Merged()


def test_a_merge_that_fails_leaves_nothing_behind(duck: Refinery) -> None:
    duck.load("a.json", customer(1))
    duck.merge()
    duck.load("b.json", customer(2))
    table = f"{duck.engine.database}.ETL_CONTROL.ETL_MERGES"
    with duck.engine.session() as session:
        session.run(f"ALTER TABLE {table} RENAME COLUMN MERGED_AT TO AT_WHAT_TIME")
    with pytest.raises(SetupError):
        duck.merge()
    assert duck.silver() == {1: "Ada"}
    with duck.engine.session() as session:
        session.run(f"ALTER TABLE {table} RENAME COLUMN AT_WHAT_TIME TO MERGED_AT")
    assert duck.merge() == Merged(1, inserted=1)


def test_what_bronze_cannot_give_is_told(duck: Refinery) -> None:
    duck.load("a.json", customer(1))
    duck.refinement = replace(duck.refinement, key=("NUMBER",))
    with pytest.raises(SetupError, match=r"has no column NUMBER") as told:
        duck.merge()
    assert "[datasets.customers.silver]" in told.value.hint
    duck.refinement = replace(duck.refinement, key=("CUSTOMER_ID",), tidy={"UPDATED_AT": (Tidying.TRIM,)})
    with pytest.raises(SetupError, match=r"UPDATED_AT of .* holds no text"):
        duck.merge()
    duck.refinement = replace(duck.refinement, tidy={})
    duck.load("b.json", customer(1, MD5_HASH="x"))
    with pytest.raises(SetupError, match=r"has a column MD5_HASH"):
        duck.merge()


@pytest.mark.parametrize("seed", range(3))
def test_silver_is_the_latest_of_bronze_whatever_comes_when(duck: Refinery, seed: int) -> None:
    """Objects that come, come late, come again with other rows; merged now and then."""
    dice = random.Random(seed)
    for _ in range(14):
        rows = [
            customer(dice.randrange(4), dice.choice("ABC"), dice.randrange(1, 4)) for _ in range(dice.randrange(1, 4))
        ]
        duck.load(f"{dice.choice('vwxyz')}.json", *rows, age_hours=dice.randrange(-3, 3))
        if dice.random() < 0.6:
            duck.merge()
            assert duck.silver() == duck.latest()
    duck.merge()
    assert duck.silver() == duck.latest()
    assert duck.faults() == {}
    assert duck.merge() == Merged()


def test_the_procedure_of_snowflake_makes_the_same_silver(
    snowflake: Emulator, snowflake_database: str, tmp_path: Path
) -> None:
    """What its JavaScript sends is run; a table stands for the stream, which the stand-in does not have."""
    (flow,) = [each for each in FLOWS if each.dataset.name == "customers"]
    here = [flow.bronze(), flow.sql.table(), flow.sql.view()]
    snowflake.run(*(f"CREATE SCHEMA {snowflake_database}.{name}" for name in ("BRONZE", "SILVER", "GOLD")))
    snowflake.run(*(_at(text, snowflake_database) for text in here))
    bronze, stream = (_at(name, snowflake_database) for name in (flow.dataset.table, flow.step("STREAM")))
    columns = "CUSTOMER_ID, NAME, COUNTRY, UPDATED_AT, SOURCE_FILE_NAME, SOURCE_FILE_ROW_NUMBER"
    first = "(1, ' B ', ' gb', '2026-01-03', 'a', 1), (1, 'A', 'gb', '2026-01-01', 'a', 2), "
    first += "(2, 'x', 'gb', NULL, 'a', 3), (NULL, 'nobody', 'gb', NULL, 'a', 4)"
    late = "(1, 'late', 'gb', '2026-01-02', 'b', 1)"
    for rows in (first, late):
        snowflake.run(f"CREATE OR REPLACE TABLE {stream} AS SELECT * FROM {bronze} WHERE 1 = 0")
        for table in (bronze, stream):
            snowflake.run(f"INSERT INTO {table} ({columns}) VALUES {rows}")
        sent = ended(BODIES["WORK_CUSTOMER_SRC_TO_SL_SP"], tmp_path)["sent"]
        with snowflake.connect(database=snowflake_database) as connection, connection.cursor() as cursor:
            for each in sent[1:]:
                cursor.execute(_at(each["text"], snowflake_database), each["binds"] or None)
    table = _at(flow.sql.silver.table, snowflake_database)
    found = snowflake.run(f"SELECT CUSTOMER_ID, NAME, COUNTRY, PROCESS_NAME FROM {table} ORDER BY 1")
    assert [(int(number), *rest) for number, *rest in found] == [
        (1, "B", "GB", "WORK_CUSTOMER_SRC_TO_SL_SP"),
        (2, "x", "GB", "WORK_CUSTOMER_SRC_TO_SL_SP"),
    ]


def _at(text: str, database: str) -> str:
    return text.replace("FINANCIAL_DATA.", f"{database}.")
