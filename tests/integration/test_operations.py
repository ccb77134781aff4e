"""Replay, reload, audit and backfill where they meet what else goes on, on a DuckDB file."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl_daemon.adapters.destination.review import SqlReview
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.core.datasets import Mode
from etl_daemon.core.model import BatchPlan, Fence
from etl_daemon.core.policy import Rules
from etl_daemon.core.review import Selection
from etl_daemon.errors import BusyError, ConfigError, LeaseLostError, SetupError, TransientError
from etl_daemon.operations.backfill import Span, backfill
from etl_daemon.pipeline import Tolerance, load
from tests.support.desk import FOLDER, Desk
from tests.support.rows import ANOMALIES, NOW, price

LONG_AGO = NOW - timedelta(days=30)


@pytest.fixture
def file(tmp_path: Path) -> DuckDBFile:
    return DuckDBFile(tmp_path / "market.duckdb", "FINANCIAL_DATA", wait_seconds=0.2)


@pytest.fixture
def desk(file: DuckDBFile) -> Desk:
    return Desk(file)


# ---------------------------------------------------------------- replay


@pytest.mark.parametrize("mode", list(Mode))
def test_in_every_mode_counts_and_table_agree_and_a_second_replay_adds_nothing(desk: Desk, mode: Mode) -> None:
    desk.loads(mode)
    desk.put("a.ndjson", [price("BRK.B", close=10.1), price("MSFT"), price("BRK.B", close=10.2), price("?")])
    desk.cycle()
    rows = desk.replay().rows
    assert (rows.replayed, rows.unfit) == (2, 1)
    wins = {Mode.APPEND: [10.1, 10.2], Mode.INCREMENTAL: [10.1]}.get(mode, [10.2])
    assert [close for symbol, close, *_ in desk.prices() if symbol == "BRK.B"] == wins
    assert rows.loaded == len(wins)
    assert desk.ledger() == {"a.ndjson": (4, 1 + len(wins), 1, 2 - len(wins), 0, 0)}
    before = desk.prices()
    assert desk.replay().rows.replayed == 0
    assert (desk.prices(), desk.gaps()) == (before, [])
    assert desk.cycle().receipts == ()


def test_a_table_that_takes_later_rows_only_takes_replayed_ones_by_their_key(desk: Desk) -> None:
    desk.loads(Mode.INCREMENTAL, incremental_by="timestamp_column", timestamp_column="TIMESTAMP")
    desk.put("a.ndjson", [price("BRK.B", "2026-01-01"), price("MSFT", "2026-01-03")])
    desk.cycle()
    assert desk.replay().rows.loaded == 1
    assert [symbol for symbol, *_ in desk.prices()] == ["BRK.B", "MSFT"]
    assert desk.gaps() == []


def test_a_newer_row_stays_and_an_older_one_gives_way(desk: Desk) -> None:
    desk.put("a.ndjson", [price("brk.b", close=10.1), price("BF.B", close=10.3)])
    desk.cycle()
    desk.rules, usual = Rules(symbol_pattern="BRK.B"), desk.rules
    desk.put("b.ndjson", [price("BF.B", close=10.4)])
    desk.put("c.ndjson", [price("BRK.B", close=10.2)])
    desk.cycle()
    assert desk.replay(Selection(key=f"{FOLDER}c.ndjson")).rows.loaded == 1
    desk.rules = usual
    rows = desk.replay(Selection(key=f"{FOLDER}a.ndjson")).rows
    assert (rows.replayed, rows.loaded) == (2, 1)  # its BRK.B is older than that of c
    assert [(close, key) for _, close, key, _ in desk.prices()] == [(10.3, "a.ndjson"), (10.2, "c.ndjson")]
    assert desk.replay().rows.loaded == 1
    assert [(close, key) for _, close, key, _ in desk.prices()] == [(10.4, "b.ndjson"), (10.2, "c.ndjson")]
    assert desk.ledger() == {
        "a.ndjson": (2, 1, 0, 1, 0, 1),
        "b.ndjson": (1, 1, 0, 0, 0, 0),
        "c.ndjson": (1, 1, 0, 0, 0, 0),
    }
    assert desk.gaps() == []


def test_rows_of_versions_that_are_no_longer_there_stay(desk: Desk) -> None:
    for name in ("restated", "pending", "gone"):
        desk.put(f"{name}.ndjson", [price("BRK.B", close=10.1)])
    desk.cycle()
    desk.put("restated.ndjson", [price("AAPL")])
    desk.cycle()
    desk.put("pending.ndjson", [price("MSFT")])
    desk.source.delete(f"{FOLDER}gone.ndjson")
    report = desk.replay()
    assert (report.rows.replayed, report.rows.changed, report.rows.unread) == (0, 3, 0)
    assert [symbol for symbol, *_ in desk.prices()] == ["AAPL"]
    assert len(desk.review.quarantined(Selection())) == 3
    assert desk.log() == []


def test_an_object_that_cannot_be_read_now_is_not_taken_for_changed(desk: Desk) -> None:
    desk.put("a.ndjson", [price("BRK.B")])
    desk.cycle()
    desk.source.fetch_faults.append(TransientError("no answer"))
    report = desk.replay()
    assert (report.rows.unread, report.rows.changed, report.rows.unfit) == (1, 0, 0)
    assert [each.detail for each in report.troubles] == ["TransientError: no answer"]
    assert desk.replay().rows.loaded == 1


def test_what_the_daemon_restates_meanwhile_costs_that_object_only(desk: Desk) -> None:
    desk.put("a.ndjson", [price("BRK.B")])
    desk.put("b.ndjson", [price("BRK.A")])
    desk.cycle()

    def restate() -> None:
        desk.put("a.ndjson", [price("AAPL")])
        desk.cycle()

    desk.destination.before = restate
    rows = desk.replay().rows
    assert (rows.replayed, rows.loaded, rows.changed) == (1, 1, 1)
    assert [symbol for symbol, *_ in desk.prices()] == ["AAPL", "BRK.A"]
    assert desk.gaps() == []


def test_rows_discarded_meanwhile_stay_discarded(desk: Desk) -> None:
    desk.put("a.ndjson", [price("BRK.B"), price("BRK.A")])
    desk.cycle()
    first = desk.review.quarantined(Selection())[0]
    line = desk.operator("bob").line("discard", "price_data", "")
    desk.destination.before = lambda: desk.review.discard(Selection(ids=(first.id,)), line)
    assert desk.replay().rows.changed == 2  # nothing is done by halves
    assert desk.replay().rows.loaded == 1
    assert len(desk.review.quarantined(Selection(state="discarded"))) == 1
    assert desk.gaps() == []


def test_rows_of_one_object_may_leave_in_turns_though_the_clock_stands_still(desk: Desk) -> None:
    desk.put("a.ndjson", [price(symbol) for symbol in ("AAPL", "BRK.A", "BRK.B", "BF.B")])
    desk.cycle()
    desk.clock.forward(days=-1)
    for row in desk.review.quarantined(Selection()):
        assert desk.replay(Selection(ids=(row.id,))).rows.loaded == 1
    assert len(desk.prices()) == 4
    assert desk.ledger() == {"a.ndjson": (4, 4, 0, 0, 0, 0)}
    assert desk.gaps() == []


def test_a_second_replay_of_a_dataset_shuts_out_the_first(desk: Desk) -> None:
    desk.put("a.ndjson", [price("BRK.B")])
    desk.put("b.ndjson", [price("BF.B", close=10.1)])
    desk.cycle()
    desk.destination.before = lambda: desk.replay(Selection(key=f"{FOLDER}b.ndjson"), operator=desk.operator("bob"))
    with pytest.raises(LeaseLostError, match=r"Another replay of price_data has begun") as lost:
        desk.replay(Selection(key=f"{FOLDER}a.ndjson"))
    assert "run this again" in lost.value.hint
    assert [symbol for symbol, *_ in desk.prices()] == ["BF.B"]


def arrow(rows: list[dict[str, object]]) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def csv(rows: list[dict[str, object]]) -> bytes:
    lines = [",".join(rows[0]), "", *(",".join(map(str, row.values())) for row in rows)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("form", [arrow, csv, lambda rows: json.dumps(rows).encode()], ids=["parquet", "csv", "array"])
@pytest.mark.parametrize("key", ["100% a+b.x", "ü'\"\\/日本 $1,{}.x"])
def test_rows_are_found_again_in_every_form_under_any_key(desk: Desk, form: object, key: str) -> None:
    desk.put(key, form([price("AAPL"), price("BRK.B"), price("???"), price("BRK.A")]))
    desk.cycle()
    assert desk.replay().rows.replayed == 2
    assert [(symbol, of, row) for symbol, _, of, row in desk.prices()] == [
        ("AAPL", key, 1),
        ("BRK.A", key, 4),
        ("BRK.B", key, 2),
    ]
    assert desk.gaps() == []


def test_anomalies_of_replayed_rows_come_with_them(desk: Desk) -> None:
    desk.put("a.ndjson", [price("AAPL"), price("BRK.B", close=90.0, high=95.0)])
    desk.cycle()
    asked = "SELECT SYMBOL, ANOMALY_TYPE, DETECTED_BY, _OBJECT_ROW FROM FINANCIAL_DATA.ANALYTICS.ANOMALIES"
    assert desk.ask(asked) == []
    desk.replay()
    assert desk.ask(asked) == [("BRK.B", "extreme_price_movement", "etl_daemon:price_data", 2)]
    anomalies = Desk(desk.engine, dataset=ANOMALIES)
    assert anomalies.gaps() == []  # they are no rows of that dataset's objects


def test_a_replayed_row_that_a_full_load_rejects_again_is_open_again(desk: Desk) -> None:
    desk.loads(Mode.FULL)
    desk.put("a.ndjson", [price("BRK.B"), price("AAPL"), price("?")])
    desk.cycle()
    assert desk.replay().rows.loaded == 1
    desk.put("b.ndjson", [price("MSFT")])
    desk.cycle()  # by the rules that the daemon has kept
    assert [symbol for symbol, *_ in desk.prices()] == ["AAPL", "MSFT"]
    assert sorted(row.row for row in desk.review.quarantined(Selection())) == [1, 3]
    desk.review = SqlReview(desk.engine, page_rows=1)
    assert sorted(row.row for page in desk.review.pages(Selection(state="any")) for row in page) == [1, 1, 3]
    assert desk.replay().rows.loaded == 1
    assert desk.gaps() == []


def test_batches_are_as_small_as_the_daemon_s(desk: Desk) -> None:
    for name in "abc":
        desk.put(f"{name}.ndjson", [price("BRK.B")])
    desk.cycle()
    desk.batch_objects = 1
    rows = desk.replay().rows
    assert (rows.replayed, rows.loaded) == (3, 3)
    assert len(desk.log()) == 3
    assert len(desk.prices()) == 1
    assert desk.gaps() == []


def test_an_object_refused_by_its_share_of_unfit_rows_comes_in_once_they_are_fit(desk: Desk) -> None:
    desk.tolerance = Tolerance(refuse=0.4)
    desk.loads(Mode.UPSERT)
    desk.put("a.ndjson", [price("BRK.B"), price("AAPL")])
    desk.cycle()
    assert [line.reason for line in desk.review.refused(desk.dataset)] == ["reject_share"]
    assert desk.reload().loaded == 1
    assert len(desk.prices()) == 2


def test_a_dataset_that_is_loaded_as_a_whole_says_how_to_read_refused_objects_again(desk: Desk) -> None:
    desk.loads(Mode.FULL)
    desk.put("a.ndjson", b"\x00\x01")
    desk.cycle()
    with pytest.raises(ConfigError, match="loaded as a whole") as wrong:
        desk.reload()
    assert "etl-daemon once --dataset price_data --force" in wrong.value.hint


# ---------------------------------------------------------------- audit


def test_an_audit_knows_frames_other_buckets_and_other_prefixes(file: DuckDBFile) -> None:
    desk = Desk(file, bucket="here")
    desk.put("a.ndjson", [price("AAPL")])
    desk.source.put("_etl_daemon/lease/x.json", b"{}", NOW, "here")
    desk.source.put("other/c.ndjson", b"", NOW, "here")
    desk.cycle()
    there = Desk(file, bucket="there", source=desk.source)
    there.put("a.ndjson", [price("MSFT")])
    there.put("b.ndjson", [price("IBM")])
    there.cycle()
    frame = "frame/0123456789abcdef0123456789abcdef"
    for key, version in ((frame, frame.removeprefix("frame/") * 2), ("other/c.ndjson", "v2"), ("other/d.ndjson", "v9")):
        enter(desk, key, version)
    assert [(each.gap.value, each.key) for each in desk.audit().findings] == [("orphaned", "other/d.ndjson")]
    desk.ask(f"DELETE FROM {desk.dataset.table} WHERE SYMBOL = 'MSFT'")
    assert ("miscounted", "a.ndjson") in desk.gaps()


def test_two_buckets_with_one_key_are_refused_until_the_ledger_knows_that_they_are_one(file: DuckDBFile) -> None:
    here = Desk(file, bucket="here")
    there = Desk(file, bucket="there", source=here.source)
    for desk, symbol in ((here, "AAPL"), (there, "MSFT")):
        desk.loads(Mode.APPEND)
        desk.put("a.ndjson", [price(symbol)])
        desk.cycle()
    here.put("a.ndjson", [price("IBM")])
    here.loads(Mode.APPEND)
    failed = here.cycle().error
    assert isinstance(failed, SetupError)
    assert "from another bucket too, 'there'" in failed.detail
    assert [symbol for symbol, *_ in here.prices()] == ["AAPL", "MSFT"]

    here.ask(f"UPDATE {here.control}.ETL_OBJECTS SET BUCKET = 'here'")  # as the FAQ has it
    here.loads(Mode.APPEND)
    assert here.cycle().error is None
    assert ([symbol for symbol, *_ in here.prices()], here.gaps()) == (["IBM"], [])


def enter(desk: Desk, key: str, version: str) -> None:
    """A row and its ledger line, in bucket ``here``, as the Python interface would bring them in."""
    place = (
        f"SELECT 'price_data', TARGET_TABLE, 'here', '{key}', '{version}', MODIFIED, COMMITTED_AT, 'loaded', '', 1, 0"
    )
    columns = "DATASET, TARGET_TABLE, BUCKET, KEY, VERSION, MODIFIED, COMMITTED_AT, OUTCOME, REASON"
    ledger = f"{desk.control}.ETL_OBJECTS"
    desk.ask(f"INSERT INTO {ledger} ({columns}, ROWS_LOADED, ROWS_REPLACED) {place} FROM {ledger} LIMIT 1")
    columns = "SYMBOL, _OBJECT_KEY, _OBJECT_ROW, _OBJECT_MODIFIED"
    desk.ask(f"INSERT INTO {desk.dataset.table} ({columns}) SELECT 'X', '{key}', 1, MODIFIED FROM {ledger} LIMIT 1")


def test_an_audit_beside_the_daemon_takes_nothing_for_a_gap(desk: Desk) -> None:
    desk.put("a.ndjson", [price("AAPL")])
    desk.cycle()
    listing, hook = desk.source.list, []

    def list_and_load(*given: object) -> object:
        found = list(listing(*given))
        if not hook:
            hook.append(True)
            desk.put("a.ndjson", [price("MSFT")])
            desk.put("b.ndjson", [price("IBM")])
            desk.cycle()
        return iter(found)

    desk.source.list = list_and_load
    assert desk.gaps() == []
    assert hook


def test_an_audit_finds_rows_of_the_anomalies_table_that_no_object_brought(desk: Desk) -> None:
    anomalies = Desk(desk.engine, dataset=ANOMALIES)
    row = {
        "symbol": "AAPL",
        "timestamp": "2026-01-02",
        "anomaly_type": "x",
        "severity": "low",
        "value": 1,
        "threshold": 2,
    }
    anomalies.source.put("processed/anomalies/a.ndjson", json.dumps(row).encode(), NOW)
    anomalies.cycle()
    assert anomalies.gaps() == []
    anomalies.ask(f"UPDATE {anomalies.dataset.table} SET _OBJECT_KEY = 'by hand'")
    assert anomalies.gaps() == [("miscounted", "processed/anomalies/a.ndjson"), ("orphaned", "by hand")]


# ---------------------------------------------------------------- backfill


@pytest.fixture
def old(desk: Desk) -> Desk:
    """A desk with ten old objects that the daemon does not look at."""
    desk.loads(Mode.UPSERT, window_hours=1)
    desk.batch_objects = 3
    for number in range(10):
        row = price("AAPL", f"2025-11-{number + 1:02}")
        desk.put(f"{number}.ndjson", [row], modified=LONG_AGO + timedelta(hours=number))
    desk.cycle()
    return desk


SPAN = Span(LONG_AGO, NOW)


def test_a_backfill_goes_on_where_it_was_interrupted(old: Desk) -> None:
    steps = backfill(old.dataset, SPAN, old.corridor(), old.operator())
    next(steps)
    assert next(steps).objects_tried == 3
    steps.close()
    assert len(old.prices()) == 3
    assert [detail.partition("Z: ")[2] for *_, detail in old.log()] == [
        "begun, 10 objects are due",
        "interrupted, 3 of 10 objects, 3 rows loaded",
    ]
    last = old.backfill(SPAN.since, SPAN.until)[-1]
    assert (last.objects, last.objects_tried, last.complete) == (7, 7, True)
    assert len(old.prices()) == 10
    assert old.gaps() == []
    assert old.cycle().receipts == ()


def test_a_backfill_that_is_told_to_stop_ends_after_the_batch_in_hand(old: Desk) -> None:
    operator = old.operator()
    steps = backfill(old.dataset, SPAN, old.corridor(), operator)
    next(steps)
    last = next(steps)
    operator.stop.set()
    assert list(steps) == []
    assert (last.objects_tried, last.complete) == (3, False)
    assert old.log()[-1][3].endswith("stopped, 3 of 10 objects, 3 rows loaded")


def test_a_second_backfill_shuts_out_the_first(old: Desk) -> None:
    first = backfill(old.dataset, SPAN, old.corridor(), old.operator("ann"))
    next(first)
    old.backfill(SPAN.since, SPAN.since + timedelta(hours=1), old.operator("bob"))
    with pytest.raises(LeaseLostError, match="Another backfill of price_data has begun"):
        list(first)
    assert len(old.prices()) == 1
    assert any("failed (Another backfill" in detail for *_, detail in old.log())


def test_what_the_daemon_loads_meanwhile_is_not_loaded_twice(old: Desk) -> None:
    second = next(old.source.list("", f"{FOLDER}1.ndjson"))
    plan = BatchPlan(old.dataset, (second,))
    old.destination.before = lambda: load(plan, old.corridor(), lambda: Fence(9, "daemon"), NOW)
    last = old.backfill(SPAN.since, SPAN.until)[-1]
    assert last.complete
    assert sum(len(receipt.objects) for receipt in last.receipts) == 9
    assert len(old.prices()) == 10
    assert old.gaps() == []


def test_the_daemon_plans_again_what_another_run_took_from_under_it(desk: Desk) -> None:
    for number in range(3):
        desk.put(f"{number}.ndjson", [price("AAPL", f"2025-11-{number + 1:02}")])
    beside = replace(desk.dataset, cursor=f"{desk.dataset.name}#backfill")
    desk.destination.prepare([beside])
    plan = BatchPlan(beside, (next(desk.source.list("", f"{FOLDER}1.ndjson")),))
    desk.destination.before = lambda: load(plan, desk.corridor(), lambda: Fence(9, "backfill"), NOW)
    report = desk.cycle()
    assert report.error is None
    assert report.pending == len(report.receipts[0].objects) == 2
    assert len(desk.prices()) == 3


def test_an_object_that_cannot_be_read_is_told_and_stays_due(old: Desk) -> None:
    old.source.fetch_faults.append(TransientError("no answer"))
    last = old.backfill(SPAN.since, SPAN.until)[-1]
    assert [item.ref.key for receipt in last.receipts for item in receipt.deferrals] == [f"{FOLDER}0.ndjson"]
    assert old.backfill(SPAN.since, SPAN.until)[-1].objects == 1


def test_a_held_file_ends_a_backfill_that_can_be_run_again(old: Desk, file: DuckDBFile) -> None:
    steps = backfill(old.dataset, SPAN, old.corridor(), old.operator())
    next(steps)
    old.destination.before = lambda: (_ for _ in ()).throw(BusyError("held"))
    with pytest.raises(BusyError):
        list(steps)
    assert old.log()[-1][3].endswith("failed (held), 0 of 10 objects, 0 rows loaded")
    assert old.backfill(SPAN.since, SPAN.until)[-1].complete


def test_a_backfill_brings_older_rows_into_a_table_that_takes_later_ones_only(old: Desk) -> None:
    old.dataset = replace(
        old.dataset, mode=Mode.INCREMENTAL, incremental_by="timestamp_column", timestamp_column="TIMESTAMP"
    )
    old.backfill(SPAN.since + timedelta(hours=5), SPAN.until)
    old.backfill(SPAN.since, SPAN.until)
    assert len(old.prices()) == 10


def test_a_backfill_of_a_dataset_that_is_loaded_as_a_whole_is_refused(old: Desk) -> None:
    old.dataset = replace(old.dataset, mode=Mode.FULL)
    with pytest.raises(ConfigError, match="nothing to backfill"):
        old.backfill(SPAN.since, SPAN.until)
