"""What every destination must do, whatever lies behind it: one commit protocol, five modes.

``Target.load`` holds the ledger against the table after each commit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from etl_daemon.core.model import Counts, Deferral, Fence, Outcome, Refusal
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean
from etl_daemon.errors import EtlError, LeaseLostError, ObjectChangedError, SetupError
from tests.support.rows import ANOMALIES, INDICATORS, NOW, PRICES, cleaned, price, raw, ref
from tests.support.targets import DATASETS, of

UPSERT = PRICES
APPEND = of(PRICES, "APPEND")
BY_KEY = of(PRICES, "INCREMENTAL")
BY_TIME = of(PRICES, "INCREMENTAL", incremental_by="timestamp_column")
FULL = of(PRICES, "FULL")
SNAPSHOT = of(PRICES, "TRUNCATE_INSERT")
EVERY_MODE = pytest.mark.parametrize(
    "dataset", [UPSERT, APPEND, BY_KEY, BY_TIME, FULL, SNAPSHOT], ids=lambda each: f"{each.mode}{each.incremental_by}"
)
REPLACING = pytest.mark.parametrize("dataset", [FULL, SNAPSHOT], ids=lambda each: each.mode)
WILD = {"open": 20.0, "high": 21.0, "close": 9.0}
"""A move that is flagged as an anomaly."""


def row(symbol: str, close: str, key: str, number: int = 1) -> tuple:
    return symbol, Decimal(close), key, number


def day(number: int) -> str:
    return f"2026-01-0{number}"


# ---------------------------------------------------------------- what all modes share


def test_rows_arrive_with_exact_decimals_and_identity(target):
    part = cleaned(ref("a"), [price(open=10.00000001, close=10.12345678, volume=0.00000003)])
    receipt = target.load(part, watermark=NOW)

    (there,) = target.table(PRICES.table)
    given = [Decimal(each) for each in ("10.00000001", "11.00000000", "9.00000000", "10.12345678", "0.00000003")]
    assert [there[name] for name in ("OPEN_PRICE", "HIGH_PRICE", "LOW_PRICE", "CLOSE_PRICE", "VOLUME")] == given
    assert there["TIMESTAMP"] == (NOW - timedelta(days=3)).replace(hour=15, tzinfo=None)
    assert there["PRICE_CHANGE"] == Decimal("0.12345677")
    assert there["SYMBOL"] == "AAPL"
    names = ("_OBJECT_KEY", "_OBJECT_ROW", "_OBJECT_MODIFIED", "_BATCH_ID")
    assert [there[name] for name in names] == ["a", 1, NOW.replace(tzinfo=None), receipt.batch_id]
    assert receipt.counts == Counts(read=1, loaded=1)
    assert target.cursor().watermark == NOW


@EVERY_MODE
def test_a_fresh_load_keeps_rows_quarantine_anomalies_and_ledger(target, dataset):
    part = cleaned(ref("a"), [price("bad symbol", low=12.0), price(**WILD), price("MSFT")], dataset)
    receipt = target.load(part, dataset=dataset)

    assert target.prices() == [row("AAPL", "9", "a", 2), row("MSFT", "10.5", "a", 3)]
    assert target.quarantine() == [("a", "v1", 1, "symbol_format,ohlc_relation")]
    assert "bad symbol" in target.control("ETL_QUARANTINE")[0]["RAW"]
    assert target.anomalies() == [("extreme_price_movement", "etl_daemon:price_data", "a", 2)]
    assert target.ledger() == [("a", "v1", "loaded", 2, 0)]
    assert receipt.counts == Counts(read=3, loaded=2, quarantined=1)
    assert (receipt.replaced, sum(receipt.anomalies.values())) == (0, 1)
    assert receipt.reasons == {"symbol_format": 1, "ohlc_relation": 1}
    assert [line["ROWS_READ"] for line in target.control("ETL_BATCHES")] == [3]


@pytest.mark.parametrize("dataset", [UPSERT, APPEND, BY_KEY, BY_TIME], ids=lambda each: f"{each.mode}")
def test_the_same_version_is_not_loaded_twice(target, dataset):
    target.load(cleaned(ref("a"), [price()], dataset), dataset=dataset)

    with pytest.raises(ObjectChangedError, match="a meanwhile"):
        target.load(cleaned(ref("a"), [price()], dataset), dataset=dataset)
    assert len(target.prices()) == 1
    assert target.destination.recall([dataset], "")["price_data"].versions == {"a": "v1"}


@pytest.mark.parametrize("dataset", [UPSERT, APPEND, BY_KEY], ids=lambda each: each.mode)
def test_a_version_that_comes_back_is_loaded_again(target, dataset):
    for version, close in (("v1", 10.1), ("v2", 10.2), ("v1", 10.1)):
        part = cleaned(ref("a", version), [price(close=close), price("oops!")], dataset)
        receipt = target.load(part, dataset=dataset)

    assert target.prices() == [row("AAPL", "10.1", "a")]
    assert receipt.replaced == 1
    assert target.ledger() == [("a", "v1", "loaded", 1, 1), ("a", "v2", "loaded", 1, 1), ("a", "v1", "loaded", 1, 0)]
    assert [line[1] for line in target.quarantine()] == ["v1", "v2"]
    assert target.destination.recall([dataset], "")["price_data"].versions == {"a": "v1"}


@pytest.mark.parametrize("dataset", [UPSERT, APPEND, BY_KEY], ids=lambda each: each.mode)
@pytest.mark.parametrize("rows", [[price("MSFT", close=10.75)], [], [price("oops!")]], ids=["fewer", "none", "unfit"])
def test_a_restated_object_takes_its_earlier_rows_and_anomalies_away(target, dataset, rows):
    target.load(cleaned(ref("a"), [price(**WILD), price("MSFT")], dataset), dataset=dataset)
    target.load(cleaned(ref("z"), [price("IBM")], dataset), dataset=dataset)
    results = [cleaned(ref("a", "v2", 1), rows, dataset)] if rows else []
    empty = [replace(cleaned(ref("a", "v2", 1), [price()], dataset), **_nothing(dataset))] if not rows else []

    receipt = target.load(*results, *empty, dataset=dataset)

    kept = [row("MSFT", "10.75", "a")] if rows == [price("MSFT", close=10.75)] else []
    assert target.prices() == [row("IBM", "10.5", "z"), *kept]
    assert target.anomalies() == []
    assert receipt.replaced == 2
    assert target.ledger()[0] == ("a", "v1", "loaded", 2, 2)


def _nothing(dataset) -> dict:
    """What makes a slice of no rows."""
    part = cleaned(ref("a"), [price()], dataset)
    tables = {name: getattr(part, name).slice(0, 0) for name in ("accepted", "quarantined", "anomalies")}
    return {**tables, "counts": Counts()}


@pytest.mark.parametrize("dataset", [UPSERT, APPEND, BY_KEY], ids=lambda each: each.mode)
def test_an_object_restated_twice_in_a_row_of_batches_counts_once(target, dataset):
    for number in range(1, 4):
        part = cleaned(ref("a", f"v{number}", number), [price(), price("MSFT")][: 1 + number % 2], dataset)
        target.load(part, cleaned(ref(f"b{number}"), [price(f"B{'XYZ'[number - 1]}")], dataset), dataset=dataset)

    assert [line for line in target.ledger() if line[0] == "a"] == [
        ("a", "v1", "loaded", 2, 2),
        ("a", "v2", "loaded", 1, 1),
        ("a", "v3", "loaded", 2, 0),
    ]


@pytest.mark.parametrize("dataset", [UPSERT, APPEND, BY_KEY, BY_TIME, FULL], ids=lambda each: each.mode)
def test_refused_and_deferred_objects(target, dataset):
    late, refused = ref("late"), ref("refused")
    receipt = target.load(
        cleaned(ref("a"), [price()], dataset),
        cleaned(refused, [price("MSFT"), price("oops!")], dataset),
        Refusal(refused, "undecodable", "half a line"),
        cleaned(late, [price("IBM")], dataset),
        Deferral(late, "cut short"),
        dataset=dataset,
    )

    assert target.prices() == [row("AAPL", "10.5", "a")]
    assert target.quarantine() == []
    assert [(line.ref.key, line.outcome, line.reason) for line in receipt.objects] == [
        ("a", Outcome.LOADED, ""),
        ("refused", Outcome.REFUSED, "undecodable"),
    ]
    assert [(line["KEY"], line["OUTCOME"], line["REASON"]) for line in target.lines()] == [
        ("a", "loaded", ""),
        ("refused", "refused", "undecodable"),
    ]
    assert target.destination.recall([dataset], "")["price_data"].refused == {"refused"}


@EVERY_MODE
def test_a_refused_version_leaves_the_rows_of_the_one_before(target, dataset):
    target.load(cleaned(ref("a"), [price(**WILD), price("oops!")], dataset), dataset=dataset)
    receipt = target.load(Refusal(ref("a", "v2", 1), "undecodable", "garbage"), dataset=dataset)

    assert target.prices() == [row("AAPL", "9", "a")]
    assert receipt.replaced == 0
    assert len(target.anomalies()) == 1
    assert len(target.quarantine()) == 1
    assert target.ledger() == [("a", "v1", "loaded", 1, 0), ("a", "v2", "refused", 0, 0)]

    target.load(cleaned(ref("a", "v3", 2), [price("MSFT", day(5))], dataset), dataset=dataset)
    assert target.symbols() == ("AAPLMSFT" if dataset is BY_TIME else "MSFT")


@pytest.mark.parametrize("dataset", [UPSERT, APPEND, BY_KEY], ids=lambda each: each.mode)
def test_a_version_that_was_loaded_is_refused_when_it_comes_back(target, dataset):
    target.load(cleaned(ref("a"), [price(), price("oops!")], dataset), dataset=dataset)
    target.load(cleaned(ref("a", "v2", 1), [price("MSFT")], dataset), dataset=dataset)
    target.load(Refusal(ref("a"), "reject_share", "too many"), dataset=dataset)

    assert target.symbols() == "MSFT"
    assert target.quarantine() == [("a", "v1", 2, "symbol_format")]
    assert target.ledger()[-1] == ("a", "v1", "refused", 0, 0)


def test_an_earlier_generation_is_fenced(target):
    target.load(cleaned(ref("a"), [price()]), fence=Fence(3, "new"))

    with pytest.raises(LeaseLostError, match="held by new in generation 3"):
        target.load(cleaned(ref("b"), [price()]), fence=Fence(2, "old"))
    with pytest.raises(LeaseLostError):
        target.load(cleaned(ref("b"), [price()]), fence=Fence(3, "other"))
    assert [line[0] for line in target.ledger()] == ["a"]
    assert (target.cursor().generation, target.cursor().holder) == (3, "new")
    target.load(cleaned(ref("b"), [price()]), fence=Fence(4, "old"))
    assert target.cursor().holder == "old"


def test_without_a_cursor_nothing_is_committed(target):
    other = replace(PRICES, name="other")
    with pytest.raises(SetupError, match="etl-daemon init"):
        target.load(cleaned(ref("a"), [price()], other), dataset=other)
    assert target.prices() == []


def test_a_cursor_of_its_own_leaves_the_ordinary_one_alone(target):
    beside = of(PRICES, "UPSERT", cursor="price_data;_X", table=f"{PRICES.table}_X")
    target.load(cleaned(ref("a"), [price(**WILD)]), watermark=NOW)
    before = target.cursor()
    assert target.destination.recall([beside], "")["price_data"].versions == {}, "the table is made, with a ledger"

    target.load(cleaned(ref("a"), [price(**WILD)], beside), dataset=beside, fence=Fence(7, "other"))

    assert target.cursor() == before
    assert target.cursor(beside).generation == 7
    assert target.prices(beside) == target.prices()
    assert [each[1] for each in target.anomalies()] == ["etl_daemon:price_data", "etl_daemon:price_data;_X"]
    target.load(cleaned(ref("b", minutes=1), [price()], beside), dataset=of(beside, "FULL"), fence=Fence(7, "other"))
    assert [each[1] for each in target.anomalies()] == ["etl_daemon:price_data"]
    assert target.symbols() == "AAPL"


@EVERY_MODE
def test_rows_that_do_not_add_up_refuse_the_commit(target, dataset):
    target.load(cleaned(ref("a"), [price(), price("MSFT")], dataset), dataset=dataset)
    before = (target.prices(), target.ledger(), target.cursor())
    part = cleaned(ref("b"), [price("X", day(4)), price("Y", day(4)), price("oops!")], dataset)

    with pytest.raises(EtlError, match="do not add up"):
        target.load(replace(part, counts=replace(part.counts, read=7)), dataset=dataset, fence=Fence(9, "tester"))
    assert (target.prices(), target.ledger(), target.cursor()) == before
    assert target.quarantine() == []


def test_the_watermark_never_moves_back(target):
    target.load(cleaned(ref("a"), [price()]), watermark=NOW)
    target.load(cleaned(ref("b"), [price("MSFT")]), watermark=NOW - timedelta(hours=1))
    target.load(cleaned(ref("c"), [price("IBM")]))

    assert target.cursor().watermark == NOW


def test_a_clock_that_was_set_back_hides_no_newer_entry(target):
    target.load(cleaned(ref("a"), [price()]))
    target.load(cleaned(ref("a", "v2", 1), [price("MSFT")]), now=NOW - timedelta(days=9))

    assert target.destination.recall([PRICES], "")["price_data"].versions == {"a": "v2"}
    target.load(dataset=SNAPSHOT, superseded=(ref("a", "v3", 2),), now=NOW - timedelta(days=9))
    assert target.destination.recall([PRICES], "")["price_data"].versions == {"a": "v3"}


@pytest.mark.parametrize("dataset", [UPSERT, APPEND, BY_KEY], ids=lambda each: each.mode)
def test_an_object_that_comes_again_takes_no_rows_of_another_bucket(target, dataset):
    target.load(cleaned(replace(ref("a"), bucket="here"), [price()], dataset), dataset=dataset)
    target.load(cleaned(replace(ref("a"), bucket="there"), [price("MSFT")], dataset), dataset=dataset)
    before = (target.prices(), target.ledger(), target.cursor())

    again = cleaned(replace(ref("a", "v2", 1), bucket="here"), [price("IBM")], dataset)
    with pytest.raises(SetupError, match="from another bucket too"):
        target.load(again, dataset=dataset, fence=Fence(9, "tester"))
    assert (target.prices(), target.ledger(), target.cursor()) == before


def test_commits_are_in_the_order_of_their_times_whatever_the_clock_says(target):
    clock = {"a": 0, "b": -9, "c": -5}
    receipts = [target.load(cleaned(ref(key), [price()]), now=NOW + timedelta(hours=h)) for key, h in clock.items()]
    times = [each.committed_at for each in receipts]

    assert times == sorted(set(times))


def test_what_was_swept_is_remembered_unless_fenced(target):
    target.load(cleaned(ref("a"), [price()]), fence=Fence(2, "tester"))
    target.destination.mark_swept(PRICES, Fence(2, "tester"), NOW)
    target.destination.mark_swept(PRICES, Fence(1, "stale"), NOW + timedelta(hours=1))

    assert target.cursor().swept_at == NOW


def test_preparing_again_changes_nothing(target):
    target.load(cleaned(ref("a"), [price()]), watermark=NOW)
    before = target.cursor()
    target.destination.prepare(DATASETS)

    assert len(target.prices()) == 1
    assert target.cursor() == before


def test_values_never_become_sql(target):
    key = "k'); DROP TABLE MARKET_DATA.PRICE_DATA; --"
    target.load(cleaned(ref(key, "v';--"), [price(source="x'); DROP SCHEMA ETL_CONTROL;--"), price("'; --")]))
    target.load(cleaned(ref(key, "v'2", 1), [price(source='"é\\')]))

    assert [(each["_OBJECT_KEY"], each["SOURCE"]) for each in target.table(PRICES.table)] == [(key, '"é\\')]


def test_indicators_and_outside_anomalies_arrive(target):
    line = {"symbol": "AAPL", "timestamp": day(2), "rsi": 95.0, "macd": 0.5, "sma_20": 10.0, "sma_50": None}
    target.load(cleaned(ref("i"), [line], INDICATORS), dataset=INDICATORS)
    anomaly = {"symbol": "AAPL", "timestamp": day(2), "anomaly_type": "gap", "severity": " HIGH ", "value": 3.5}
    target.load(cleaned(ref("x"), [anomaly], ANOMALIES), dataset=ANOMALIES)

    (there,) = target.table(INDICATORS.table)
    assert (there["RSI"], there["SMA_50"], there["RSI_SIGNAL"]) == (Decimal("95.0000"), None, "overbought")
    assert target.anomalies() == [
        ("extreme_rsi", "etl_daemon:technical_indicators", "i", 1),
        ("gap", "external", "x", 1),
    ]


# ---------------------------------------------------------------- UPSERT


@pytest.mark.parametrize("first", ["older", "newer"])
def test_upsert_the_newer_object_wins_whatever_comes_first(target, first):
    older, newer = cleaned(ref("a"), [price(close=10.1)]), cleaned(ref("b", minutes=1), [price(close=10.2)])
    for result in (older, newer) if first == "older" else (newer, older):
        receipt = target.load(result)

    assert target.prices() == [row("AAPL", "10.2", "b")]
    if first == "older":
        assert receipt.replaced == 1
        assert target.ledger() == [("a", "v1", "loaded", 1, 1), ("b", "v1", "loaded", 1, 0)]
    else:
        assert (receipt.counts, receipt.replaced) == (Counts(read=1, superseded=1), 0)
        assert target.ledger() == [("b", "v1", "loaded", 1, 0), ("a", "v1", "loaded", 0, 0)]


@pytest.mark.parametrize("keys", ["ab", "ba"])
def test_upsert_of_objects_equally_old_the_greater_key_wins(target, keys):
    for key in keys:
        target.load(cleaned(ref(key), [price(close=10.1 if key == "a" else 10.2)]))

    assert target.prices() == [row("AAPL", "10.2", "b")]


def test_upsert_objects_of_one_batch_meet_by_the_same_order(target):
    receipt = target.load(
        cleaned(ref("b"), [price(close=10.2), price("MSFT", **WILD)]),
        cleaned(ref("a"), [price(close=10.1)]),
        cleaned(ref("c"), [price("MSFT", close=10.3)]),
    )

    assert target.prices() == [row("AAPL", "10.2", "b"), row("MSFT", "10.3", "c")]
    assert {line.ref.key: line.counts for line in receipt.objects} == {
        "a": Counts(read=1, superseded=1),
        "b": Counts(read=2, loaded=1, superseded=1),
        "c": Counts(read=1, loaded=1),
    }
    assert target.anomalies() == [], "those of rows that lost are let go"


def test_upsert_within_an_object_the_last_row_wins(target):
    receipt = target.load(cleaned(ref("a"), [price(close=10.1), price(" aapl ", close=10.3), price("MSFT")]))

    assert target.prices() == [row("AAPL", "10.3", "a", 2), row("MSFT", "10.5", "a", 3)]
    assert receipt.counts == Counts(read=3, loaded=2, superseded=1)


def test_upsert_an_anomaly_goes_with_the_row_that_was_beaten(target):
    target.load(cleaned(ref("a"), [price(**WILD), price("MSFT", **WILD)]))
    target.load(cleaned(ref("b", minutes=1), [price(close=10.1)]))

    assert target.anomalies() == [("extreme_price_movement", "etl_daemon:price_data", "a", 2)]


def test_upsert_a_row_meets_duplicates_that_append_left(target):
    for minute, close in enumerate((10.1, 10.2, 10.3, 10.4)):
        target.load(cleaned(ref(f"a{minute}", minutes=minute), [price(close=close)], APPEND), dataset=APPEND)

    between = target.load(cleaned(ref("b", minutes=2), [price(close=10.9)]))
    assert (between.counts, between.replaced) == (Counts(read=1, superseded=1), 3), "b is the greater key"
    assert target.prices() == [row("AAPL", "10.4", "a3")]
    above = target.load(cleaned(ref("c", minutes=9), [price(close=10.8)]))
    assert (above.counts, above.replaced) == (Counts(read=1, loaded=1), 1)
    assert target.prices() == [row("AAPL", "10.8", "c")]


def test_upsert_after_incremental_takes_the_one_row_that_it_beats(target):
    target.load(cleaned(ref("a"), [price(close=10.1, timestamp=day(1))], BY_TIME), dataset=BY_TIME)
    target.load(cleaned(ref("a", "v2", 1), [price(close=10.2, timestamp=day(2))], BY_TIME), dataset=BY_TIME)

    receipt = target.load(cleaned(ref("b", minutes=5), [price(close=10.3, timestamp=day(1))]))

    assert target.prices() == [row("AAPL", "10.2", "a"), row("AAPL", "10.3", "b")]
    assert receipt.replaced == 1


def test_upsert_restating_and_beating_in_one_batch(target):
    target.load(cleaned(ref("a"), [price(close=10.1), price("MSFT")]), cleaned(ref("b"), [price("IBM", close=10.1)]))
    receipt = target.load(
        cleaned(ref("a", "v2", 2), [price(close=10.2), price("IBM", close=10.2)]),
        cleaned(ref("c", minutes=1), [price("MSFT", close=10.3)]),
    )

    assert target.prices() == [row("AAPL", "10.2", "a"), row("IBM", "10.2", "a", 2), row("MSFT", "10.3", "c")]
    assert receipt.replaced == 3
    assert [line[3:] for line in target.ledger()] == [(2, 2), (1, 1), (2, 0), (1, 0)]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("keys", ["ab", "ba"])
def test_upsert_by_a_key_without_the_timestamp_the_latest_timestamp_wins(target, together, keys):
    latest = of(PRICES, "UPSERT", primary_key=("SYMBOL",))
    parts = {
        "a": cleaned(ref("a"), [price(timestamp=day(3)), price(timestamp=day(1)), price("MSFT", day(2))], latest),
        "b": cleaned(ref("b", minutes=1), [price(timestamp=day(2)), price("MSFT", day(2))], latest),
    }
    ordered = [parts[key] for key in keys]
    for results in [ordered] if together else [[part] for part in ordered]:
        target.load(*results, dataset=latest)

    assert target.prices() == [row("AAPL", "10.5", "a"), row("MSFT", "10.5", "b", 2)]


# ---------------------------------------------------------------- APPEND


def test_append_keeps_every_row(target):
    for key in "ab":
        receipt = target.load(cleaned(ref(key), [price(), price()], APPEND), dataset=APPEND)

    assert len(target.prices()) == 4
    assert receipt.counts == Counts(read=2, loaded=2)


# ---------------------------------------------------------------- INCREMENTAL


@pytest.mark.parametrize("together", [True, False])
def test_incremental_by_key_the_first_row_stays(target, together):
    parts = [
        cleaned(ref("a"), [price(close=10.1), price(close=10.7), price("MSFT")], BY_KEY),
        cleaned(ref("b", minutes=1), [price(close=10.2), price("IBM", close=10.2), price("IBM")], BY_KEY),
        cleaned(ref("c", minutes=2), [price("IBM", **WILD)], BY_KEY),
    ]
    receipts = [target.load(*parts, dataset=BY_KEY)] if together else [target.load(x, dataset=BY_KEY) for x in parts]

    assert target.prices() == [row("AAPL", "10.1", "a"), row("IBM", "10.2", "b", 2), row("MSFT", "10.5", "a", 3)]
    assert {line.ref.key: line.counts for receipt in receipts for line in receipt.objects} == {
        "a": Counts(read=3, loaded=2, superseded=1),
        "b": Counts(read=3, loaded=1, superseded=1, filtered=1),
        "c": Counts(read=1, filtered=1),
    }
    assert target.anomalies() == []


@pytest.mark.parametrize("dataset", [UPSERT, BY_KEY, FULL, SNAPSHOT], ids=lambda each: each.mode)
def test_slices_of_one_object_supersede_each_other(target, dataset):
    of_a = ref("a", minutes=1)
    first, second = (
        raw(of_a, [price(close=close), price(symbol)]) for close, symbol in ((10.1, "IBM"), (10.2, "MSFT"))
    )
    parts = [clean(part, dataset, Rules()) for part in (first, replace(second, first_row=3))]
    receipt = target.load(*parts, dataset=dataset)

    assert receipt.counts == Counts(read=4, loaded=3, superseded=1)
    kept = row("AAPL", "10.1", "a", 1) if dataset is BY_KEY else row("AAPL", "10.2", "a", 3)
    assert target.prices() == [kept, row("IBM", "10.5", "a", 2), row("MSFT", "10.5", "a", 4)]


def test_incremental_by_key_a_restated_object_makes_room_for_itself(target):
    target.load(cleaned(ref("a"), [price(close=10.1), price("MSFT")], BY_KEY), dataset=BY_KEY)
    target.load(cleaned(ref("b", minutes=1), [price("IBM")], BY_KEY), dataset=BY_KEY)
    part = cleaned(ref("a", "v2", 2), [price(close=10.2), price("IBM", close=10.9)], BY_KEY)
    receipt = target.load(part, dataset=BY_KEY)

    assert target.prices() == [row("AAPL", "10.2", "a"), row("IBM", "10.5", "b")]
    assert (receipt.counts, receipt.replaced) == (Counts(read=2, loaded=1, filtered=1), 2)


def test_incremental_by_timestamp_takes_what_is_beyond_the_latest(target):
    first = target.load(cleaned(ref("a"), [price("A", day(2)), price("B", day(1))], BY_TIME), dataset=BY_TIME)
    assert first.counts.loaded == 2, "an empty table has no latest"
    parts = [
        cleaned(ref("b", minutes=1), [price("C", day(1)), price("D", day(2)), price("E", day(5))], BY_TIME),
        cleaned(ref("c", minutes=2), [price("F", day(3)), price("E", day(5), close=9.5)], BY_TIME),
    ]
    receipt = target.load(*parts, dataset=BY_TIME)

    assert target.symbols() == "ABEF", "F is below E, but beyond what was there before this commit"
    assert [line.counts for line in receipt.objects] == [
        Counts(read=3, loaded=1, filtered=2),
        Counts(read=2, loaded=1, filtered=1),
    ]


def test_incremental_by_timestamp_restates_nothing(target):
    target.load(cleaned(ref("a"), [price("A", day(2))], BY_TIME), dataset=BY_TIME)
    part = cleaned(ref("a", "v2", 1), [price("A", day(2), close=9.5), price("A", day(3))], BY_TIME)
    receipt = target.load(part, dataset=BY_TIME)

    assert target.prices() == [row("A", "10.5", "a"), row("A", "10.5", "a", 2)]
    assert (receipt.replaced, receipt.counts) == (0, Counts(read=2, loaded=1, filtered=1))
    assert target.ledger() == [("a", "v1", "loaded", 1, 0), ("a", "v2", "loaded", 1, 0)]


def test_what_incremental_left_twice_is_counted_when_the_mode_replaces(target):
    for version, number in (("v1", 2), ("v2", 3)):
        part = cleaned(ref("a", version, number), [price("A", day(number))], BY_TIME)
        target.load(part, dataset=BY_TIME)
    target.load(cleaned(ref("a", "v3", 9), [price("A", day(4))]))
    assert target.ledger() == [("a", "v1", "loaded", 1, 0), ("a", "v2", "loaded", 1, 2), ("a", "v3", "loaded", 1, 0)]

    receipt = target.load(cleaned(ref("s", minutes=20), [price("S")], SNAPSHOT), dataset=SNAPSHOT)
    assert receipt.replaced == 1
    assert [line[3:] for line in target.ledger()] == [(1, 1), (1, 1), (1, 1), (1, 0)]


# ---------------------------------------------------------------- FULL and TRUNCATE_INSERT


@REPLACING
def test_a_replacing_commit_puts_its_rows_in_the_place_of_all(target, dataset):
    target.load(cleaned(ref("old"), [price("OLD", **WILD), price("IBM")]), cleaned(ref("z"), [price("Z")]))
    receipt = target.load(
        cleaned(ref("a"), [price(close=10.1), price("MSFT", **WILD)], dataset),
        cleaned(ref("b", minutes=1), [price(close=10.2)], dataset),
        dataset=dataset,
    )

    assert target.prices() == [row("AAPL", "10.2", "b"), row("MSFT", "9", "a", 2)]
    assert (receipt.replaced, receipt.counts) == (3, Counts(read=3, loaded=2, superseded=1))
    assert target.anomalies() == [("extreme_price_movement", "etl_daemon:price_data", "a", 2)]
    assert target.control("ETL_BATCHES")[-1]["ROWS_REPLACED"] == 3
    lines = [("a", "v1", "loaded", 1, 0), ("b", "v1", "loaded", 1, 0)]
    older = [("old", "v1", "loaded", 2, 2), ("z", "v1", "loaded", 1, 1)]
    assert target.ledger() == (lines if dataset is FULL else [*older, *lines])


@REPLACING
def test_a_replacing_commit_reads_versions_again_with_their_quarantine(target, dataset):
    rows = [price(), price("oops!"), price("MSFT", volume=None)]
    target.load(cleaned(ref("a"), rows, dataset), cleaned(ref("k"), [price("no!")], dataset), dataset=dataset)
    target.discard("k")
    target.load(
        cleaned(ref("a"), rows, dataset), cleaned(ref("k"), [price("no!"), price("B")], dataset), dataset=dataset
    )

    assert target.quarantine() == [("a", "v1", 2, "symbol_format"), ("a", "v1", 3, "missing_field")]
    discarded = [line for line in target.control("ETL_QUARANTINE") if line["DISCARDED_AT"] is not None]
    assert [line["OBJECT_KEY"] for line in discarded] == ["k"]
    fixed = replace(PRICES, mode=dataset.mode)
    target.load(cleaned(ref("a"), [price(), price("OK"), price("MSFT", volume=None)], fixed), dataset=fixed)
    assert target.quarantine() == [("a", "v1", 3, "missing_field")], "what is fit now is in no quarantine"


@REPLACING
def test_nothing_but_refused_objects_leaves_the_table(target, dataset):
    target.load(cleaned(ref("a"), [price(**WILD), price("oops!")], dataset), dataset=dataset)
    results = (Refusal(ref("a", "v2", 1), "undecodable", "garbage"), Refusal(ref("b"), "archived", "cold"))
    receipt = target.load(*results, dataset=dataset)

    assert target.symbols() == "AAPL"
    assert (len(target.anomalies()), len(target.quarantine()), receipt.replaced) == (1, 1, 0)
    assert [line[:3] for line in target.ledger()] == [
        ("a", "v1", "loaded"),
        ("a", "v2", "refused"),
        ("b", "v1", "refused"),
    ]


@REPLACING
def test_an_empty_object_is_a_delivery_of_no_rows(target, dataset):
    target.load(cleaned(ref("a"), [price()], dataset), dataset=dataset)
    part = replace(cleaned(ref("b", minutes=1), [price()], dataset), **_nothing(dataset))
    receipt = target.load(part, dataset=dataset)

    assert (target.prices(), receipt.replaced) == ([], 1)


@REPLACING
def test_replacing_anomalies_leaves_the_detected_ones(target, dataset):
    outside = of(ANOMALIES, dataset.mode)
    found = {"symbol": "AAPL", "timestamp": day(2), "anomaly_type": "gap", "severity": "low", "value": 1}
    target.load(cleaned(ref("p"), [price(**WILD)]))
    for key in "xy":
        receipt = target.load(cleaned(ref(key), [found], outside), dataset=outside)

    detected = ("extreme_price_movement", "etl_daemon:price_data", "p", 1)
    assert target.anomalies() == [detected, ("gap", "external", "y", 1)]
    assert receipt.replaced == 1
    target.load(cleaned(ref("q"), [price()], of(PRICES, dataset.mode)), dataset=of(PRICES, dataset.mode))
    assert target.anomalies() == [("gap", "external", "y", 1)]


def test_full_forgets_what_is_there_no_more(target):
    target.load(cleaned(ref("a"), [price()], FULL), cleaned(ref("b"), [price("MSFT")], FULL), dataset=FULL)
    target.load(Refusal(ref("c"), "undecodable", "x"), cleaned(ref("a"), [price()], FULL), dataset=FULL)

    assert target.symbols() == "AAPL"
    assert target.ledger() == [("a", "v1", "loaded", 1, 0), ("c", "v1", "refused", 0, 0)]
    known = target.destination.recall([FULL], "")["price_data"]
    assert (known.versions, known.refused) == ({"a": "v1", "c": "v1"}, {"c"})


def test_one_refused_object_refuses_its_delivery(target):
    target.load(cleaned(ref("old"), [price("OLD")], SNAPSHOT), dataset=SNAPSHOT)
    results = (cleaned(ref("a"), [price(), price("oops!")], SNAPSHOT), Refusal(ref("b"), "undecodable", "cut"))
    receipt = target.load(*results, dataset=SNAPSHOT)

    assert target.symbols() == "OLD"
    assert target.quarantine() == []
    assert {line.ref.key: (line.outcome, line.reason) for line in receipt.objects} == {
        "a": (Outcome.REFUSED, "delivery_incomplete"),
        "b": (Outcome.REFUSED, "undecodable"),
    }


def test_older_deliveries_are_entered_as_superseded(target):
    older = (ref("old1"), ref("old2"))
    part = cleaned(ref("new", minutes=1), [price()], SNAPSHOT)
    receipt = target.load(part, dataset=SNAPSHOT, superseded=older)

    assert [(line.ref.key, line.outcome, line.reason) for line in receipt.objects][1:] == [
        ("old1", Outcome.SUPERSEDED, "older_delivery"),
        ("old2", Outcome.SUPERSEDED, "older_delivery"),
    ]
    target.load(dataset=SNAPSHOT, superseded=(ref("old3"),))
    assert target.symbols() == "AAPL"
    known = target.destination.recall([SNAPSHOT], "")["price_data"]
    assert set(known.versions) == set(known.modified) == {"old1", "old2", "old3", "new"}
    assert known.modified["new"] == NOW + timedelta(minutes=1)
    assert known.refused == set()
