"""A slice after the rules: exact values, the last of each key, and every row accounted for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core.datasets import PRICE
from etl_daemon.core.model import Counts
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean
from etl_daemon.core.rules.target import SHORT
from tests.support.rows import ANOMALIES, INDICATORS, PRICES, appending, cleaned, price, raw, ref

NAMES = ("OPEN_PRICE", "HIGH_PRICE", "LOW_PRICE", "CLOSE_PRICE")


def anomaly(**more):
    row = {"symbol": "AAPL", "timestamp": "2026-01-02", "anomaly_type": "gap", "severity": "low", "value": 1.0}
    return {**row, **more}


def indicator(**more):
    row = {"symbol": "AAPL", "timestamp": "2026-01-02", "rsi": 50.0, "macd": 0.5, "sma_20": 10.0, "sma_50": 9.0}
    return {**row, **more}


def test_the_columns_and_types_are_those_of_the_target():
    accepted = cleaned(ref("a"), [price(source="feed")]).accepted

    assert accepted.schema.names == [*PRICES.schema.target.names, "_OBJECT_ROW"]
    for field in PRICES.schema.target:
        kind = accepted.schema.field(field.name).type
        wanted = SHORT if field.type == PRICE else field.type
        assert (kind.value_type if pa.types.is_dictionary(kind) else kind) == wanted
    assert accepted.to_pylist()[0] == {
        "SYMBOL": "AAPL",
        "TIMESTAMP": datetime(2026, 1, 2, 15),  # noqa: DTZ001 - the target's type has no zone
        "OPEN_PRICE": 10,
        "HIGH_PRICE": 11,
        "LOW_PRICE": 9,
        "CLOSE_PRICE": Decimal("10.5"),
        "VOLUME": 100,
        "SOURCE": "feed",
        "PRICE_CHANGE": Decimal("0.5"),
        "PRICE_CHANGE_PERCENT": 5,
        "PRICE_RANGE": 2,
        "PRICE_RANGE_PERCENT": 20,
        "TYPICAL_PRICE": Decimal("10.16666667"),
        "_OBJECT_ROW": 1,
    }


@pytest.mark.parametrize(
    ("least", "greatest", "type_", "percent"),
    [
        ("0.01", "1000000", SHORT, Decimal(9999999900)),
        ("0.01", "1000000.01", PRICE, Decimal(10_000_000_000)),
        ("0.000000014", "0.9", SHORT, Decimal(8999999900)),  # the least price is stored as 0.00000001
        ("0.000000014", "1.00000001", PRICE, Decimal(10_000_000_000)),
        ("100", "9999999999", SHORT, Decimal(9_999_999_899)),
        ("100", "9999999999.99999999", PRICE, Decimal(9_999_999_900)),  # whose double is one digit longer
    ],
)
def test_prices_are_as_narrow_as_their_limits_let_them_be(least, greatest, type_, percent):
    opened, closed = float(least), float(greatest)
    rules = Rules(min_price=Decimal(least), max_price=Decimal(greatest))
    row = price(open=opened, low=opened, high=closed, close=closed)
    accepted = cleaned(ref("a"), [row], rules=rules).accepted
    assert accepted["PRICE_CHANGE_PERCENT"].to_pylist() == [percent]
    assert {accepted.schema.field(f.name).type for f in PRICES.schema.target if f.type == PRICE} == {type_}


@pytest.mark.parametrize(
    ("given", "stored", "rounded"),
    [
        ("10.12345678", "10.12345678", 0),
        ("999999.99999999", "999999.99999999", 0),
        (22.219999313354492, "22.21999931", 1),
        ("10.000000005", "10.00000000", 1),  # half-even
        ("10.000000015", "10.00000002", 1),
        ("10.0000000050001", "10.00000001", 1),
        (10.000000025, "10.00000002", 1),
        (Decimal("10.000000035"), "10.00000004", 1),
        ("0.01", "0.01000000", 0),
        (np.float32(18.9).item(), "18.89999962", 1),
    ],
)
def test_prices_are_exact_or_rounded_half_even_and_counted(given, stored, rounded):
    result = cleaned(ref("a"), [price(open=given, high=1_000_000, low=0.01, close=1)])

    assert result.accepted["OPEN_PRICE"].to_pylist() == [Decimal(stored)]
    assert result.rounded == rounded


@pytest.mark.parametrize(
    "volume",
    ["0", "0.00000001", "2147483648", "90000000001.00000001", "92233720369.54775807", "12345678901234567890.12345678"],
)
def test_volumes_are_exact_up_to_twenty_digits_before_the_point(volume):
    result = cleaned(ref("a"), [price(volume=volume)])

    assert result.accepted["VOLUME"].to_pylist() == [Decimal(volume)]
    assert result.rounded == 0


@pytest.mark.parametrize("name", ["macd", "sma_20", "macd_signal"])
@pytest.mark.parametrize("value", [9.3e10, 2e11, 999_999_999_999.5, "123456789012.12345678"])
def test_large_indicators_arrive_as_they_are(name, value):
    accepted = cleaned(ref("a"), [indicator(**{name: value})], INDICATORS).accepted

    assert accepted[name.upper()].to_pylist() == [Decimal(str(value))]


def test_large_prices_arrive_where_the_settings_allow_them():
    row = price(open=2e11, high=3e11, low=1e11, close=250_000_000_000.5)
    accepted = cleaned(ref("a"), [row], rules=Rules(max_price=Decimal(10) ** 12 - 1)).accepted.to_pylist()[0]

    assert [accepted[name] for name in NAMES] == [Decimal(str(row[name])) for name in ("open", "high", "low", "close")]
    assert accepted["PRICE_CHANGE"] == Decimal("50000000000.5")


@pytest.mark.parametrize(("rsi", "stored"), [(33.33335, "33.3334"), (33.33345, "33.3334"), (100, "100"), (0, "0")])
def test_rsi_has_four_decimals(rsi, stored):
    assert cleaned(ref("a"), [indicator(rsi=rsi)], INDICATORS).accepted["RSI"].to_pylist() == [Decimal(stored)]


def test_series_that_warm_up_stay_null():
    row = cleaned(ref("a"), [indicator(sma_20=None, sma_50=None, macd=None)], INDICATORS).accepted.to_pylist()[0]

    assert (row["RSI"], row["MACD"], row["SMA_20"], row["SMA_TREND"]) == (Decimal(50), None, None, None)


SPELLINGS = [
    (" aapl ", "2026-01-02"),
    ("AAPL", "2026-01-02T00:00:00Z"),
    ("Aapl\t", "20260102"),
    ("aapl", "1767312000"),
    ("AAPL", "1767312000000"),
    ("aAPL", "2026-01-02 02:00:00+02:00"),
]


@pytest.mark.parametrize("shift", range(len(SPELLINGS)))
def test_the_last_row_of_a_key_wins_however_the_key_is_written(shift):
    order = [*SPELLINGS[shift:], *SPELLINGS[:shift]]
    rows = [price(symbol, timestamp, close=10 + index / 10) for index, (symbol, timestamp) in enumerate(order)]
    result = cleaned(ref("a"), rows)

    assert result.accepted["CLOSE_PRICE"].to_pylist() == [Decimal("10.5")]
    assert result.accepted["_OBJECT_ROW"].to_pylist() == [6]
    assert result.counts == Counts(read=6, loaded=1, superseded=5)


def test_only_fit_rows_supersede():
    rows = [price(close=10.1), price(close=10.2), price(close=99.0), price("MSFT"), price("x1")]
    result = cleaned(ref("a"), rows)

    assert result.accepted.select(["SYMBOL", "CLOSE_PRICE"]).to_pylist() == [
        {"SYMBOL": "AAPL", "CLOSE_PRICE": Decimal("10.2")},
        {"SYMBOL": "MSFT", "CLOSE_PRICE": Decimal("10.5")},
    ]
    assert result.quarantined["OBJECT_ROW"].to_pylist() == [3, 5]
    assert result.quarantined["RAW"].to_pylist() == [repr(rows[2]), repr(rows[4])]
    assert result.counts == Counts(read=5, loaded=2, quarantined=2, superseded=1)


def test_keys_that_differ_by_a_microsecond_or_centuries_stay_apart():
    times = ["2026-01-02T00:00:00.000001Z", "2026-01-02", "0001-01-01", "1700-06-01T00:00:00.5Z", "2026-01-02"]
    result = cleaned(ref("a"), [price(timestamp=time) for time in times])

    assert result.accepted["_OBJECT_ROW"].to_pylist() == [1, 3, 4, 5]


def test_append_keeps_every_fit_row():
    result = cleaned(ref("a"), [price(), price(), price("1")], appending(PRICES))
    assert result.counts == Counts(read=3, loaded=2, quarantined=1)


@pytest.mark.parametrize("unfit", [{"anomaly_type": None}, {"severity": "x"}, {"value": None}])
def test_anomalies_are_told_apart_by_type(unfit):
    rows = [anomaly(**unfit), anomaly(), anomaly(anomaly_type="spike"), anomaly(severity=" HIGH "), anomaly(symbol="X")]
    result = cleaned(ref("a"), rows, ANOMALIES)

    assert [(row["ANOMALY_TYPE"], row["SEVERITY"], row["_OBJECT_ROW"]) for row in result.accepted.to_pylist()] == [
        ("spike", "low", 3),
        ("gap", "high", 4),
        ("gap", "low", 5),
    ]
    assert set(result.accepted["DETECTED_BY"].to_pylist()) == {"external"}
    assert result.counts == Counts(read=5, loaded=3, quarantined=1, superseded=1)


def test_a_malformed_line_has_one_reason_and_the_others_go_on():
    rows = [price(), dict.fromkeys(price()), price("MSFT")]
    result = clean(raw(ref("a"), rows, malformed=[1]), PRICES, Rules())

    assert result.quarantined["REASONS"].to_pylist() == ["undecodable"]
    assert result.reasons == {"undecodable": 1}
    assert result.counts == Counts(read=3, loaded=2, quarantined=1)


def test_rows_are_numbered_by_their_place_in_the_object():
    rows = [price(), price("x1"), price("MSFT")]
    later = clean(replace(raw(ref("a"), rows), first_row=101), PRICES, Rules())
    skipping = clean(replace(raw(ref("a"), rows), ordinals=np.array([5, 9, 20])), PRICES, Rules())

    assert later.accepted["_OBJECT_ROW"].to_pylist() == [101, 103]
    assert later.quarantined["OBJECT_ROW"].to_pylist() == [102]
    assert skipping.accepted["_OBJECT_ROW"].to_pylist() == [5, 20]
    assert skipping.quarantined["OBJECT_ROW"].to_pylist() == [9]


def test_timestamps_are_cut_to_microseconds_and_counted():
    rows = [price(timestamp=f"2026-01-02T00:00:00.12345{last}Z") for last in ("6789", "6000", "7", "8")]
    result = cleaned(ref("a"), rows)

    assert [each.microsecond for each in result.accepted["TIMESTAMP"].to_pylist()] == [123456, 123457, 123458]
    assert result.truncated == 1


def test_options_of_the_dataset_reach_the_parsers():
    row = price(timestamp="02.01.2026", volume="1,234.5")
    loose = replace(PRICES, timestamp_formats=("%d.%m.%Y",), thousands_separators=True)

    assert cleaned(ref("a"), [row]).reasons == {"timestamp_invalid": 1, "volume_invalid": 1}
    assert cleaned(ref("a"), [row], loose).accepted["VOLUME"].to_pylist() == [Decimal("1234.5")]


@pytest.mark.parametrize("dataset", [PRICES, INDICATORS, ANOMALIES])
def test_no_rows_give_an_empty_slice(dataset):
    result = clean(replace(raw(ref("a"), []), table=pa.table({"symbol": pa.array([], pa.string())})), dataset, Rules())

    assert result.counts == Counts()
    assert result.accepted.schema.names == [*dataset.schema.target.names, "_OBJECT_ROW"]
    assert (len(result.accepted), len(result.quarantined), len(result.anomalies)) == (0, 0, 0)
