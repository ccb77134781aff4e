"""Datasets of any columns, from object to table, on every SQL engine: tables are made and grow, and lose nothing."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl_daemon.core.datasets import RESCUED, Drift, Extra, Mode
from etl_daemon.core.events import ExtraColumns
from etl_daemon.core.sql.dialect import arrow_type
from tests.support.rows import ANOMALIES
from tests.support.tables import APPENDED, TRADES, Warehouse, only

FROZEN, RESCUING = replace(TRADES, drift=Drift.FREEZE), replace(TRADES, drift=Drift.RESCUE)
DATED = replace(TRADES, timestamp_column="MOMENT")


def declared(dataset, **types):
    return replace(dataset, types={name: arrow_type(text) for name, text in types.items()})


def test_the_first_rows_make_the_table_and_types_are_exact(database):
    house = Warehouse(database)
    house.load(
        "a.csv",
        "ID,Booked At,Price,Qty,Day,Ok,Code,Ratio,Note\n"
        "1,2026-01-02T14:30:00+02:00,271.260000000000000001,9007199254740993,2026-01-02,true,00123,1e-3,NA\n"
        "2,2026-01-02T14:30:05.25Z,-0.5,,2026-01-03,false,00124,2.5e10,NaN\n",
    )
    names = "ID BOOKED_AT PRICE QTY DAY OK CODE RATIO NOTE"
    assert list(house.types()) == names.split()
    second = (2, datetime(2026, 1, 2, 14, 30, 5, 250000), Decimal("-0.5"), None, date(2026, 1, 3))
    assert house.rows(names) == [
        (
            *(1, datetime(2026, 1, 2, 12, 30), Decimal("271.260000000000000001"), 9007199254740993),
            *(date(2026, 1, 2), True, "00123", 0.001, "NA"),
        ),
        (*second, False, "00124", 2.5e10, "NaN"),
    ]
    assert house.rows("_OBJECT_ROW") == [(1,), (2,)]


def test_nested_json_and_mixed_values_become_json(database):
    house = Warehouse(database)
    house.load(
        "a.json", '{"id":1,"tags":["é",{"x":1.50}],"any":"text"}\n{"id":2,"tags":null,"any":7}\n{"id":3,"any":[true]}\n'
    )
    assert house.types()["TAGS"] == house.types()["ANY"] == database.engine.dialect.json
    tags, anything = zip(*house.rows("TAGS ANY"), strict=True)
    assert [text and json.loads(text, parse_float=Decimal) for text in tags] == [
        ["é", {"x": Decimal("1.50")}],
        None,
        None,
    ]
    assert list(map(json.loads, anything)) == ["text", 7, [True]]
    assert json.loads(only(only(house.ask(f"SELECT TO_JSON(TAGS) FROM {TRADES.table} WHERE ID = 1"))))[0] == "é"


def test_parquet_brings_its_types(database, tmp_path):
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int32()),
            "b": pa.array([b"\x00\xff", None], pa.binary()),
            "u": pa.array([2**64 - 1, None], pa.uint64()),
            "moment": pa.array([datetime(2026, 1, 2, 3), None], pa.timestamp("us", "Asia/Tokyo")),
            "t": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6).time(), None]),
            "d": pa.array([Decimal("12345678901234567890.12345678"), None], pa.decimal128(28, 8)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    house = Warehouse(database)
    house.load("a.parquet", (tmp_path / "a.parquet").read_bytes())
    first, second = house.rows("B U MOMENT D")
    assert first == (b"\x00\xff", 2**64 - 1, datetime(2026, 1, 2, 3), Decimal("12345678901234567890.12345678"))
    assert second == (None, None, None, None)
    assert "04:05" in str(house.rows("T")[0][0])


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.INCREMENTAL])
def test_keys_that_are_json_or_bytes_meet_those_of_the_table(database, tmp_path, mode):
    house = Warehouse(database, replace(TRADES, mode=mode))
    house.load("a.json", '{"id":7,"v":1}\n{"id":"A-2","v":1}\n')
    report = house.load("b.json", '{"id":"A-2","v":2}\n{"id":7,"v":2}\n{"id":"7","v":2}\n')
    loaded = 3 if mode is Mode.UPSERT else 1
    assert report.receipts[0].counts.loaded == loaded
    assert sorted(house.rows("V")) == ([(2,)] * 3 if mode is Mode.UPSERT else [(1,), (1,), (2,)])

    house = Warehouse(database, replace(TRADES, mode=mode, table=f"{TRADES.table}_BYTES", name="bytes"))
    for name, value in (("a", 1), ("b", 2)):
        pq.write_table(pa.table({"id": [b"\x00\xff", b"AB12"], "v": [value] * 2}), tmp_path / name)
        house.load(f"{name}.parquet", (tmp_path / name).read_bytes())
    assert sorted(house.rows("ID V")) == [(key, 2 if mode is Mode.UPSERT else 1) for key in (b"\x00\xff", b"AB12")]


# ---------------------------------------------------------------- columns that change


def test_columns_are_added_and_missing_ones_are_null(database):
    house = Warehouse(database)
    house.load("a.csv", "id,n\n1,5\n")
    house.load("b.csv", "id,extra,more\n2,x,1.5\n")
    house.load("c.csv", "more,id\n2.5,3\n")
    assert list(house.types()) == ["ID", "N", "EXTRA", "MORE"]
    assert house.rows("ID N EXTRA MORE") == [
        (1, 5, None, None),
        (2, None, "x", Decimal("1.5")),
        (3, None, None, Decimal("2.5")),
    ]
    assert house.refused() == []


def test_decimals_gain_digits(database):
    house = Warehouse(database, declared(TRADES, N="NUMBER(5,2)"))
    house.load("a.csv", "id,n\n1,1.25\n")
    house.house.datasets = (TRADES,)
    house.house.restarted()
    house.load("b.csv", "id,n\n2,1234567.5\n")
    assert house.types()["N"] in {"DECIMAL(38,2)", "NUMBER(38,2)"}
    assert house.rows("ID N") == [(1, Decimal("1.25")), (2, Decimal("1234567.50"))]


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)  # Snowflake's whole numbers all have 38 digits
def test_whole_numbers_gain_digits(database):
    house = Warehouse(database)
    house.load("a.csv", "id,n\n1,5\n")
    house.load("b.csv", f"id,n\n2,{2**70}\n")
    assert house.rows("N") == [(5,), (2**70,)]
    assert house.types()["N"] == "DECIMAL(38,0)"


def test_text_gains_length(database):
    house = Warehouse(database)
    house.alter(
        f"CREATE TABLE {TRADES.table} (ID BIGINT, T VARCHAR(2), _OBJECT_KEY VARCHAR, _OBJECT_ROW BIGINT, "
        "_OBJECT_MODIFIED TIMESTAMP, _BATCH_ID VARCHAR, _LOADED_AT TIMESTAMP)"
    )
    house.load("a.csv", "id,t\n1,ab\n")
    assert house.types()["T"] == ("VARCHAR" if database.engine.dialect.name == "duckdb" else "VARCHAR(2)")
    house.load("b.csv", "id,t\n2,abc\n")
    assert house.rows("T") == [("ab",), ("abc",)]
    assert house.types()["T"] in {"VARCHAR", "VARCHAR(16777216)"}


def test_what_a_column_cannot_hold_refuses_that_object_alone(database):
    house = Warehouse(database)
    house.load("a.csv", "id,price\n1,5\n")
    house.put("b.csv", "id,price\n2,n/a\n3,6\n")
    report = house.load("c.csv", "id,price\n4,7\n")
    key, reason, detail = only(house.refused())
    assert (key, reason) == ("b.csv", "column_type")
    for words in ("Column PRICE", "VARCHAR in the object", "'n/a'", "types = { PRICE", 'drift = "rescue"'):
        assert words in detail
    assert "BIGINT in the table" in detail or "NUMERIC(38,0) in the table" in detail
    assert house.rows("ID") == [(1,), (4,)]
    assert [line[2] for line in database.ledger(TRADES)] == ["loaded", "refused", "loaded"]
    assert not report.failed
    assert house.cycle().pending == 0


def test_a_frozen_table_leaves_further_columns_out_or_refuses(database):
    house = Warehouse(database, FROZEN)
    house.load("a.csv", "id,n\n1,5\n")
    house.load("b.csv", "id,n,x\n2,6,y\n")
    assert list(house.types()) == ["ID", "N"]
    assert house.rows("ID N") == [(1, 5), (2, 6)]
    assert [event.columns for event in house.house.events if isinstance(event, ExtraColumns)] == [("X",)]
    house.house.datasets = (replace(FROZEN, extra_columns=Extra.REFUSE),)
    house.house.restarted()
    house.load("c.csv", "id,n,x\n3,6,y\n")
    assert [each[:2] for each in house.refused()] == [("c.csv", "extra_columns")]
    assert len(house.rows("ID")) == 2


def test_rescue_keeps_unknown_and_mistyped_values_beside_the_row(database):
    house = Warehouse(database, RESCUING)
    house.load("a.csv", "id,price,day\n1,5.5,2026-01-02\n")
    house.load("b.json", '{"id":2,"price":"n/a","new":{"x":[1.50]}}\n{"id":3,"price":6.25,"day":"2026-01-03"}\n')
    assert list(house.types()) == ["ID", "PRICE", "DAY", RESCUED]
    assert house.types()[RESCUED] in {"JSON", "VARIANT"}
    *kept, rescued = zip(*house.rows(f"ID PRICE DAY {RESCUED}"), strict=True)
    assert kept == [(1, 2, 3), (Decimal("5.5"), None, Decimal("6.25")), (date(2026, 1, 2), None, date(2026, 1, 3))]
    found = [text and json.loads(text) for text in rescued]
    assert found == [None, {"PRICE": "n/a", "NEW": '{"x":[1.5]}'}, None]


# ---------------------------------------------------------------- modes


def test_upsert_keeps_the_later_and_a_row_without_a_timestamp_is_the_older(database):
    house = Warehouse(database, DATED)
    house.load("a.csv", "id,moment,v\n1,2026-01-02,a\n2,,a\n3,2026-01-02,a\n")
    house.load("b.csv", "id,moment,v\n1,,b\n2,2026-01-01,b\n3,2026-01-01,b\n4,,b\n4,2026-01-01,c\n")
    assert sorted(house.rows("ID V")) == [(1, "a"), (2, "b"), (3, "a"), (4, "c")]
    house.load("c.csv", "id,moment,v\n4,,d\n5,,x\n5,,y\n")
    assert sorted(house.rows("ID V")) == [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "y")]


def test_upsert_by_a_key_of_several_columns(database):
    house = Warehouse(database, replace(TRADES, primary_key=("DAY", "CODE")))
    house.load("a.csv", "day,code,v\n2026-01-02,00123,1\n2026-01-02,0123,1\n")
    house.load("b.csv", "day,code,v\n2026-01-02,00123,2\n2026-01-03,00123,2\n,x,2\n")
    assert sorted(house.rows("DAY CODE V")) == [
        (date(2026, 1, 2), "00123", 2),
        (date(2026, 1, 2), "0123", 1),
        (date(2026, 1, 3), "00123", 2),
    ]
    assert [row[1:] for row in database.quarantine()] == [(only_version(database), 3, "missing_field")]


def only_version(database):
    return database.quarantine()[0][1]


def test_one_batch_may_hold_the_rival_rows(database):
    house = Warehouse(database, DATED)
    house.put("a.csv", "id,moment,v\n1,2026-01-03,a\n2,,a\n")
    house.put("b.csv", "id,moment,v\n1,2026-01-02,b\n2,2026-01-02,b\n3,,b\n")
    house.load("c.csv", "id,moment,v\n1,,c\n2,,c\n3,,c\n")
    assert sorted(house.rows("ID V")) == [(1, "a"), (2, "b"), (3, "c")]
    assert [line["ROWS_SUPERSEDED"] for line in database.lines(DATED)] == [1, 2, 2]


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)  # Snowflake compares no objects in a join
def test_keys_of_several_kinds_are_json(database):
    house = Warehouse(database)
    house.put("a.json", '{"id":{"a":1},"v":1}\n{"id":"1","v":2}\n{"id":1,"v":3}\n')
    house.load("b.json", '{"id":{"a":1},"v":4}\n{"id":[1],"v":5}\n')
    assert house.rows("V") == [(2,), (3,), (4,), (5,)]
    house.load("c.json", '{"id":"1","v":6}\n{"id":[2],"v":7}\n')
    assert house.rows("V") == [(3,), (4,), (5,), (6,), (7,)]


WORDS = "ORDER DATE SELECT UNION FROM TABLE KEY VALUE S T GONE TRADES THERE PAIRS NEWER"


def test_words_of_sql_are_columns_like_others(database):
    keyed = replace(TRADES, primary_key=("ORDER", "UNION"), timestamp_column="DATE")
    house = Warehouse(database, keyed)
    names, other = ",".join(WORDS.split()).lower(), ",x" * 12
    house.load("a.csv", f"{names}\n1,2026-01-02,s,a{other.removesuffix(',x')}\n")
    house.load("b.csv", f"{names}\n1,2026-01-03,s,a{other.removesuffix(',x')}\n")
    house.load("b.csv", f"{names},more\n1,2026-01-04,t,a{other}\n2,2026-01-04,t,a{other}\n")
    assert house.rows("ORDER DATE SELECT UNION MORE") == [
        (1, date(2026, 1, 4), "t", "a", "x"),
        (2, date(2026, 1, 4), "t", "a", "x"),
    ]


def test_a_thousand_columns(database):
    house = Warehouse(database)
    names = ["id", *(f"c{number}" for number in range(999))]
    house.load("a.csv", f"{','.join(names)}\n{','.join('1' * 1000)}\n")
    house.load("b.csv", f"{','.join([*names, 'more'])}\n{','.join('1' * 1001)}\n")
    assert [each[:2] for each in house.refused()] == [("b.csv", "too_many_columns")]
    assert (len(house.types()), house.rows("C998")) == (1000, [(1,)])


def test_append_needs_no_key(database):
    house = Warehouse(database, APPENDED)
    house.load("a.csv", "v\n1\n1\n")
    house.load("b.csv", "v\n1\n")
    assert house.rows("V") == [(1,)] * 3


def test_incremental_inserts_keys_that_are_not_there(database):
    house = Warehouse(database, replace(TRADES, mode=Mode.INCREMENTAL))
    house.load("a.csv", "id,v\n1,a\n1,b\n")
    house.load("b.csv", "id,v\n1,c\n2,c\n")
    assert house.rows("ID V") == [(1, "a"), (2, "c")]
    assert [line["ROWS_FILTERED"] for line in database.lines(house.dataset)] == [0, 1]


def test_incremental_by_timestamp_needs_no_key(database):
    house = Warehouse(database, replace(APPENDED, mode=Mode.INCREMENTAL, timestamp_column="MOMENT"))
    house.load("a.csv", "moment,v\n2026-01-02T00:00:00Z,1\n2026-01-03T00:00:00Z,2\n")
    house.load("b.csv", "moment,v\n2026-01-02T12:00:00Z,3\n2026-01-03T00:00:00.000001Z,4\n,5\n")
    assert house.rows("V") == [(1,), (2,), (4,)]
    assert [line["ROWS_FILTERED"] for line in database.lines(house.dataset)] == [0, 2]


@pytest.mark.parametrize("key", [("ID",), ()], ids=["keyed", "keyless"])
def test_full_reads_everything_again(database, key):
    house = Warehouse(database, replace(TRADES, mode=Mode.FULL, primary_key=key))
    house.load("a.csv", "id,v\n1,a\n2,a\n")
    house.load("b.csv", "id,v,w\n2,b,x\n")
    assert sorted(house.rows("ID V")) == [(1, "a"), *([(2, "a")] if not key else []), (2, "b")]
    assert house.cycle().pending == 0


@pytest.mark.parametrize("key", [("ID",), ()], ids=["keyed", "keyless"])
def test_truncate_insert_holds_the_newest_delivery(database, key):
    house = Warehouse(database, replace(TRADES, mode=Mode.TRUNCATE_INSERT, primary_key=key))
    house.load("a.csv", "id,v\n1,a\n2,a\n")
    house.load("b.csv", "id,w\n3,x\n")
    assert house.rows("ID V W") == [(3, None, "x")]


@pytest.mark.parametrize("dataset", [TRADES, replace(TRADES, mode=Mode.APPEND), replace(TRADES, mode=Mode.INCREMENTAL)])
def test_an_object_that_comes_again_takes_its_earlier_rows_away(database, dataset):
    house = Warehouse(database, dataset)
    house.load("a.csv", "id,v\n1,a\n2,a\n")
    house.load("a.csv", "id,v,w\n2,b,1\n")
    assert house.rows("ID V W") == [(2, "b", 1)]
    house.load("a.csv", "id,v\n")
    assert house.rows("ID") == []


# ---------------------------------------------------------------- tables that are there, or not


def test_objects_without_rows_before_there_is_a_table(database):
    house = Warehouse(database)
    house.load("empty.csv", b"")
    house.load("head.csv", "id,v\n")
    house.put("head2.csv", "id,v\n")
    house.load("blank.json", "\n\n")
    house.load("unfit.csv", "id,v\n,1\n,2\n")
    house.put("unfit2.csv", "id,w\n,1\n")
    house.load("unfit3.csv", "id,v\n,1\n")
    house.load("wrong.csv", "v\n1\n")
    assert [line["OUTCOME"] for line in database.lines(TRADES)] == ["loaded"] * 7 + ["refused"]
    assert len(database.quarantine()) == 4
    assert house.cycle().pending == 0
    house.load("good.csv", "id,v\n1,5\n")
    assert house.rows("ID V") == [(1, 5)]


@pytest.mark.parametrize("content", ["v\n1\n", b"PK\x03\x04" + bytes(40), b"", "id\n"])
def test_what_looks_at_an_absent_table_does_not_fail(database, content):
    from etl_daemon.adapters.destination.survey import survey

    house = Warehouse(database)
    house.load("a.csv", content)
    found = survey(house.engine, [TRADES], ANOMALIES)
    assert found.missing == []
    assert found.datasets["trades"].rows == 0
    assert house.audited() == ()


def test_a_table_with_the_columns_of_every_target_alone_gains_the_others(database):
    house = Warehouse(database)
    house.alter(
        f"CREATE TABLE {TRADES.table} (_OBJECT_KEY VARCHAR, _OBJECT_ROW BIGINT, "
        "_OBJECT_MODIFIED TIMESTAMP, _BATCH_ID VARCHAR, _LOADED_AT TIMESTAMP)"
    )
    house.load("a.csv", "id,v\n1,a\n")
    assert house.rows("ID V") == [(1, "a")]


def test_a_table_of_somebody_else_is_left_alone(database):
    house = Warehouse(database)
    house.alter(f"CREATE TABLE {TRADES.table} (ID BIGINT, OTHER VARCHAR)")
    report = None
    house.put("a.csv", "id,v\n1,a\n")
    report = house.house.daemon.cycle()[0]
    assert "was not made for a dataset: it has no _BATCH_ID" in report.error.detail
    assert "name another table" in report.error.hint
    assert list(house.types()) == ["ID", "OTHER"]


def test_a_table_that_somebody_alters_between_batches(database):
    house = Warehouse(database)
    house.load("a.csv", "id,v,n\n1,a,1.25\n")
    house.alter(f"ALTER TABLE {TRADES.table} DROP COLUMN V", f"ALTER TABLE {TRADES.table} ADD COLUMN MORE VARCHAR")
    house.load("b.csv", "id,v,n\n2,b,1.5\n")
    assert sorted(house.types()) == ["ID", "MORE", "N", "V"]
    assert house.rows("ID V MORE") == [(1, None, None), (2, "b", None)]
    house.alter(f"ALTER TABLE {TRADES.table} ALTER COLUMN N SET DATA TYPE DECIMAL(5,1)")
    house.load("c.csv", "id,n\n3,2.25\n")
    assert [each[:2] for each in house.refused()] == [("c.csv", "column_type")]


def test_a_table_that_somebody_drops_is_made_again(database):
    house = Warehouse(database, APPENDED)
    house.load("a.csv", "v\n1\n")
    house.alter(f"DROP TABLE {APPENDED.table}")
    house.put("b.csv", "v\n2\n")
    house.house.daemon.cycle()
    house.house.daemon.cycle()
    assert house.rows("V") == [(2,)]


def test_two_datasets_have_a_table_each(database):
    house = Warehouse(database, TRADES, APPENDED)
    house.put("a.csv", "v\nx\n", APPENDED)
    house.load("a.csv", "id,v\n1,5\n")
    assert house.rows("ID V") == [(1, 5)]
    assert house.rows("V", APPENDED) == [("x",)]
    assert list(house.types(APPENDED)) == ["V"]


# ---------------------------------------------------------------- quarantine, audit, statements


def test_rows_of_a_wrong_type_are_quarantined_and_replayed_after_types_changed(database):
    house = Warehouse(database, declared(TRADES, PRICE="NUMBER(5,2)"))
    house.load("a.csv", "id,code,price\n1,a,5.25\n2,b,n/a\n3,c,123456.5\n,d,4\n5,e,1.005\n")
    reasons = [(2, "type_mismatch"), (3, "type_mismatch"), (4, "missing_field"), (5, "type_mismatch")]
    assert [row[2:] for row in database.quarantine()] == reasons
    assert house.rows("ID PRICE") == [(1, Decimal("5.25"))]

    report = house.replayed(declared(TRADES, PRICE="NUMBER(20,2)"))
    assert (report.replayed, report.loaded, report.unfit) == (1, 1, 3)
    assert house.rows("ID PRICE") == [(1, Decimal("5.25")), (3, Decimal("123456.50"))]
    assert house.types()["PRICE"] in {"DECIMAL(38,2)", "NUMBER(38,2)"}

    report = house.replayed(replace(declared(TRADES, PRICE="NUMBER(20,2)"), primary_key=("CODE",)))
    assert (report.replayed, report.loaded, report.unfit) == (1, 1, 2)
    assert house.rows("ID CODE")[-1] == (None, "d")
    line = only(database.lines(TRADES))
    assert (line["ROWS_READ"], line["ROWS_LOADED"], line["ROWS_QUARANTINED"]) == (5, 3, 2)


def test_rows_that_fit_their_new_type_but_not_the_table_stay_in_the_quarantine(database):
    house = Warehouse(database, declared(TRADES, PRICE="NUMBER(5,2)"))
    house.load("a.csv", "id,price\n1,5.25\n2,1.005\n")
    report = house.replayed(declared(TRADES, PRICE="NUMBER(5,3)"))
    assert (report.replayed, report.loaded, report.unfit) == (0, 0, 1)
    assert house.rows("ID PRICE") == [(1, Decimal("5.25"))]


def test_audit_counts_what_is_there_and_what_is_not(database):
    house = Warehouse(database)
    house.load("a.csv", "id,v\n1,a\n2,a\n")
    assert house.audited() == ()
    house.alter(f"DELETE FROM {TRADES.table} WHERE ID = 1")
    gap = only(house.audited())
    assert "the ledger has 2 rows" in gap.detail


def test_idle_cycles_send_nothing(database):
    house = Warehouse(database)
    house.load("a.csv", "id,v\n1,a\n")
    sent = getattr(house.engine, "statements", 0)
    before = house.engine.path.stat().st_mtime_ns if hasattr(house.engine, "path") else 0
    house.house.daemon.cycle()
    assert getattr(house.engine, "statements", 0) == sent
    assert (house.engine.path.stat().st_mtime_ns if hasattr(house.engine, "path") else 0) == before


@pytest.mark.parametrize("database", ["snowflake"], indirect=True)
def test_no_table_is_changed_within_a_transaction(database, snowflake):
    house = Warehouse(database, declared(TRADES, V="NUMBER(3,1)"))
    house.load("a.csv", "id,v\n1,2.5\n")
    house.house.datasets = (TRADES,)
    house.house.restarted()
    begun = snowflake.statements()[-1].number + 1
    house.load("b.csv", "id,v,w\n2,100.5,1\n,7,2\n")
    assert house.types() == {"ID": "NUMBER(38,0)", "V": "NUMBER(38,1)", "W": "NUMBER(38,0)"}
    first = [statement.sql.split()[0].upper() for statement in snowflake.statements(begun)]
    inside = first[first.index("BEGIN") : first.index("COMMIT")]
    assert not {"CREATE", "ALTER", "DROP", "PUT", "COPY", "TRUNCATE"} & set(inside)
    assert first[: first.index("BEGIN")].count("ALTER") >= 2
