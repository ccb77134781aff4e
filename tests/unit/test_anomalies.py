"""Flags on accepted rows: thresholds, the outliers of a symbol, and how severe."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from etl_daemon import DataTransformer
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.anomalies import SEVERITIES, Found, price_anomalies, rsi_anomalies
from tests.support.rows import INDICATORS, NOW, PRICES, cleaned, price, ref

SPREAD = [10.0, 11.0, 12.0]  # median 11, MAD 1 when repeated


def frame(rows: int, **columns: object) -> pd.DataFrame:
    return pd.DataFrame([price(timestamp=f"2026-01-01T{row:02d}:00:00Z") for row in range(rows)]).assign(**columns)


def outliers(close, symbols=None, rules=None, change=None) -> list[tuple[int, float]]:
    close = np.array(close, float)
    codes = np.zeros(len(close), np.int32) if symbols is None else np.array(symbols, np.int32)
    moves = np.zeros(len(close)) if change is None else np.array(change, float)
    movement, outlier = price_anomalies(codes, close, moves, rules or Rules(move_percent=1e9))
    assert (movement.anomaly_type, outlier.anomaly_type) == ("extreme_price_movement", "price_outlier")
    return list(zip(outlier.rows.tolist(), outlier.value.tolist(), strict=True))


def severities(found: Found) -> list[str]:
    return [SEVERITIES[index] for index in found.severity]


@pytest.mark.parametrize(
    ("change", "severity"),
    [
        (19.99999999, None),
        (20, "low"),
        (-20, "low"),
        (-19.99999999, None),
        (29.99, "low"),
        (30, "medium"),
        (39.99, "medium"),
        (40, "high"),
        (60, "critical"),
        (-99, "critical"),
        (np.nan, None),
    ],
)
def test_a_move_at_the_threshold_is_flagged_on_a_single_row(change, severity):
    movement, _ = price_anomalies(np.zeros(1, np.int32), np.array([10.0]), np.array([change], float), Rules())

    assert severities(movement) == ([severity] if severity else [])
    assert movement.value.tolist() == ([change] if severity else [])


@pytest.mark.parametrize(("close", "flagged"), [(12.0, True), (11.99999999, False), (8.0, True), (8.00000001, False)])
def test_the_threshold_holds_on_prices(close, flagged):
    found = cleaned(ref("a"), [price(close=close, high=13.0, low=7.0)]).anomalies.to_pylist()

    assert len(found) == flagged
    if flagged:
        assert found[0] | {"TIMESTAMP": None} == {
            "SYMBOL": "AAPL",
            "TIMESTAMP": None,
            "ANOMALY_TYPE": "extreme_price_movement",
            "SEVERITY": "low",
            "VALUE": Decimal(20) if close > 10 else Decimal(-20),
            "THRESHOLD": Decimal(20),
            "DESCRIPTION": f"extreme price movement: {20 if close > 10 else -20} is beyond 20",
            "DETECTED_BY": "etl_daemon:price_data",
            "_OBJECT_ROW": 1,
        }


@pytest.mark.parametrize("offset", [0.0, -2000.0, 1e11])
@pytest.mark.parametrize(("rows", "flagged"), [(19, False), (20, True), (21, True)])
def test_outliers_show_from_twenty_rows_on(rows, flagged, offset):
    close = [*(SPREAD * 7)[: rows - 1], 1000.0]
    expected = [(rows - 1, 1000.0 + offset)] if flagged else []

    assert outliers(np.array(close) + offset) == expected


@pytest.mark.parametrize(("close", "flagged"), [(16.18, False), (16.2, True), (5.82, False), (5.8, True)])
def test_the_robust_z_score_counts_both_ways(close, flagged):
    # 3.5 / 0.6745 = 5.189 from the median 11
    assert bool(outliers([*SPREAD * 7, close])) is flagged


def test_the_score_is_a_setting():
    close = [*SPREAD * 7, 14.0]

    assert outliers(close) == []
    assert outliers(close, rules=Rules(outlier_z=2.0)) == [(21, 14.0)]


def test_without_spread_nothing_is_an_outlier():
    assert outliers([10.0] * 30 + [1000.0]) == []


def test_each_symbol_has_a_median_of_its_own():
    close = [*SPREAD * 7, 1000.0, *(np.array(SPREAD * 7) + 989.0), 11.0, *([5.0] * 19)]
    symbols = [0] * 22 + [2] * 22 + [1] * 19
    order = np.random.default_rng(3).permutation(len(close))

    assert outliers(close, symbols) == [(21, 1000.0), (43, 11.0)]
    mixed = outliers(np.array(close)[order], np.array(symbols)[order])
    assert sorted(order[row] for row, _ in mixed) == [21, 43]


@pytest.mark.parametrize("method", ["mad", "quantile"])
def test_unknown_values_neither_count_nor_show(method):
    rules = Rules(outlier_method=method)
    close, change = [*SPREAD * 6, 1000.0], [*[1.0] * 18, 15.0]

    assert outliers([*close, np.nan], rules=rules, change=[*change, np.nan]) == []
    assert len(outliers([np.nan, *close, 11.0], rules=rules, change=[np.nan, *change, 1.0])) == 1


def test_the_quantile_takes_the_five_percent_of_greatest_moves():
    change = [*range(1, 20), -20]
    rules = Rules(move_percent=1e9, outlier_method="quantile")

    assert outliers([10.0] * 20, rules=rules, change=change) == [(19, 20.0)]
    assert outliers([10.0] * 19, rules=rules, change=change[:-1]) == []
    assert outliers([10.0] * 20, rules=rules, change=[5] * 20) == []


def test_the_threshold_of_an_outlier_is_the_price_it_passed():
    close = np.array([*SPREAD * 7, 1000.0, 1.0])
    _, found = price_anomalies(np.zeros(23, np.int32), close, np.zeros(23), Rules())
    reach = 3.5 / 0.6745

    assert found.threshold.tolist() == pytest.approx([11 + reach, 11 - reach])
    assert found.ratio.tolist() == pytest.approx([989 / reach, 10 / reach])


@pytest.mark.parametrize(
    ("rsi", "severity"),
    [
        (10, None),
        (9.9999, "low"),
        (7.5, "medium"),
        (5, "high"),
        (0, "critical"),
        (90, None),
        (90.0001, "low"),
        (92.5, "medium"),
        (95, "high"),
        (100, "critical"),
        (50, None),
        (np.nan, None),
    ],
)
def test_extreme_rsi_at_its_borders(rsi, severity):
    (found,) = rsi_anomalies(np.array([rsi], float))

    assert severities(found) == ([severity] if severity else [])
    assert found.threshold.tolist() == ([10.0 if rsi < 10 else 90.0] if severity else [])


def test_indicator_anomalies_point_at_their_row():
    rows = [
        {"symbol": s, "timestamp": "2026-01-02", "rsi": rsi, "macd": 1.0, "sma_20": 1.0, "sma_50": 1.0}
        for s, rsi in (("1", 5.0), ("A", 50.0), ("B", 5.0))
    ]
    found = cleaned(ref("a"), rows, INDICATORS).anomalies.to_pylist()

    assert [(row["SYMBOL"], row["ANOMALY_TYPE"], row["SEVERITY"], row["_OBJECT_ROW"]) for row in found] == [
        ("B", "extreme_rsi", "high", 3)
    ]


def test_only_rows_that_stay_are_flagged():
    rows = [price(close=1.0, low=1.0), price(close=10.0), price("MSFT", close=1.0, low=0.001)]

    assert cleaned(ref("a"), rows, PRICES).anomalies.num_rows == 0


def test_no_rows_have_no_anomalies():
    found = price_anomalies(np.zeros(0, np.int32), np.zeros(0), np.zeros(0), Rules())
    assert [len(each.rows) for each in found] == [0, 0]


def test_raw_frames_are_enriched_and_searched_where_they_can_be():
    transformer = DataTransformer(clock=lambda: NOW)
    given = frame(24, close=[*[10.0, 10.5, 11.0] * 7, 1e6, None, "x"]).astype({"open": object, "symbol": object})
    given.loc[0, "open"], given.loc[1, "open"], given.loc[2, "symbol"] = 0, 1e308, None
    enriched = transformer.enrich_data(given, "price_data")
    found = transformer.detect_anomalies(given, "price_data")

    assert enriched["price_change"].isna().tolist() == [False] * 22 + [True] * 2
    assert enriched["price_change_percent"].isna().tolist() == [True] + [False] * 21 + [True] * 2
    assert found[["anomaly_type", "value"]].to_numpy().tolist() == [
        ["extreme_price_movement", -100.0],
        ["extreme_price_movement", 9999900.0],
        ["price_outlier", 1e6],
    ]


def test_settings_reach_detection():
    given = frame(20, close=[*[10.0] * 19, 10.9])
    counts = [
        len(DataTransformer(config).detect_anomalies(given, "price_data"))
        for config in ({}, {"EXTREME_MOVE_PERCENT": 9}, {"OUTLIER_METHOD": "quantile"})
    ]
    assert counts == [0, 1, 1]
