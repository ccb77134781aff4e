"""Derived values: exact where the prices are, half-even at eight decimals, unknown where a value is."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from etl_daemon import DataTransformer
from etl_daemon.core.datasets import Kind
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.enrich import enrich
from tests.support.rows import INDICATORS, NOW, cleaned, price, ref

NAN = float("nan")
DERIVED = ("price_change", "price_change_percent", "price_range", "price_range_percent", "typical_price")


def prices(opened, high, low, close) -> list[float]:
    columns = {"open": opened, "high": high, "low": low, "close": close}
    derived = enrich(Kind.PRICES, {name: np.array([value], float) for name, value in columns.items()})
    assert tuple(derived) == DERIVED
    return [float(derived[name][0]) for name in DERIVED]


def signals(**columns) -> list[str | None]:
    names = ("rsi", "macd", "macd_signal", "macd_histogram", "sma_20", "sma_50")
    derived = enrich(Kind.INDICATORS, {name: np.array([columns.get(name, NAN)], float) for name in names})
    assert tuple(derived) == ("rsi_signal", "macd_signal_type", "sma_trend")
    return [column.to_pylist()[0] for column in derived.values()]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((10, 12, 9, 11), [1, 10, 3, 30, 10.66666667]),
        ((0.1, 0.3, 0.1, 0.3), [0.2, 200, 0.2, 200, 0.23333333]),
        ((10, 10, 10, 10), [0, 0, 0, 0, 10]),
        ((1000000, 1000000, 0.01, 0.01), [-999999.99, -99.999999, 999999.99, 99.999999, 333333.34]),
        ((0.01, 1000000, 0.01, 1000000), [999999.99, 9999999900, 999999.99, 9999999900, 666666.67]),
        ((3, 4, 2, 2), [-1, -33.33333333, 2, 66.66666667, 2.66666667]),
        ((999999.99999999, 1000000, 999999.99999998, 1000000), [1e-8, 0, 2e-8, 0, 999999.99999999]),
    ],
)
def test_formulas(row, expected):
    assert prices(*row) == expected


@pytest.mark.parametrize(
    ("opened", "close", "percent"),
    [
        (20.48, 20.49, 0.04882812),  # 0.048828125 exactly: a tie goes to the even digit
        (20.48, 20.51, 0.14648438),  # 0.146484375
        (20.48, 20.47, -0.04882812),
        (20.48, 20.45, -0.14648438),
        (64, 64.00000008, 0.00000012),  # 0.000000125
        (64, 64.00000024, 0.00000038),  # 0.000000375
        (40.96, 40.98, 0.04882812),
        (512, 512.17, 0.03320312),  # 0.033203125, but not by a quotient of doubles
        (2560, 2560.43, 0.01679688),  # 0.016796875, likewise
        (-512, -512.17, 0.03320312),
        (-20.48, -20.49, 0.04882812),
    ],
)
def test_percentages_half_way_go_to_the_even_digit(opened, close, percent):
    high, low = max(opened, close), min(opened, close)
    assert prices(opened, high, low, close)[1] == percent


def test_finer_prices_are_rounded_before_they_are_subtracted():
    rows = [price(open=22.219999313354492, close=v, high=30, low=1.000000005) for v in (22.21999930999, 22.219999315)]
    for index, row in enumerate(rows):
        row["timestamp"] = f"2026-01-0{index + 1}"
    for row in cleaned(ref("a"), rows).accepted.to_pylist():
        assert row["PRICE_CHANGE"] == row["CLOSE_PRICE"] - row["OPEN_PRICE"]
        assert row["PRICE_RANGE"] == row["HIGH_PRICE"] - row["LOW_PRICE"] == Decimal(29)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((0, 3, 0, 3), [3, None, 3, None, 2]),
        ((0, 0, 0, 0), [0, None, 0, None, 0]),
        ((NAN, 3, 1, 2), [None, None, 2, None, 2]),
        ((1, NAN, 1, 2), [1, 100, None, None, None]),
        ((1, 3, 1, NAN), [None, None, 2, 200, None]),
        ((NAN, NAN, NAN, NAN), [None] * 5),
        ((-37.5, 0, -40, -30), [7.5, -20, 40, -106.66666667, -23.33333333]),
        ((2e11, 3e11, 1e11, 2.5e11), [5e10, 25, 2e11, 100, 650e9 / 3]),
        ((5e307, 1e308, 5e307, 1e308), [5e307, 100, 5e307, 100, None]),
    ],
)
def test_unknown_values_and_prices_out_of_the_usual_range(row, expected):
    known = [NAN if value is None else value for value in expected]
    assert prices(*row) == pytest.approx(known, rel=1e-15, nan_ok=True)


@pytest.mark.parametrize(
    ("least", "row", "percent"),
    [
        ("0", {"open": 0, "low": 0}, None),
        ("0", {"open": 1e-8, "low": 1e-8, "close": 1e6, "high": 1e6}, None),  # 1e16 is more than NUMBER(20,8) holds
        ("-100", {"open": -37.5, "low": -40, "close": -30}, Decimal(-20)),
    ],
)
def test_a_percentage_that_is_none_or_does_not_fit_is_null_in_the_target(least, row, percent):
    accepted = cleaned(ref("a"), [price(**row)], rules=Rules(min_price=Decimal(least))).accepted

    assert accepted["PRICE_CHANGE_PERCENT"].to_pylist() == [percent]


@pytest.mark.parametrize(
    ("rsi", "signal"),
    [
        (0, "oversold"),
        (29.99999999, "oversold"),
        (30, "neutral"),
        (50, "neutral"),
        (70, "neutral"),
        (70.00000001, "overbought"),
        (100, "overbought"),
        (NAN, None),
    ],
)
def test_rsi_signal_at_its_borders(rsi, signal):
    assert signals(rsi=rsi) == [signal, None, None]


@pytest.mark.parametrize(
    ("columns", "signal"),
    [
        ({"macd_histogram": 1e-9}, "bullish"),
        ({"macd_histogram": 0.0}, "neutral"),
        ({"macd_histogram": -0.0}, "neutral"),
        ({"macd_histogram": -1e-9}, "bearish"),
        ({"macd_histogram": -1, "macd": 5, "macd_signal": 1}, "bearish"),
        ({"macd": 1.5, "macd_signal": 1.0}, "bullish"),
        ({"macd": 0.3, "macd_signal": 0.3}, "neutral"),
        ({"macd": -0.5, "macd_signal": 0.25}, "bearish"),
        ({"macd": 1.5}, None),
        ({"macd_signal": 1.5}, None),
        ({}, None),
    ],
)
def test_macd_signal_type_by_the_sign_of_the_histogram(columns, signal):
    assert signals(**columns) == [None, signal, None]


@pytest.mark.parametrize(
    ("short", "long", "trend"),
    [
        (10.00000001, 10, "bullish"),
        (10, 10, "neutral"),
        (10, 10.00000001, "bearish"),
        (NAN, 10, None),
        (10, NAN, None),
    ],
)
def test_sma_trend(short, long, trend):
    assert signals(sma_20=short, sma_50=long) == [None, None, trend]


def test_signals_arrive_as_text_or_null_in_the_target():
    rows = [
        {"symbol": s, "timestamp": "2026-01-02", "rsi": rsi, "macd": 1.0, "sma_20": 2.0, "sma_50": 2.0}
        for s, rsi in (("A", 10.0), ("B", None))
    ]
    table = cleaned(ref("a"), rows, INDICATORS).accepted.select(["RSI_SIGNAL", "MACD_SIGNAL_TYPE", "SMA_TREND"])

    assert [list(row.values()) for row in table.to_pylist()] == [["oversold", None, "neutral"], [None, None, "neutral"]]


def test_anomalies_and_no_rows_derive_nothing():
    assert enrich(Kind.ANOMALIES, {"value": np.array([1.0])}) == {}
    derived = enrich(Kind.PRICES, dict.fromkeys(("open", "high", "low", "close"), np.zeros(0)))
    assert [len(values) for values in derived.values()] == [0] * 5


def test_thousands_separators_hold_for_all_calls(tmp_path):
    options = tmp_path / "datasets.toml"
    options.write_text("[datasets.price_data]\nthousands_separators = true\n")
    transformer = DataTransformer({"ETL_DATASETS_FILE": str(options)}, clock=lambda: NOW)
    given = pd.DataFrame([price(open="1,000", high="1,500.5", low="999", close="1,400")])

    assert transformer.validate_and_clean_price_data(given)[1]["valid_records"] == 1
    assert transformer.enrich_data(given, "price_data")["price_change_percent"].tolist() == [40.0]
    assert transformer.detect_anomalies(given, "price_data")["value"].tolist() == [40.0]
