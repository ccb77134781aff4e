"""From objects to rows: discovery, reading, rules and commit together."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event

import pytest

from etl_daemon.core.events import BatchCommitted, ExtraColumns, ObjectDeferred, ObjectRefused, RejectShareHigh
from etl_daemon.core.planning.discovery import BatchLimits
from etl_daemon.errors import ObjectChangedError, TransientError
from etl_daemon.pipeline import Tolerance
from tests.support.corridor import House, ndjson
from tests.support.rows import INDICATORS, PRICES, price

KEY = "processed/price_data/a.json"


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "market.duckdb")


def told(house, kind):
    return [event for event in house.events if isinstance(event, kind)]


def test_objects_become_rows_once(house):
    house.put(KEY, [price(), price("MSFT", close=10.12345678)])
    house.put("processed/price_data_old/b.json", [price("OLD")])

    first, second = house.cycle(), house.cycle()

    assert [(row[0], row[5]) for row in house.contents()["prices"]] == [
        ("AAPL", Decimal("10.5")),
        ("MSFT", Decimal("10.12345678")),
    ]
    assert (first.pending, first.receipts[0].counts.loaded) == (1, 2)
    assert (second.pending, second.receipts) == (0, ())


def test_a_commit_is_told_with_some_of_its_values(house):
    house.put(KEY, [price(), price("MSFT", close=10.25), price("ODD", close=30, high=31)])
    house.cycle()
    (committed,) = told(house, BatchCommitted)
    points = committed.sample.points.to_pydict()
    assert dict(zip(points["SYMBOL"], points["VALUE"], strict=True)) == {"AAPL": 10.5, "MSFT": 10.25, "ODD": 30.0}
    assert committed.sample.flags["SYMBOL"].to_pylist() == ["ODD"]


def test_after_a_restart_nothing_loads_twice(house):
    house.put(KEY, [price()])
    house.cycle()
    before = house.contents()

    assert house.restarted().cycle()[0].receipts == ()
    assert house.contents() == before


def test_an_idle_cycle_does_not_open_the_destination(house):
    house.put(KEY, [price()])
    house.cycle()
    house.path.rename(house.path.with_suffix(".away"))

    assert house.cycle().failed is False
    assert not house.path.exists()


def test_what_was_lost_with_the_destination_is_loaded_again(house):
    house.put(KEY, [price()])
    house.cycle()
    house.path.unlink()
    house.put("processed/price_data/b.json", [price("MSFT")])

    assert house.cycle().error is not None
    assert house.cycle().failed is False
    assert [row[0] for row in house.contents()["prices"]] == ["AAPL", "MSFT"]


def test_an_overwritten_object_is_a_new_version(house):
    house.put(KEY, [price(), price("MSFT")])
    house.cycle()
    house.clock.forward(minutes=5)
    house.put(KEY, [price("MSFT", close=10.75)])
    report = house.cycle()

    assert [(row[0], row[5]) for row in house.contents()["prices"]] == [("MSFT", Decimal("10.75"))]
    assert report.receipts[0].replaced == 2


def test_garbage_is_refused_and_its_neighbours_load(house):
    house.put("processed/price_data/good.json", [price()])
    house.put("processed/price_data/cut.json.gz", gzip.compress(ndjson([price("MSFT")] * 1000))[:-20])
    house.put("processed/price_data/picture.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    house.put("processed/price_data/empty.json", b"")
    house.put("processed/price_data/archive.zip", b"PK\x03\x04" + b"\0" * 60)

    report = house.cycle()

    assert {line.ref.key.rpartition("/")[2]: line.reason for line in report.receipts[0].objects} == {
        "good.json": "",
        "cut.json.gz": "undecodable",
        "picture.png": "unsupported_format",
        "empty.json": "",
        "archive.zip": "unsupported_format",
    }
    assert [row[0] for row in house.contents()["prices"]] == ["AAPL"]
    assert len(told(house, ObjectRefused)) == 3
    assert house.cycle().pending == 0


def test_a_bad_line_costs_that_line(house):
    house.put(KEY, ndjson([price()]) + b'{"symbol": "MSFT", "timest\n' + ndjson([price("IBM")]))
    house.cycle()

    contents = house.contents()
    assert [row[0] for row in contents["prices"]] == ["AAPL", "IBM"]
    assert contents["quarantine"] == [(KEY, "v1", 2, "undecodable", '{"symbol": "MSFT", "timest')]


def test_an_object_that_cannot_be_read_now_holds_the_watermark(house):
    house.put("processed/price_data/a.json", [price()])
    house.clock.forward(minutes=10)
    house.put("processed/price_data/b.json", [price("MSFT")])
    house.source.fetch_faults.append(TransientError("connection reset"))

    report = house.cycle()
    assert report.failed
    assert [event.ref.key for event in told(house, ObjectDeferred)] == ["processed/price_data/a.json"]
    assert [row[0] for row in house.contents()["prices"]] == ["MSFT"]

    house.clock.forward(days=30)
    house.restarted()
    house.cycle()
    assert [row[0] for row in house.contents()["prices"]] == ["AAPL", "MSFT"]


def test_an_outage_of_any_length_loses_nothing(house):
    house.put("processed/price_data/a.json", [price()])
    house.cycle()
    missed = house.clock.now() + timedelta(hours=1)
    house.clock.forward(days=400)
    house.put("processed/price_data/b.json", [price("MSFT")], modified=missed)

    house.restarted()
    assert house.cycle().receipts[0].counts.loaded == 1


def test_objects_older_than_the_window_are_left_alone_and_counted(house):
    house.put(KEY, [price()], modified=house.clock.now() - timedelta(days=9))

    report = house.cycle()

    assert (report.pending, report.ignored) == (0, 1)


def test_a_store_that_does_not_answer_fails_the_dataset_only(tmp_path):
    house = House(tmp_path / "market.duckdb", datasets=(PRICES, INDICATORS))
    house.source.list_faults.append(TransientError("no route"))
    row = {"symbol": "A", "timestamp": "2026-01-02", "rsi": 50, "macd": 1, "sma_20": 1, "sma_50": 1}
    house.put("processed/technical_indicators/i.json", [row])

    prices, indicators = house.daemon.cycle()

    assert prices.failed
    assert indicators.receipts[0].counts.loaded == 1


def test_extra_columns_are_named_once_per_batch(house):
    for key in ("a", "b"):
        house.put(f"processed/price_data/{key}.json", [price(vwap=1.0, exchange="X")])
    house.cycle()

    assert [event.columns for event in told(house, ExtraColumns)] == [("exchange", "vwap")]


def test_a_high_share_of_rejects_is_announced_or_refused(tmp_path):
    rows = [price(), price("MSFT", low=-1.0)]
    house = House(tmp_path / "a.duckdb")
    house.put(KEY, rows)
    house.cycle()
    assert [event.share for event in told(house, RejectShareHigh)] == [0.5]

    strict = House(tmp_path / "b.duckdb", tolerance=Tolerance(0.1, 0.4))
    strict.put(KEY, rows)
    strict.put("processed/price_data/good.json", [price("IBM")])
    strict.cycle()
    assert [row[0] for row in strict.contents()["prices"]] == ["IBM"]
    assert [event.reason for event in told(strict, ObjectRefused)] == ["reject_share"]


def test_batches_are_cut_by_the_limit_and_commit_in_order(tmp_path):
    house = House(tmp_path / "market.duckdb", limits=BatchLimits(2**30, 2))
    for minute in range(5):
        house.put(f"processed/price_data/{minute}.json", [price(f"S{'ABCDE'[minute]}")])
        house.clock.forward(minutes=1)

    report = house.cycle()

    assert [len(receipt.objects) for receipt in report.receipts] == [2, 2, 1]
    assert len({receipt.batch_id for receipt in report.receipts}) == 3
    assert len(told(house, BatchCommitted)) == 3


def test_objects_of_the_next_batch_come_while_one_is_committed(tmp_path):
    house = House(tmp_path / "market.duckdb", limits=BatchLimits(2**30, 1))
    fetch, commit = house.source.fetch, house.daemon.corridor.destination.commit
    begun = {f"processed/price_data/{number}.json": Event() for number in range(3)}
    ahead = []

    def fetched(ref):
        begun[ref.key].set()
        return fetch(ref)

    def committed(batch, *how):
        following = [each for each in begun if each > batch.plan.objects[0].key]
        ahead.append(all(begun[each].wait(10) for each in following))
        return commit(batch, *how)

    house.source.fetch, house.daemon.corridor.destination.commit = fetched, committed
    for key in begun:
        house.put(key, [price()])
        house.clock.forward(minutes=1)
    assert len(house.cycle().receipts) == 3
    assert ahead == [True, True, True]


def test_symbol_from_key_and_mapped_columns(tmp_path):
    dataset = replace(
        PRICES,
        columns={"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "t": "timestamp"},
        symbol_from_key=r"/(?P<symbol>[A-Z]+)_",
    )
    house = House(tmp_path / "market.duckdb", datasets=(dataset,))
    house.put("processed/price_data/MSFT_2026.csv", b"t,o,h,l,c,v\n1767366000,1,2,1,2,5\n")
    house.cycle()

    assert [row[0] for row in house.contents()["prices"]] == ["MSFT"]


def test_slices_of_one_object_meet_like_objects_do(tmp_path):
    rows = [price(f"S{letter}", close=10 + number / 100) for number in range(3) for letter in "ABCDEFG"]
    whole, sliced = House(tmp_path / "a.duckdb"), House(tmp_path / "b.duckdb", slice_rows=4)
    for house in (whole, sliced):
        house.put(KEY, rows)
        house.cycle()

    assert sliced.contents()["prices"] == whole.contents()["prices"]
    assert len(sliced.contents()["prices"]) == 7
    assert sliced.ask("SELECT ROWS_SUPERSEDED FROM ETL_CONTROL.ETL_OBJECTS") == [(14,)]


def test_two_daemons_take_turns_and_the_stale_one_is_fenced(house, tmp_path):
    house.put(KEY, [price()])
    house.cycle()
    rival = House(house.path, source=house.source, holder="rival", clock=house.clock)
    house.put("processed/price_data/b.json", [price("MSFT")])
    rival.cycle()
    house.put("processed/price_data/c.json", [price("IBM")])

    with pytest.raises(Exception, match="held by rival"):
        house.cycle()
    assert house.cycle().receipts[0].counts.loaded == 1
    assert [row[0] for row in house.contents()["prices"]] == ["AAPL", "IBM", "MSFT"]


def test_growing_keys_are_listed_from_the_last_settled_one(tmp_path):
    house = House(tmp_path / "market.duckdb", datasets=(replace(PRICES, immutable_keys=True),))
    started: list[str] = []
    listing = house.source.list
    house.source.list = lambda bucket, prefix, after="": started.append(after) or listing(bucket, prefix, after)
    for name, symbol in (("a", "AAPL"), ("b", "MSFT"), ("c", "IBM")):
        house.put(f"processed/price_data/{name}.json", [price(symbol)])
        house.clock.forward(minutes=1)
    house.source.fetch_faults.extend([None, TransientError("reset")])
    house.cycle()
    house.restarted()
    house.cycle()

    assert [row[0] for row in house.contents()["prices"]] == ["AAPL", "IBM", "MSFT"]
    house.restarted()
    house.cycle()
    assert started[-1] == "processed/price_data/c.json"


def test_an_object_replaced_while_it_is_read_fails_nothing(house):
    house.put(KEY, [price()])
    house.source.fetch_faults.append(ObjectChangedError("replaced"))

    assert not house.cycle().failed
    assert house.cycle().receipts[0].counts.loaded == 1


def test_a_refused_object_is_read_again_when_asked(house):
    house.put(KEY, b"instrument,timestamp,open,high,low,close,volume\nAAPL,2026-01-02,1,2,1,2,5\n")
    house.cycle()
    assert [event.reason for event in told(house, ObjectRefused)] == ["missing_columns"]
    assert house.cycle().pending == 0

    house.datasets = (replace(PRICES, columns={"instrument": "symbol"}),)
    daemon = house.restarted()
    assert daemon.cycle()[0].pending == 0
    daemon = house.restarted()
    daemon.again = True
    assert daemon.cycle()[0].receipts[0].counts.loaded == 1
    assert house.ask("SELECT OUTCOME FROM ETL_CONTROL.ETL_OBJECTS ORDER BY COMMITTED_AT") == [("refused",), ("loaded",)]
    assert house.restarted().cycle()[0].pending == 0


def test_a_dataset_behind_one_that_was_overtaken_loads_all_the_same(tmp_path):
    house = House(tmp_path / "market.duckdb", datasets=(PRICES, INDICATORS))
    house.daemon.cycle()
    house.put(KEY, [price()])
    House(house.path, datasets=(PRICES,), source=house.source, clock=house.clock).cycle()
    row = {"symbol": "A", "timestamp": "2026-01-02", "rsi": 50, "macd": 1, "sma_20": 1, "sma_50": 1}
    house.put("processed/technical_indicators/i.json", [row])

    prices, indicators = house.daemon.cycle()

    assert prices.receipts == ()
    assert indicators.receipts[0].counts.loaded == 1


def test_labels_agree_with_the_stored_values(tmp_path):
    house = House(tmp_path / "market.duckdb", datasets=(INDICATORS,))
    row = {"symbol": "A", "timestamp": "2026-01-02", "rsi": 29.99999, "macd": 1, "sma_20": 1, "sma_50": 1.0000000001}
    house.put("processed/technical_indicators/i.json", [{**row, "macd_histogram": 1e-10}])
    house.cycle()

    stored = house.ask("SELECT RSI, RSI_SIGNAL, SMA_TREND, MACD_SIGNAL_TYPE FROM ANALYTICS.TECHNICAL_INDICATORS")
    assert stored == [(Decimal(30), "neutral", "neutral", "neutral")]


def test_a_defect_costs_one_dataset_and_not_those_behind_it(house):
    house.datasets = (PRICES, INDICATORS)
    daemon = house.restarted()
    house.put(KEY, [price()])
    house.source.fetch_faults.append(None)
    real = daemon.corridor.destination.stage

    def broken(batch):
        if batch.plan.dataset is PRICES:
            raise KeyError("a defect")
        return real(batch)

    daemon.corridor.destination.stage = broken
    prices, indicators = daemon.cycle()
    assert prices.failed
    assert "please report it" in str(prices.error)
    assert not indicators.failed
    daemon.corridor.destination.stage = real
    assert daemon.cycle()[0].receipts[0].counts.loaded == 1
