"""DataTransformer: the rules on frames of any make, which it never changes."""

from __future__ import annotations

import pandas as pd
import pytest

from etl_daemon import DataTransformer
from etl_daemon.core.rules.reasons import CODES
from etl_daemon.errors import ConfigError, DataError
from tests.support.rows import NOW, price

COUNTS = ["total_records", "valid_records", "invalid_records", "duplicate_records", "missing_values"]
FOUND = ["symbol", "timestamp", "anomaly_type", "severity", "value", "threshold", "description"]
DERIVED = ["price_change", "price_change_percent", "price_range", "price_range_percent", "typical_price"]
INDICATOR = {
    "symbol": "A",
    "timestamp": "2026-01-02",
    "rsi": 95.0,
    "macd": 1,
    "macd_signal": 2,
    "sma_20": 2,
    "sma_50": 1,
}
ANOMALY = {"symbol": "A", "timestamp": "2026-01-02", "anomaly_type": "gap", "severity": " HIGH", "value": "1.5"}
NAN = float("nan")


@pytest.fixture
def transformer() -> DataTransformer:
    return DataTransformer({}, clock=lambda: NOW)


def frame(rows: int = 3, **columns: object) -> pd.DataFrame:
    days = [f"2026-01-{1 + row % 5:02d}T{row // 5:02d}:00:00Z" for row in range(rows)]
    return pd.DataFrame([price(timestamp=day) for day in days]).assign(**columns)


def test_it_needs_nothing_and_takes_settings_or_a_mapping():
    row = pd.DataFrame([price(high=6000.0)])

    assert len(DataTransformer().validate_and_clean_price_data(row)[0]) == 1
    assert len(DataTransformer({"MAX_PRICE_VALUE": "5000"}).validate_and_clean_price_data(row)[0]) == 0
    with pytest.raises(ConfigError, match="MAX_PRICE_VALEU"):
        DataTransformer({"MAX_PRICE_VALEU": 5000})


def test_prices_come_out_typed_with_all_counts(transformer):
    given = pd.DataFrame(
        [
            price(" aapl ", "2026-01-02", close="10.25"),
            price("AAPL", "2026-01-02T00:00:00Z", close=10.5),
            price("MSFT", 20260102, close=None, open="x"),
            price("1", "2026-02-30", close=99, volume=-1),
        ]
    )
    clean, stats = transformer.validate_and_clean_price_data(given)

    assert list(stats) == [*COUNTS, *CODES]
    assert [stats[name] for name in COUNTS] == [4, 1, 2, 1, 1]
    assert {code: stats[code] for code in CODES if stats[code]} == dict.fromkeys(
        [
            "missing_field",
            "symbol_format",
            "timestamp_invalid",
            "price_not_numeric",
            "ohlc_relation",
            "volume_negative",
        ],
        1,
    )
    assert all(type(count) is int for count in stats.values())
    assert clean.to_dict("list") == {
        "symbol": ["AAPL"],
        "timestamp": [pd.Timestamp("2026-01-02", tz="UTC")],
        "open": [10.0],
        "high": [11.0],
        "low": [9.0],
        "close": [10.5],
        "volume": [100.0],
    }
    assert clean.index.tolist() == [1]
    assert {str(clean[name].dtype) for name in ("open", "high", "low", "close", "volume")} == {"float64"}
    assert str(clean["timestamp"].dtype) == "datetime64[us, UTC]"


def test_the_quarantine_holds_rows_as_they_came_in_and_only_of_the_last_call(transformer):
    given = frame(3, open=[1, "x", True], extra=["a", "b", "c"], symbol=["A", " b1", "c "]).set_index(
        "extra", drop=False
    )
    transformer.validate_and_clean_price_data(given)

    expected = given.iloc[[0, 1, 2]].assign(
        reasons=["ohlc_relation", "symbol_format,price_not_numeric", "price_not_numeric"]
    )
    pd.testing.assert_frame_equal(transformer.quarantined, expected, check_dtype=False)
    transformer.validate_and_clean_price_data(frame())
    assert list(transformer.quarantined.columns) == [*frame().columns, "reasons"]
    assert transformer.quarantined.empty


def test_indicators_and_anomalies(transformer):
    clean, stats = transformer.validate_and_clean_technical_indicators(
        pd.DataFrame([INDICATOR, {**INDICATOR, "rsi": 101}])
    )
    assert (len(clean), stats["rsi_range"], stats["valid_records"]) == (1, 1, 1)
    assert transformer.enrich_data(clean, "technical_indicators").iloc[0, -3:].tolist() == [
        "overbought",
        "bearish",
        "bullish",
    ]

    clean, stats = transformer.validate_and_clean_anomalies(pd.DataFrame([ANOMALY, {**ANOMALY, "severity": "x"}]))
    assert clean[["severity", "value"]].to_numpy().tolist() == [["high", 1.5]]
    assert (stats["severity_unknown"], stats["missing_values"]) == (1, 0)
    assert transformer.enrich_data(clean, "anomalies").equals(clean)
    assert list(transformer.detect_anomalies(clean, "anomalies").columns) == FOUND


@pytest.mark.parametrize(
    "index",
    [
        [7, 7, 7],
        list("zzx"),
        [None, NAN, "a"],
        pd.MultiIndex.from_tuples([(1, "a"), (1, "a"), (2, "b")], names=["n", None]),
        pd.DatetimeIndex(["2026-01-02"] * 3, name="when"),
        pd.RangeIndex(10, 4, -2),
    ],
)
def test_odd_indexes_come_back_and_inputs_stay_as_they_are(transformer, index):
    given = frame(3, symbol=["a", "1", "b"], note=[1, 2, 3], close=[10.5, 10.5, 1.0], low=[9.0, 9.0, 1.0]).set_index(
        index if isinstance(index, pd.Index) else pd.Index(index)
    )
    before = given.copy(deep=True)
    clean, _ = transformer.validate_and_clean_price_data(given)
    enriched = transformer.enrich_data(clean, "price_data")
    found = transformer.detect_anomalies(enriched, "price_data")

    pd.testing.assert_frame_equal(given, before)
    pd.testing.assert_index_equal(clean.index, given.index[[0, 2]])
    pd.testing.assert_index_equal(transformer.quarantined.index, given.index[[1]])
    assert clean["note"].tolist() == [1, 3]
    assert list(enriched.columns) == [*clean.columns, *DERIVED]
    assert found[["symbol", "value"]].to_numpy().tolist() == [["B", -90.0]]
    clean.iloc[0, 2] = -1.0
    transformer.quarantined.iloc[0, 2] = -1.0
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize("columns", [[], ["symbol"], list(price())])
@pytest.mark.parametrize("kind", ["price_data", "technical_indicators", "anomalies"])
def test_empty_frames(transformer, kind, columns):
    empty = pd.DataFrame(columns=columns)
    method = {"price_data": "price_data", "anomalies": "anomalies"}.get(kind, kind)
    clean, stats = getattr(transformer, f"validate_and_clean_{method}")(empty)

    assert clean.empty
    assert set(stats.values()) == {0}
    assert transformer.enrich_data(empty, kind).empty
    assert list(transformer.detect_anomalies(empty, kind).columns) == FOUND


@pytest.mark.parametrize("call", ["validate", "enrich_data", "detect_anomalies"])
def test_missing_doubled_and_unknown_are_refused(transformer, call):
    for given, reason in (
        (frame().drop(columns="close"), "missing_columns"),
        (pd.concat([frame(), frame()[["close"]]], axis="columns"), "ambiguous_columns"),
        (frame().rename(columns={"symbol": "Ticker"}).assign(name="A"), "ambiguous_columns"),
    ):
        with pytest.raises(DataError) as caught:
            getattr(transformer, call)(given, "price_data")
        assert caught.value.reason == reason
        assert caught.value.hint
    with pytest.raises(ConfigError, match="price_data"):
        getattr(transformer, call)(frame(), "prices")


def test_aliases_in_any_case_and_extra_columns_of_any_name(transformer):
    given = frame().rename(columns={"symbol": "Ticker", "timestamp": "DATE", "close": " Close "})
    given = given.assign(**{"Adj Close": 1.0, "symbol_id": 2})
    given[5] = "five"
    clean, _ = transformer.validate_and_clean_price_data(given)

    assert list(clean.columns) == [*frame().columns, "Adj Close", "symbol_id", 5]
    assert len(transformer.validate_and_clean_price_data(clean)[0]) == 3


def test_many_rows_and_the_same_call_again(transformer):
    rows = 200_000
    given = pd.DataFrame(price(), index=range(rows)).assign(timestamp=pd.date_range("2000", periods=rows, freq="min"))
    given.loc[::10, "close"] = 99.0
    first, stats = transformer.validate_and_clean_price_data(given)
    second, again = transformer.validate_and_clean_price_data(given)

    assert (stats["valid_records"], stats["ohlc_relation"]) == (180_000, 20_000)
    assert again == stats
    pd.testing.assert_frame_equal(first, second)
    assert transformer.validate_and_clean_price_data(first)[1]["valid_records"] == 180_000


def test_rows_of_any_columns_are_judged_and_stay_as_they_came(tmp_path):
    (tmp_path / "datasets.toml").write_text(
        "[datasets.trades]\nprefix = 'p'\ntable = 's.t'\nprimary_key = ['id']\ntypes = { price = 'NUMBER(20,4)' }\n"
    )
    transformer = DataTransformer({"ETL_DATASETS_FILE": str(tmp_path / "datasets.toml")})
    frame = pd.DataFrame(
        {"id": [1, 1, 2, None], "price": ["2.5", "3", "x", "5"], "_object_key": "k"}, index=list("abcd")
    )
    clean, stats = transformer.validate(frame, "trades")
    assert clean.equals(frame.loc[["b"]])
    assert {name: count for name, count in stats.items() if count} == {
        "total_records": 4,
        "valid_records": 1,
        "invalid_records": 2,
        "duplicate_records": 1,
        "missing_values": 1,
        "missing_field": 1,
        "type_mismatch": 1,
    }
    assert transformer.quarantined["reasons"].tolist() == ["type_mismatch", "missing_field"]
    assert transformer.enrich_data(clean, "trades").equals(clean)
    assert transformer.detect_anomalies(clean, "trades").empty
