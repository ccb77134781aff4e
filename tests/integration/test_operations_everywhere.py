"""What operators do, on DuckDB and on Snowflake's stand-in: one text of SQL for both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etl_daemon.adapters.destination.session import Engine
from etl_daemon.core.datasets import Mode
from etl_daemon.core.review import Selection
from tests.support.desk import FOLDER, Desk
from tests.support.rows import NOW, price

pytestmark = pytest.mark.xdist_group("snowflake")


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def test_rows_leave_the_quarantine_under_their_identity_and_once(desk: Desk) -> None:
    desk.put("a%20b+é ü.ndjson", [price("BRK.B", close=10.1), price("AAPL"), price("n o")])
    desk.put("b.ndjson", [price("BRK.A", close=10.2, low=20), price("BRK.A", close=10.3)])
    desk.cycle()
    assert desk.ledger() == {"a%20b+é ü.ndjson": (3, 1, 2, 0, 0, 0), "b.ndjson": (2, 0, 2, 0, 0, 0)}

    dry = desk.replay(dry_run=True)
    assert (dry.rows.replayed, dry.rows.loaded, dry.rows.unfit) == (2, 2, 2)
    assert len(desk.prices()) == 1
    report = desk.replay()
    assert report.rows == dry.rows
    assert (report.rows.changed, report.rows.unread, report.troubles) == (0, 0, ())

    assert desk.prices() == [
        ("AAPL", 10.5, "a%20b+é ü.ndjson", 2),
        ("BRK.A", 10.3, "b.ndjson", 2),
        ("BRK.B", 10.1, "a%20b+é ü.ndjson", 1),
    ]
    assert desk.ledger() == {"a%20b+é ü.ndjson": (3, 2, 1, 0, 0, 0), "b.ndjson": (2, 1, 1, 0, 0, 0)}
    assert desk.gaps() == []
    assert len(desk.review.quarantined(Selection(state="replayed"))) == 2

    again = desk.replay()
    assert (again.rows.replayed, again.rows.unfit) == (0, 2)
    assert desk.log() == [("ann", "replay", "price_data", "2 rows of 2 objects left the quarantine")]
    batches = f"SELECT b.ROWS_READ, b.ROWS_LOADED, b.HOLDER FROM {desk.control}.ETL_BATCHES AS b"
    joined = f"{batches} JOIN {desk.dataset.table} AS t ON t._BATCH_ID = b.BATCH_ID WHERE t.SYMBOL = 'BRK.B'"
    assert desk.ask(joined) == [(2, 2, "ann's process")]


def test_rows_are_found_by_every_filter_and_discarded(desk: Desk) -> None:
    desk.put("a.ndjson", [price("n o"), price(low=20)])
    desk.cycle()
    desk.put("b.ndjson", [price("n o", low=20)])
    desk.cycle()
    review, minute = desk.review, timedelta(minutes=1)

    def found(**asked: object) -> list[tuple[str, int]]:
        rows = review.quarantined(Selection(**asked))
        return [(row.key.removeprefix(FOLDER), row.row) for row in rows]

    everything = [("b.ndjson", 1), ("a.ndjson", 1), ("a.ndjson", 2)]
    assert found() == found(dataset="price_data") == found(state="any") == everything
    assert found(dataset="anomalies") == found(state="discarded") == []
    assert found(reason="symbol_format") == [("b.ndjson", 1), ("a.ndjson", 1)]
    assert found(reason="symbol") == []
    assert found(key=f"{FOLDER}a.ndjson") == [("a.ndjson", 1), ("a.ndjson", 2)]
    assert found(since=NOW + 2 * minute) == [("b.ndjson", 1)]
    assert found(until=NOW + 2 * minute) == [("a.ndjson", 1), ("a.ndjson", 2)]
    first = review.quarantined(Selection(), 1)[0]
    assert found(ids=(first.id[:8],)) == [("b.ndjson", 1)]
    assert first.reasons == ("symbol_format", "ohlc_relation")
    assert first.quarantined_at == NOW + 2 * minute
    assert review.counted(Selection(key=f"{FOLDER}b.ndjson")) == [("price_data", "symbol_format,ohlc_relation", 1)]
    assert sorted(row.id for page in review.pages(Selection()) for row in page) == sorted(
        row.id for row in review.quarantined(Selection())
    )

    assert review.discard(Selection(reason="ohlc_relation"), desk.operator().line("discard", "price_data", "why")) == 2
    assert found() == [("a.ndjson", 1)]
    assert found(state="discarded") == [("b.ndjson", 1), ("a.ndjson", 2)]
    assert desk.log() == [("ann", "discard", "price_data", "2 rows: why")]
    desk.rules = replace(desk.rules, symbol_pattern=".*")
    assert desk.replay().rows.replayed == 1  # what is discarded stays so
    assert desk.gaps() == []


def test_rows_of_a_replaced_delivery_stay_out(desk: Desk) -> None:
    desk.loads(Mode.TRUNCATE_INSERT)
    desk.put("a.ndjson", [price("BRK.B", close=10.1), price("MSFT")])
    desk.cycle()
    desk.put("b.ndjson", [price("BF.B"), price("AAPL", close=10.2)])
    desk.cycle()
    rows = desk.replay().rows
    assert (rows.replayed, rows.loaded, rows.changed) == (1, 1, 1)
    assert [symbol for symbol, *_ in desk.prices()] == ["AAPL", "BF.B"]
    assert desk.gaps() == []


def test_refused_objects_are_found_and_read_again(desk: Desk) -> None:
    desk.put("a.ndjson", b"\x00\x01\x02 nothing to read")
    desk.cycle()
    (line,) = desk.review.refused(desk.dataset)
    assert (line.key, line.outcome, line.rows) == (f"{FOLDER}a.ndjson", "refused", 0)
    assert desk.reload().refused == ((line.key, line.reason),)
    desk.put("a.ndjson", [price()])
    assert desk.reload(dry_run=True).loaded == 1
    assert desk.review.refused(desk.dataset) != []
    report = desk.reload()
    assert (report.loaded, report.rows, report.refused, report.unread) == (1, 1, (), ())
    assert desk.review.refused(desk.dataset) == []
    assert desk.gaps() == []
    details = {detail for *_, detail in desk.log()}
    assert details >= {"1 of 1 objects loaded, 1 rows", "begun, 1 refused objects are read again"}
    assert desk.cycle().receipts == ()  # the daemon finds it done


def test_an_audit_tells_every_gap(desk: Desk) -> None:
    for name in ("changed", "orphaned", "fine", "more"):
        desk.put(f"{name}.ndjson", [price(name[:5].upper())])
    desk.put("gone.ndjson", b"\x00\x01")
    desk.cycle()
    assert desk.gaps() == []
    desk.put("missing.ndjson", [price("NEW")])
    desk.put("changed.ndjson", [price("OTHER")])
    desk.source.delete(f"{FOLDER}orphaned.ndjson")
    desk.source.delete(f"{FOLDER}gone.ndjson")  # it was refused: nothing of it is in the table
    insert = f"INSERT INTO {desk.dataset.table} (SYMBOL, _OBJECT_KEY, _OBJECT_ROW, _OBJECT_MODIFIED) SELECT 'X',"
    desk.ask(f"{insert} '{FOLDER}more.ndjson', 9, _OBJECT_MODIFIED FROM {desk.dataset.table} LIMIT 1")
    desk.ask(f"{insert} 'by hand', 1, _OBJECT_MODIFIED FROM {desk.dataset.table} LIMIT 1")
    assert desk.gaps() == [
        ("changed", "changed.ndjson"),
        ("miscounted", "more.ndjson"),
        ("missing", "missing.ndjson"),
        ("orphaned", "by hand"),
        ("orphaned", "orphaned.ndjson"),
    ]
    assert desk.audit(since=NOW + timedelta(days=1)).findings == ()


def test_a_backfill_loads_its_span_once(desk: Desk) -> None:
    desk.dataset = replace(desk.dataset, window_hours=1)
    for day in range(4):
        desk.put(f"{day}.ndjson", [price(f"D{'ABCD'[day]}", "2025-12-01")], modified=NOW - timedelta(days=10 - day))
    first, last = NOW - timedelta(days=10), NOW - timedelta(days=8)
    desk.batch_objects = 1
    steps = desk.backfill(first, last)
    assert [(step.objects, step.objects_tried) for step in steps] == [(2, 0), (2, 1), (2, 2)]
    assert [key for _, _, key, _ in desk.prices()] == ["0.ndjson", "1.ndjson"]
    assert [step.objects for step in desk.backfill(first, last)] == [0]
    assert desk.log()[0][3] == f"{first:%Y-%m-%dT%H:%M:%SZ} to {last:%Y-%m-%dT%H:%M:%SZ}: begun, 0 objects are due"
    assert {detail.rpartition(": ")[2] for *_, detail in desk.log()} >= {"done, 2 of 2 objects, 2 rows loaded"}


def test_the_ledger_is_asked_for_single_keys(desk: Desk) -> None:
    desk.put("a.ndjson", [price("A"), price("B"), price("n o")])
    desk.put("b '.ndjson", b"\x00\x01 no rows at all")
    desk.put("c.ndjson", [price("C")])
    desk.cycle()
    names = [f"{FOLDER}{name}" for name in ("a.ndjson", "b '.ndjson", "unknown")]
    lines = {line.key: line for line in desk.review.lines(desk.dataset, names)}
    assert sorted(lines) == names[:2]
    refs = {ref.key: ref for ref in desk.source.list("", "")}
    assert (lines[names[0]].outcome, lines[names[0]].rows, lines[names[0]].version) == (
        "loaded",
        2,
        refs[names[0]].version,
    )
    assert (lines[names[1]].outcome, bool(lines[names[1]].reason)) == ("refused", True)
    assert desk.review.lines(desk.dataset, []) == []
