"""What the demo delivers is real, and its indicators are the textbooks'."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from bokeh_sampledata import package_path
from pyarrow import parquet

from etl_daemon.cli.demo.data import Bar, deliveries, indicators, price_objects, real_bars
from etl_daemon.cli.demo.indicators import ema, macd, rsi, sma

# the worked example of StockCharts' ChartSchool for RSI 14: closes, and the first values
CLOSES = [
    *(44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328),
    *(45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439),
]
RSI = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]


@pytest.fixture(scope="module")
def bars() -> list[Bar]:
    return real_bars()


def test_rsi_is_wilders() -> None:
    found = rsi(CLOSES)
    assert found[:14] == [None] * 14
    assert [value and round(value, 2) for value in found[14:]] == pytest.approx(RSI, abs=0.011)
    assert rsi([1.0] * 20)[14:] == [50.0] * 6
    assert rsi([1.0, 2.0]) == [None, None]


def test_averages_begin_when_they_are_warm() -> None:
    assert sma([1, 2, 3, 4, 5], 3) == [None, None, 2, 3, 4]
    assert sma([None, 1, 2, 3], 3) == [None, None, None, 2]
    assert sma([1, 2], 3) == [None, None]
    assert ema([1, 2, 3, 4, 8], 3) == [None, None, 2, 3, 5.5]
    assert ema([None, None, 1, 2, 3], 3) == [None, None, None, None, 2]


def test_macd_is_the_difference_of_two_averages() -> None:
    closes = [float(value) for value in range(60)]
    line, signal, histogram = macd(closes)
    assert (line.count(None), signal.count(None), histogram.count(None)) == (25, 33, 33)
    assert line[25:] == pytest.approx([7.0] * 35), "on a straight line the averages lag by (26 - 12) / 2 days"
    assert histogram[33:] == pytest.approx([0.0] * 27)


def as_given(text: str) -> Decimal | str:
    return Decimal(text) if text[0].isdigit() else text


def test_prices_are_the_packages_digit_by_digit(bars: list[Bar]) -> None:
    assert len(bars) == 12_154
    assert sorted({bar.symbol for bar in bars}) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    made = list(price_objects(bars))
    assert sum(each.rows or 0 for each in made) == 12_154
    assert {each.key.partition(".")[2] for each in made} == {"ndjson", "csv", "parquet", "ndjson.gz", "csv.zst"}
    lines = {each.key.rpartition("price_data/")[2]: each.body for each in made}
    with gzip.open(package_path("stocks.csv.gz"), "rt", encoding="utf-8") as file:
        source = next(row for row in csv.DictReader(file) if row["Ticker"] == "AAPL")
    first = json.loads(lines["AAPL/2000.ndjson"].splitlines()[0], parse_float=str, parse_int=str)
    assert first.pop("timestamp") == source["Date"] == "2000-03-01"
    names = {"symbol": "Ticker", "open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
    assert {name: as_given(text) for name, text in first.items()} == {
        name: as_given(source[title]) for name, title in names.items()
    }
    assert json.loads(gzip.decompress(lines["AAPL/2003.ndjson.gz"]).splitlines()[0])["timestamp"] == "2003-01-02"
    assert parquet.read_table(pa.BufferReader(lines["AAPL/2002.parquet"]))["symbol"].unique().to_pylist() == ["AAPL"]


def test_indicators_are_null_while_they_warm_up(bars: list[Bar]) -> None:
    rows = indicators([bar for bar in bars if bar.symbol == "IBM"])
    assert len(rows) == sum(bar.symbol == "IBM" for bar in bars) - 14
    assert all(row["rsi"] is not None and 0 <= row["rsi"] <= 100 for row in rows)
    assert (rows[0]["macd"], rows[0]["sma_50"]) == (None, None)
    assert None not in rows[-1].values()


def test_every_key_is_delivered_once(bars: list[Bar]) -> None:
    keys = [each.key for part in deliveries(bars).values() for each in part]
    assert len(keys) == len(set(keys)) > 60
