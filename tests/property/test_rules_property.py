"""The rules against a reference that goes row by row in exact decimals, and values that arrive exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import RawSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean
from etl_daemon.core.rules.reasons import CODES
from tests.support.rows import ANOMALIES, INDICATORS, PRICES, price, ref

Row = dict[str, str | None]
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
EIGHT = Decimal("1e-8")
TIMES = {"2026-01-02": 1, "20260102": 1, "2026-01-02T00:00:00Z": 1, "1767312000": 1, "2026-01-03": 2, "2025-02-29": 0}
TIMES |= {"2026-01-06T12:00:00Z": 3, "2026-01-06T12:00:00.000001Z": -1, "x": 0}


def table(rows: list[Row], names: tuple[str, ...]) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def cleaned(rows: list[Row], dataset: Dataset, rules: Rules | None = None):
    def texts(positions: np.ndarray) -> pa.Array:
        return pa.array([repr(rows[place]) for place in positions.tolist()], pa.string())

    slice_ = RawSlice(ref("a"), 1, table(rows, dataset.schema.names), np.array([], np.int64), texts)
    return clean(slice_, dataset, rules or Rules())


def blank(text: str | None) -> bool:
    return text is None or not text.strip()


def number(text: str | None) -> Decimal | None:
    stripped = (text or "").strip()
    value = Decimal(stripped) if NUMBER.fullmatch(stripped) else None
    return value if value is not None and abs(value) < Decimal("1.7e308") else None


def unreadable(text: str | None) -> bool:
    return not blank(text) and number(text) is None


def common(row: Row) -> set[str]:
    symbol, time = row["symbol"], row["timestamp"]
    found = set()
    if not blank(symbol) and not re.fullmatch("[A-Z]{1,5}", symbol.strip().upper()):
        found.add("symbol_format")
    if time and TIMES[time] == 0:
        found.add("timestamp_invalid")
    if time and TIMES[time] == -1:
        found.add("timestamp_future")
    return found | ({"missing_field"} if blank(symbol) or not time else set())


def prices(row: Row) -> set[str]:
    found, texts = common(row), [row[name] for name in ("open", "high", "low", "close")]
    opened, high, low, close = values = [number(text) for text in texts]
    volume = number(row["volume"])
    if any(blank(text) for text in (*texts, row["volume"])):
        found.add("missing_field")
    if any(unreadable(text) for text in texts):
        found.add("price_not_numeric")
    if any(value is not None and not Decimal("0.01") <= value <= 1_000_000 for value in values):
        found.add("price_range")
    orders = [(low, opened), (low, close), (opened, high), (close, high), (low, high)]
    if any(less is not None and more is not None and less > more for less, more in orders):
        found.add("ohlc_relation")
    if unreadable(row["volume"]):
        found.add("volume_invalid")
    if volume is not None and volume < 0:
        found.add("volume_negative")
    return found | ({"scale_overflow"} if volume is not None and volume >= Decimal("1e20") else set())


def indicators(row: Row) -> set[str]:
    found, needed = common(row), [row[name] for name in ("rsi", "macd", "sma_20", "sma_50")]
    rsi, averages = number(row["rsi"]), [row["sma_20"], row["sma_50"]]
    lines = [row["macd"], row["macd_signal"], row["macd_histogram"]]
    if all(blank(text) for text in needed):
        found.add("missing_field")
    if unreadable(row["rsi"]) or (rsi is not None and not 0 <= rsi <= 100):
        found.add("rsi_range")
    if any(unreadable(text) for text in lines):
        found.add("macd_invalid")
    if any(unreadable(text) or (not blank(text) and number(text) <= 0) for text in averages):
        found.add("sma_not_positive")
    sizes = [abs(number(text) or Decimal(0)) for text in (*lines, *averages)]
    return found | ({"scale_overflow"} if max(sizes) >= Decimal("1e12") else set())


def anomalies(row: Row) -> set[str]:
    found, numbers = common(row), [row["value"], row["threshold"]]
    if any(blank(row[name]) for name in ("anomaly_type", "severity", "value")):
        found.add("missing_field")
    if not blank(row["severity"]) and row["severity"].strip().lower() not in {"low", "medium", "high", "critical"}:
        found.add("severity_unknown")
    if any(unreadable(text) for text in numbers):
        found.add("value_invalid")
    sizes = [abs(number(text) or Decimal(0)) for text in numbers]
    return found | ({"scale_overflow"} if max(sizes) >= Decimal("1e20") else set())


def rows_of(dataset: Dataset, **special: list[str]) -> st.SearchStrategy[list[Row]]:
    """Rows that are fit as a rule, each cell at times something else."""
    cells = {}
    for name in dataset.schema.names:
        odd = special.get(name, ["0", "-1", "x", "NaN", "1e12", "1e20", "1e400", "", " ", "100.01", "100", "0.01"])
        cells[name] = st.one_of(st.sampled_from(odd[-2:]), st.sampled_from([*odd, None]))
    return st.lists(st.fixed_dictionaries(cells), max_size=8)


SYMBOLS = ["A1", "TOOLONG", "", " nan ", "true", "AAPL", " aapl"]
SPECIAL = {"symbol": SYMBOLS, "timestamp": [*TIMES, "", "2026-01-03", "2026-01-02"], "source": ["a", "b"]}
QUOTES = ["0", "-1", "x", "1e7", "", "9.99", "0.01", "1000000", "10", "10.0"]
PRICE = dict.fromkeys(("open", "high", "low", "close"), QUOTES)
WORDS = {"anomaly_type": ["", "gap", "spike"], "severity": ["", "x", "HIGH", " low"], "description": ["", "text"]}


def agree(rows: list[Row], dataset: Dataset, reference: Callable[[Row], set[str]], key: tuple[str, ...] = ()) -> None:
    result = cleaned(rows, dataset)
    expected = [",".join(code for code in CODES if code in reference(row)) for row in rows]
    bad = [place for place, codes in enumerate(expected) if codes]
    keys = {}
    for place in (place for place, codes in enumerate(expected) if not codes):
        row = rows[place]
        keys[row["symbol"].strip().upper(), TIMES[row["timestamp"]], *(row[name] for name in key)] = place

    assert result.quarantined["OBJECT_ROW"].to_pylist() == [place + 1 for place in bad]
    assert result.quarantined["REASONS"].to_pylist() == [expected[place] for place in bad]
    assert result.quarantined["RAW"].to_pylist() == [repr(rows[place]) for place in bad]
    assert result.accepted["_OBJECT_ROW"].to_pylist() == sorted(place + 1 for place in keys.values())
    assert result.counts.conserved
    assert (result.counts.read, result.counts.loaded, result.counts.quarantined) == (len(rows), len(keys), len(bad))


@given(rows_of(PRICES, **SPECIAL, **PRICE))
def test_prices(rows: list[Row]) -> None:
    agree(rows, PRICES, prices)


@given(rows_of(INDICATORS, **SPECIAL))
def test_indicators(rows: list[Row]) -> None:
    agree(rows, INDICATORS, indicators)


@given(rows_of(ANOMALIES, **SPECIAL, **WORDS))
def test_anomalies(rows: list[Row]) -> None:
    agree(rows, ANOMALIES, anomalies, key=("anomaly_type",))


IN_RANGE = st.builds(lambda units, places: Decimal(units).scaleb(-places), st.integers(10**6, 10**14), st.just(8))
SHORT = st.builds(lambda units, places: Decimal(units).scaleb(-places), st.integers(1, 9999), st.integers(0, 2))
ROUND = st.sampled_from(
    [
        Decimal(text)
        for text in ("20.48", "20.49", "40.96", "64", "64.00000008", "512", "512.17", "327.68", "0.01", "1000000")
    ]
)
ANY_PRICE = st.one_of(ROUND, SHORT, IN_RANGE)


def rounded(value: Decimal) -> Decimal:
    return value.quantize(EIGHT, ROUND_HALF_EVEN)


@given(st.lists(st.tuples(ANY_PRICE, ANY_PRICE, ANY_PRICE, ANY_PRICE), min_size=1, max_size=20))
def test_prices_arrive_exactly_and_derived_values_are_rounded_half_even(quotes: list[tuple[Decimal, ...]]) -> None:
    rows = []
    for place, quote in enumerate(quotes):
        low, first, second, high = sorted(quote)
        texts = {"open": f"{first:f}", "close": f"{second:f}", "high": f"{high:f}", "low": f"{low:f}"}
        rows.append({**price(timestamp=str(place), **texts), "volume": f"{first:f}"})
    accepted = cleaned(rows, PRICES).accepted.to_pylist()

    assert len(accepted) == len(rows)
    with localcontext(prec=60):
        for row, quote in zip(accepted, quotes, strict=True):
            low, opened, close, high = sorted(quote)
            stored = [row[name] for name in ("LOW_PRICE", "OPEN_PRICE", "CLOSE_PRICE", "HIGH_PRICE", "VOLUME")]
            assert stored == [low, opened, close, high, opened]
            assert (row["PRICE_CHANGE"], row["PRICE_RANGE"]) == (close - opened, high - low)
            assert row["TYPICAL_PRICE"] == rounded((high + low + close) / 3)
            for part, name in ((close - opened, "PRICE_CHANGE_PERCENT"), (high - low, "PRICE_RANGE_PERCENT")):
                exact = rounded(part / opened * 100)
                # from 2**26 percent on eight decimals are finer than doubles are apart
                assert row[name] == exact if exact < 2**26 else abs(row[name] / exact - 1) < Decimal("1e-14")


@given(
    st.lists(
        st.builds(lambda units, scale: Decimal(units).scaleb(-scale), st.integers(10**9, 10**15), st.integers(9, 12)),
        min_size=1,
        max_size=20,
    )
)
def test_finer_prices_are_rounded_half_even_or_quarantined(values: list[Decimal]) -> None:
    values = [value for value in values if Decimal("0.01") <= value <= 1_000_000]
    rows = [
        price(timestamp=str(place), **dict.fromkeys(PRICE, f"{value:f}"), volume="1")
        for place, value in enumerate(values)
    ]
    finer = [value != rounded(value) for value in values]

    loose, strict = cleaned(rows, PRICES), cleaned(rows, PRICES, Rules(scale_overflow="quarantine"))
    assert loose.accepted["CLOSE_PRICE"].to_pylist() == [rounded(value) for value in values]
    assert loose.rounded == 4 * sum(finer)
    assert strict.quarantined["OBJECT_ROW"].to_pylist() == [place + 1 for place, cut in enumerate(finer) if cut]
