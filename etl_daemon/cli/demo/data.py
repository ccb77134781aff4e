"""What the demo delivers: real daily prices as objects of several formats, and a few that are broken on purpose."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby, pairwise
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from etl_daemon.cli.demo.indicators import macd, rsi, sma
from etl_daemon.errors import SetupError

PRICES = "processed/price_data"
INDICATORS = "processed/technical_indicators"
ANOMALIES = "processed/anomalies"
INDICATED = ("AAPL", "IBM", "MSFT")
GAP_PERCENT = 12.0
Row = dict[str, Any]


class Bar(NamedTuple):
    """A day of a ticker as the package has it, digits unchanged."""

    symbol: str
    day: str
    open: str
    high: str
    low: str
    close: str
    volume: str

    @property
    def record(self) -> Row:
        """The bar with numbers as numbers."""
        prices = {name: float(getattr(self, name)) for name in ("open", "high", "low", "close")}
        return {"symbol": self.symbol, "timestamp": self.day, **prices, "volume": int(self.volume)}


@dataclass(frozen=True, slots=True)
class Delivery:
    """An object to put, and what is to come of it: its rows, or None if it is to be refused."""

    key: str
    body: bytes
    rows: int | None


def real_bars() -> list[Bar]:
    """All bars, by ticker and day.

    Raises:
        SetupError: the package with the prices is not installed.
    """
    try:
        from bokeh_sampledata import package_path
    except ImportError as error:
        raise SetupError("The demo's prices are not installed.", hint="pip install 'etl_daemon[demo]'") from error
    with gzip.open(package_path("stocks.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        bars = [Bar(*row[:7]) for row in list(csv.reader(file))[1:]]
    return sorted(bars)


def deliveries(bars: Sequence[Bar]) -> dict[str, list[Delivery]]:
    """Everything that lies in the bucket at the beginning, by dataset."""
    return {
        "price_data": [*price_objects(bars), *broken_objects(bars)],
        "technical_indicators": list(indicator_objects(bars)),
        "anomalies": [gap_object(bars)],
    }


def price_objects(bars: Sequence[Bar]) -> Iterator[Delivery]:
    """One object per ticker and year, each in the next format."""
    forms = cycle(FORMS.items())
    for (symbol, year), group in groupby(bars, lambda bar: (bar.symbol, bar.day[:4])):
        rows = list(group)
        suffix, write = next(forms)
        yield Delivery(f"{PRICES}/{symbol}/{year}{suffix}", write([bar.record for bar in rows]), len(rows))


def indicator_objects(bars: Sequence[Bar]) -> Iterator[Delivery]:
    """One object for each of three tickers, from the day on which the first indicator is known."""
    forms = cycle(FORMS.items())
    for symbol in INDICATED:
        rows = indicators([bar for bar in bars if bar.symbol == symbol])
        suffix, write = next(forms)
        yield Delivery(f"{INDICATORS}/{symbol}{suffix}", write(rows), len(rows))
    impossible = {"symbol": bars[-1].symbol, "timestamp": bars[-1].day, "rsi": 120.5, "macd": 0.1}
    impossible |= {"sma_20": 27.7, "sma_50": 27.3}
    yield Delivery(f"{INDICATORS}/broken/rsi-above-100.ndjson", json_lines([impossible]), 1)


def indicators(bars: Sequence[Bar]) -> list[Row]:
    """RSI 14, MACD 12/26/9, SMA 20 and 50 of a ticker's closes."""
    closes = [float(bar.close) for bar in bars]
    line, signal, histogram = macd(closes)
    columns = {"rsi": rsi(closes), "macd": line, "macd_signal": signal, "macd_histogram": histogram}
    columns |= {"sma_20": sma(closes, 20), "sma_50": sma(closes, 50)}
    rows = []
    for bar, *values in zip(bars, *columns.values(), strict=True):
        rounded = [None if value is None else round(value, 4) for value in values]
        rows.append({"symbol": bar.symbol, "timestamp": bar.day, **dict(zip(columns, rounded, strict=True))})
    return [row for row in rows if row["rsi"] is not None]


def gap_object(bars: Sequence[Bar]) -> Delivery:
    """Days that opened far from the close before: anomalies that somebody else has found."""
    rows = []
    for before, bar in pairwise(bars):
        percent = (float(bar.open) / float(before.close) - 1) * 100
        if bar.symbol == before.symbol and abs(percent) >= GAP_PERCENT:
            found: Row = {"anomaly_type": "overnight_gap", "severity": "high" if abs(percent) >= 20 else "medium"}
            found |= {"value": round(percent, 4), "threshold": GAP_PERCENT, "description": f"opened {percent:+.1f} %"}
            rows.append({"symbol": bar.symbol, "timestamp": bar.day, **found})
    return Delivery(f"{ANOMALIES}/overnight-gaps.ndjson", json_lines(rows), len(rows))


def broken_objects(bars: Sequence[Bar]) -> Iterator[Delivery]:
    """Objects whose keys say what is wrong with them."""
    good = [bar.record for bar in bars[-20:]]
    one = good[-1]

    def made(name: str, body: bytes, rows: int | None) -> Delivery:
        return Delivery(f"{PRICES}/broken/{name}", body, rows)

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("prices.csv", comma_separated(good))
    yield made("truncated.csv.gz", gzip.compress(comma_separated(good))[:-30], None)
    yield made("unknown.zip", archive.getvalue(), None)
    yield made("no-symbol.csv", comma_separated([{**one, "symbol": ""}]).replace(b"symbol", b"what"), None)
    yield made("half-a-line.ndjson", json_lines(good)[:-30], len(good))
    yield made("negative-price.csv", comma_separated([{**one, "low": -one["low"]}]), 1)
    yield made("high-below-low.ndjson", json_lines([{**one, "high": one["low"], "low": one["high"]}]), 1)
    yield made("thousands-separator.csv", comma_separated([{**one, "close": "1,234.5"}]), 1)
    yield made("nan.ndjson", json_lines([{**one, "close": float("nan")}]), 1)
    yield made("lower-case-symbol.ndjson", json_lines([{**one, "symbol": f" {one['symbol'].lower()} "}]), 1)
    yield made("in-the-future.ndjson", json_lines([{**one, "timestamp": "2999-01-01"}]), 1)
    yield made("csv-named.parquet", comma_separated(good), len(good))
    yield made("header-only.csv", comma_separated(good).splitlines(keepends=True)[0], 0)
    yield made("empty.ndjson", b"", 0)


def json_lines(rows: Sequence[Row]) -> bytes:
    """One JSON record per line."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def comma_separated(rows: Sequence[Row]) -> bytes:
    """CSV with a header; null is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def columnar(rows: Sequence[Row]) -> bytes:
    """Parquet."""
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


FORMS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    ".ndjson": json_lines,
    ".csv": comma_separated,
    ".parquet": columnar,
    ".ndjson.gz": lambda rows: gzip.compress(json_lines(rows)),
    ".csv.zst": lambda rows: bytes(pa.compress(comma_separated(rows), codec="zstd", asbytes=True)),
}
"""Suffix and writer of each format, in the order in which objects take turns."""
