"""Each rule and its bounds: a row's changes, and all the reasons that it then carries, in their order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from etl_daemon.core.policy import SYMBOL_PATTERNS, Rules
from etl_daemon.core.rules.clean import clean
from tests.support.rows import ANOMALIES, INDICATORS, NOW, PRICES, price, raw, ref

INF, NAN = float("inf"), float("nan")
INDICATOR = {"symbol": "AAPL", "timestamp": "2026-01-02", "rsi": 50.0, "macd": 0.5, "sma_20": 10.0, "sma_50": 9.0}
ANOMALY = {"symbol": "AAPL", "timestamp": "2026-01-02", "anomaly_type": "gap", "severity": "low", "value": 1.0}


def reasons_of(row, dataset=PRICES, rules=None) -> str:
    result = clean(raw(ref("a"), [row]), dataset, rules or Rules())
    codes = result.quarantined["REASONS"].to_pylist()
    assert result.counts.conserved
    assert len(codes) + len(result.accepted) == 1
    assert result.reasons == dict.fromkeys(codes[0].split(","), 1) if codes else not result.reasons
    return codes[0] if codes else ""


def flat(value: object) -> dict[str, object]:
    return dict.fromkeys(("open", "high", "low", "close"), value)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ""),
        *[({name: None}, "missing_field") for name in price()],
        *[({name: ""}, "missing_field") for name in ("symbol", "timestamp", "open", "volume")],
        *[({name: " \t"}, "missing_field") for name in ("symbol", "open", "volume")],
        ({"timestamp": " "}, "timestamp_invalid"),
        ({"source": None}, ""),
        # prices: what is a number
        *[({name: "x"}, "price_not_numeric") for name in ("open", "high", "low", "close")],
        *[({"open": v}, "price_not_numeric") for v in ("null", "NaN", "nan", "-inf", "1,0.5", "10 .5", "0x0a", "1_0")],
        *[({"open": v}, "price_not_numeric") for v in (NAN, INF, -INF, True, False, "true", "open", "1e400", "\uff11")],
        *[({"open": v}, "") for v in ("10.5", " 10.5 ", "+10.5", "1.05e1", "10.", 10, Decimal("10.5"))],
        # prices: both bounds are allowed
        *[(flat(v), "") for v in (0.01, "0.01", Decimal("0.01"), 1_000_000, 1_000_000.0, "1e6", "1000000.00000000")],
        *[(flat(v), "price_range") for v in (0, 0.0, -1, "-0.01", 0.00999999, 1_000_000.00000001, "1000000.01", 1e300)],
        # low <= open, close <= high, equality allowed
        (flat(5), ""),
        ({"open": 11, "close": 9}, ""),
        ({"open": 9, "close": 11}, ""),
        *[({name: v}, "ohlc_relation") for name in ("open", "close") for v in (8.99999999, 11.00000001)],
        ({"high": 8.5, "low": 9}, "ohlc_relation"),
        ({"high": 8, "low": 9, "open": None, "close": None}, "missing_field,ohlc_relation"),
        ({"low": 10.25, "open": None}, "missing_field"),
        # volumes
        *[({"volume": v}, "") for v in (0, 0.0, "0", "-0", 0.5, "0.00000001", 2**31, 10**11, "99999999999999900000.5")],
        *[({"volume": v}, "volume_negative") for v in (-1, "-0.00000001", -1e300)],
        *[({"volume": v}, "volume_invalid") for v in ("x", True, NAN, INF, -INF, "1,000", "1e999")],
        *[
            ({"volume": v}, "scale_overflow")
            for v in (1e20, "1e20", Decimal(10) ** 21, "100000000000000000000.5", 1e300)
        ],
        # symbols
        *[({"symbol": v}, "symbol_format") for v in ("AAPLXX", "BRK.B", "A1", "<>", 5, True, 1.5)],
        *[({"symbol": v}, "") for v in (" aapl ", "NA", "nan", "TRUE", "Inf", "NaT", "NULL")],
        # timestamps
        *[({"timestamp": v}, "timestamp_invalid") for v in ("x", "2026-02-30", "2026-13-01", "2025-06", True, INF)],
        *[({"timestamp": v}, "timestamp_invalid") for v in ("timestamp", "2026-01-02 ", "2026-01-02T24:00:00Z")],
        *[({"timestamp": v}, "") for v in ("2026-01-02", "2026/01/02", "20260102", 20260102, 1767312000, 1767312000.5)],
        *[({"timestamp": v}, "") for v in (-1, 0, "0001-01-01", 1767312000123, 1767312000123456789)],
    ],
)
def test_prices(more, expected):
    assert reasons_of(price(**more)) == expected


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (timedelta(days=1), ""),
        (timedelta(days=1, microseconds=1), "timestamp_future"),
        (timedelta(days=-365), ""),
        (timedelta(days=9999), "timestamp_future"),
    ],
)
def test_a_row_may_be_a_day_ahead_of_its_object(ahead, expected):
    assert reasons_of(price(timestamp=(NOW + ahead).isoformat())) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ""),
        *[({name: None}, "missing_field") for name in ("symbol", "timestamp")],
        *[({name: None}, "") for name in ("rsi", "macd", "sma_20", "sma_50", "macd_signal", "macd_histogram")],
        ({"rsi": None, "macd": None, "sma_20": None}, ""),
        (dict.fromkeys(("rsi", "macd", "sma_20", "sma_50")), "missing_field"),
        ({**dict.fromkeys(("rsi", "macd", "sma_20", "sma_50")), "macd_signal": 1.0}, "missing_field"),
        ({"rsi": "x", **dict.fromkeys(("macd", "sma_20", "sma_50"))}, "rsi_range"),
        *[({"rsi": v}, "") for v in (0, 100, "0", "100.0", 0.00001, Decimal("99.9999"))],
        *[({"rsi": v}, "rsi_range") for v in (-0.00001, 100.00001, "101", "x", True, NAN, INF, 1e300)],
        *[({"macd": v}, "") for v in (0, -5.5, "-0.1", 999_999_999_999, "-999999999999.99")],
        *[({name: v}, "macd_invalid") for name in ("macd", "macd_signal", "macd_histogram") for v in ("x", NAN, True)],
        *[({name: v}, "sma_not_positive") for name in ("sma_20", "sma_50") for v in (0, -1, "0", "x", INF, False)],
        ({"sma_20": 1e-8}, ""),
        *[({name: 1e12}, "scale_overflow") for name in ("macd", "macd_signal", "macd_histogram", "sma_20", "sma_50")],
        ({"sma_20": -1e12, "macd": "x", "rsi": 101}, "scale_overflow,rsi_range,macd_invalid,sma_not_positive"),
    ],
)
def test_indicators(more, expected):
    assert reasons_of({**INDICATOR, **more}, INDICATORS) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ""),
        *[({name: None}, "missing_field") for name in ANOMALY],
        *[({name: " "}, "missing_field") for name in ("anomaly_type", "severity", "value")],
        *[({"severity": v}, "") for v in ("low", "MEDIUM", "High", " critical ", "\tLow\n")],
        *[({"severity": v}, "severity_unknown") for v in ("info", "lowest", "hi gh", 1, True, "null")],
        *[({name: v}, "value_invalid") for name in ("value", "threshold") for v in (NAN, INF, "x", True, "1,5")],
        *[({"value": v}, "") for v in (0, -1.5, "1e3", 10**11, -(10**18))],
        *[({name: v}, "scale_overflow") for name in ("value", "threshold") for v in (1e20, -1e20)],
        ({"threshold": None, "description": None}, ""),
        ({"severity": "x", "value": "x", "symbol": "1"}, "symbol_format,severity_unknown,value_invalid"),
    ],
)
def test_anomalies(more, expected):
    assert reasons_of({**ANOMALY, **more}, ANOMALIES) == expected


def test_a_row_carries_all_its_reasons_in_the_order_of_the_codes():
    row = {"symbol": "1", "timestamp": "x", "open": "x", "high": 2e6, "low": 3e6, "close": None, "volume": -1}
    every = "missing_field,symbol_format,timestamp_invalid,price_not_numeric,price_range,ohlc_relation,volume_negative"

    assert reasons_of(row) == every
    assert reasons_of(dict(reversed(row.items()))) == every


@pytest.mark.parametrize(
    ("rules", "more", "expected"),
    [
        (Rules(min_price=Decimal(5)), {"low": 4.99}, "price_range"),
        (Rules(min_price=Decimal(9)), {"low": 9}, ""),
        (Rules(max_price=Decimal("10.99")), {}, "price_range"),
        (Rules(min_price=Decimal(-100)), {"low": -99.5}, ""),
        (Rules(min_volume=Decimal(100)), {"volume": 99.99}, "volume_negative"),
        (Rules(min_volume=Decimal(100)), {"volume": 100}, ""),
        (Rules(symbol_pattern=SYMBOL_PATTERNS["us_equity_classes"]), {"symbol": "brk.b"}, ""),
        (Rules(symbol_pattern=r"\d{4}"), {"symbol": 7203}, ""),
        (Rules(timezone="America/New_York"), {"timestamp": "2025-03-09 02:30"}, "timestamp_invalid"),
        (Rules(timezone="America/New_York"), {"timestamp": "2025-11-02 01:30"}, "timestamp_invalid"),
        (Rules(timezone="America/New_York"), {"timestamp": "2025-11-02T01:30Z"}, ""),
    ],
)
def test_rules_come_from_the_settings(rules, more, expected):
    assert reasons_of(price(**more), rules=rules) == expected


@pytest.mark.parametrize(
    ("more", "finer"),
    [
        ({"open": "10.12345678"}, False),
        ({"open": "10.123456780000"}, False),
        ({"open": "10.123456789"}, True),
        ({"close": 10.219999313354492}, True),
        ({"volume": "0.000000001"}, True),
        ({"volume": "12345678901.12345678"}, False),
        ({"volume": "12345678901.123456789"}, True),
        ({"volume": "99999999999.1234567891"}, True),
    ],
)
def test_finer_numbers_are_rounded_or_quarantined_as_set(more, finer):
    assert reasons_of(price(**more)) == ""
    assert reasons_of(price(**more), rules=Rules(scale_overflow="quarantine")) == ("scale_overflow" if finer else "")


def test_scale_overflow_spares_indicators_and_anomalies():
    rules = Rules(scale_overflow="quarantine")

    assert reasons_of({**INDICATOR, "rsi": 50.123456789, "macd": 0.123456789}, INDICATORS, rules) == ""
    assert reasons_of({**ANOMALY, "value": 0.123456789}, ANOMALIES, rules) == ""
