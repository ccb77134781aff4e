"""Columns are found by mapping, name and alias, in this order, and frames may hold them in any make."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from etl_daemon import DataTransformer
from etl_daemon.core.rules.columns import match_columns
from etl_daemon.errors import DataError
from tests.support.rows import ANOMALIES, INDICATORS, NOW, PRICES, price

EAST = timezone(timedelta(hours=5))
INF, NAN = float("inf"), float("nan")
BAD, GONE, UNFIT = "price_not_numeric", "missing_field", "symbol_format"
REST = ["open", "high", "low", "close", "volume"]


def found(names, dataset=PRICES, **options):
    return {column: match[0] for column, match in match_columns(names, dataset, **options).found.items()}


@pytest.mark.parametrize("symbol", ["symbol", "SYMBOL", " Symbol ", "ticker", "Ticker", "NAME", "\tname"])
@pytest.mark.parametrize("timestamp", ["timestamp", "TimeStamp", "date", "Date", "DATETIME", "Time "])
def test_names_and_aliases_in_any_case(symbol, timestamp):
    matching = match_columns([symbol, timestamp, *REST], PRICES)

    assert (matching.found["symbol"], matching.found["timestamp"]) == ((symbol,), (timestamp,))
    assert matching.missing == matching.extra == ()


def test_the_name_itself_comes_before_aliases():
    matching = match_columns(["Ticker", "symbol", "Date", "timestamp", "Time", *REST], PRICES)

    assert matching.found["symbol"] == ("symbol",)
    assert matching.found["timestamp"] == ("timestamp",)
    assert matching.extra == ("Ticker", "Date", "Time")


def test_the_mapping_comes_before_names_and_aliases():
    dataset = replace(PRICES, columns={"Adj Close": "close", "Instrument": "symbol"})
    matching = match_columns(["instrument", "symbol", "ticker", "date", "ADJ CLOSE ", "close", *REST[:3]], dataset)

    assert matching.found["symbol"] == ("instrument",)
    assert matching.found["close"] == ("ADJ CLOSE ",)
    assert matching.extra == ("symbol", "ticker", "close")
    assert matching.missing == ("volume",)


@pytest.mark.parametrize("name", ["name", "symbol", "Symbol"])
def test_a_mapped_name_stands_for_nothing_else(name):
    dataset = replace(PRICES, columns={"name": "source", "symbol": "source"})
    matching = match_columns([name, "date", *REST], dataset)

    assert matching.found["source"] == (name,)
    assert matching.missing == ("symbol",)


def test_an_exact_spelling_of_the_mapping_beats_another_case():
    dataset = replace(PRICES, columns={"Close": "close"})

    assert found(["close", "Close", "CLOSE"], dataset) == {"close": "Close"}


@pytest.mark.parametrize(
    "names",
    [
        ["ticker", "name"],
        ["symbol", "SYMBOL"],
        ["Date", "Time"],
        ["date", "Date "],
        ["datetime", "time", "date"],
        ["close", "Close"],
    ],
)
def test_two_that_serve_alike_are_refused_with_a_mapping_that_solves_it(names):
    with pytest.raises(DataError) as caught:
        match_columns(names, PRICES)

    assert caught.value.reason == "ambiguous_columns"
    assert all(repr(name) in str(caught.value) for name in names)
    columns = tomllib.loads(caught.value.hint[caught.value.hint.index("columns =") :])["columns"]
    solved = found(names, replace(PRICES, columns=columns))
    assert list(solved.values()) == [names[0]]


def test_json_lines_may_differ_from_row_to_row_and_the_best_spelling_comes_first():
    dataset = replace(PRICES, columns={"sym": "symbol"})
    names = ["name", "Symbol", "SYM", "ticker", "SYMBOL", "sym", "Ticker", "symbol"]
    best_first = ("sym", "SYM", "symbol", "SYMBOL", "Symbol", "ticker", "Ticker", "name")

    assert match_columns(names, dataset, per_row=True).found["symbol"] == best_first
    match_columns(names, PRICES, per_row=True).check()


def test_json_lines_with_two_aliases_and_nothing_better_are_ambiguous():
    matching = match_columns(["ticker", "name"], PRICES, per_row=True)

    with pytest.raises(DataError, match="ticker"):
        matching.check()
    match_columns(["ticker", "name", "SYMBOL"], PRICES, per_row=True).check()


@pytest.mark.parametrize(
    ("dataset", "required"),
    [
        (PRICES, ("symbol", "timestamp", *REST)),
        (INDICATORS, ("symbol", "timestamp", "rsi", "macd", "sma_20", "sma_50")),
        (ANOMALIES, ("symbol", "timestamp", "anomaly_type", "severity", "value")),
    ],
)
def test_required_columns_are_those_of_the_contract(dataset, required):
    assert match_columns(["x"], dataset).missing == required
    assert match_columns([*required, "x"], dataset) == match_columns(["x", *required], dataset)
    assert match_columns([*required, "x"], dataset).extra == ("x",)


def test_a_symbol_from_the_key_needs_no_column():
    dataset = replace(PRICES, symbol_from_key=r"(?P<symbol>[A-Z]+)\.csv")

    assert match_columns(["date", *REST], dataset).missing == ()
    assert found(["date", "ticker"], dataset)["symbol"] == "ticker"


# ---------------------------------------------------------------- what frames hold


def frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame([price(timestamp=f"2026-01-01T{row:02d}:00:00Z") for row in range(rows)])


def column(name: str, values: object, config: dict[str, object] | None = None) -> list[object]:
    """What becomes of each value of a column: the clean value, or the reasons of its row."""
    values = values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
    checked = DataTransformer(config, clock=lambda: NOW)
    given = frame(len(values)).assign(**{name: values})
    clean, stats = checked.validate_and_clean_price_data(given)
    assert stats["duplicate_records"] == 0
    rejected = checked.quarantined["reasons"]
    return [rejected[row] if row in rejected.index else clean[name][row] for row in given.index]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10.5, True, np.True_, "10.5"], [10.5, BAD, BAD, 10.5]),
        ([10, True], [10.0, BAD]),
        ([True, False], [BAD] * 2),
        ([Decimal("10.5"), Decimal("Infinity"), Decimal("NaN")], [10.5, BAD, GONE]),
        ([np.float32(10.5), np.int16(10), 2**70], [10.5, 10.0, "price_range,ohlc_relation"]),
        (["1,0.5", "null", "", " 10.5\n", INF, NAN], [BAD] * 2 + [GONE, 10.5, BAD, GONE]),
        ([b"10.5", b"\xff"], [10.5, BAD]),
        ([b"10.5", 10], [10.5, 10.0]),
        ([[10.5], {"a": 1}, 1j, date(2026, 1, 2), timedelta(1)], [BAD] * 5),
        ([[10.5]], [BAD]),
        (pd.Series([10, None], dtype="Int64"), [10.0, GONE]),
        (pd.Series(["10.5", None], dtype="string[pyarrow]"), [10.5, GONE]),
        (pd.Series([10.5, NAN], dtype="category"), [10.5, GONE]),
        (pd.Series([0.5, True, None], dtype=object).astype("category"), ["ohlc_relation", BAD, GONE]),
        (
            pd.Series([Decimal("10.123456789012345678")], dtype=pd.ArrowDtype(pa.decimal128(30, 18))),
            [10.123456789012346],
        ),
        (pd.Series(pd.interval_range(10, 11)).astype("category"), [BAD]),
    ],
)
def test_numbers_of_any_make(values, expected):
    assert column("open", values) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["AAPL", True, "TRUE", INF, NAN, None, " nan "], ["AAPL", UNFIT, "TRUE", UNFIT, *[GONE] * 2, "NAN"]),
        ([INF], [UNFIT]),
        ([["A"]], [UNFIT]),
        ([{"A": 1}], [UNFIT]),
        (["A\ud800", "B"], [UNFIT, "B"]),
        ([b"msft", b"\xff"], ["MSFT", UNFIT]),
        (pd.Series(["a", "NA", None], dtype="category"), ["A", "NA", GONE]),
        (pd.Series([True, False], dtype="category"), [UNFIT] * 2),
    ],
)
def test_symbols_of_any_make(values, expected):
    assert column("symbol", values) == expected


def test_timestamps_of_all_forms_in_one_column():
    day = pd.Timestamp("2026-01-02", tz="UTC")
    given = ["2026-01-02", 20260102, 20260102.0, "20260102", 1767312000, 1767312000000, 1767312000000000, 1.767312e18]
    given += [Decimal("1.767312E+9"), date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)]
    given += [np.datetime64("2026-01-02T00", "h")]
    given += [pd.Timestamp("2026-01-02T05:00", tz=EAST), np.datetime64("2026-01-02", "ns"), "2026/01/02 01:00+01:00"]
    given += [True, "2026-02-30", None, pd.NaT, np.datetime64("NaT", "ns"), "", datetime(2026, 1, 9, tzinfo=UTC)]
    symbols = [chr(65 + row) for row in range(len(given))]
    transformer = DataTransformer(clock=lambda: NOW)
    clean, _ = transformer.validate_and_clean_price_data(
        frame(len(given)).assign(symbol=symbols, timestamp=pd.Series(given, dtype=object))
    )

    assert clean["timestamp"].tolist() == [day] * 15
    assert transformer.quarantined["reasons"].tolist() == [
        *["timestamp_invalid"] * 2,
        *[GONE] * 4,
        "timestamp_future",
    ]


@pytest.mark.parametrize(
    ("values", "hours"),
    [
        ([date(2026, 1, 2), datetime(2026, 1, 2, 3)], [0, 8]),  # noqa: DTZ001 - a wall time is meant
        ([datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 9, tzinfo=EAST)], [8, 4]),  # noqa: DTZ001 - likewise
        ([pd.Timestamp("2026-01-02T09:00", tz=EAST), pd.Timestamp("2026-01-02T03:00")], [4, 8]),
        (pd.Series(pd.to_datetime(["2026-01-02 03:00"])), [8]),
        (pd.Series(pd.to_datetime(["2026-01-02 03:00"])).dt.tz_localize("Asia/Tokyo").astype("category"), [-6]),
        (pd.Series([date(2026, 1, 2)], dtype="category"), [0]),
    ],
)
def test_dates_keep_their_midnight_and_wall_times_get_the_zone_of_the_settings(values, hours):
    expected = [pd.Timestamp("2026-01-02", tz="UTC") + pd.Timedelta(hours=hour) for hour in hours]
    assert column("timestamp", values, {"SOURCE_TIMEZONE": "America/New_York"}) == expected


def test_prices_are_the_floats_of_their_text():
    texts = ["0.01000001", "999999.12345678", "22.21999931", "18.9", "0.1"]
    assert column("low", texts)[3:] == ["ohlc_relation", 0.1]
    assert column("volume", texts) == [float(text) for text in texts]
