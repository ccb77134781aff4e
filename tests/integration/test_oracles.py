"""Real files through the whole corridor, against counts and digests that other programs computed."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from etl_daemon.core.policy import SYMBOL_PATTERNS, Rules
from tests.support.corridor import HandClock, House
from tests.support.rows import INDICATORS, PRICES
from tests.support.shared_data import SHARED, needs_shared_data, oracle

pytestmark = needs_shared_data

FROM_KEY = r"/(?P<symbol>[^/_]+)_[^/]*$"


def loaded(tmp_path, files, rules=None, **options):
    """A house that has loaded the files, each under a key that begins with the given symbol."""
    dataset = replace(PRICES, symbol_from_key=FROM_KEY, **options)
    clock = HandClock(datetime(2026, 10, 1, tzinfo=UTC))
    house = House(tmp_path / "market.duckdb", datasets=(dataset,), rules=rules or Rules(), clock=clock)
    for symbol, path in files:
        house.put(f"processed/price_data/{symbol}_{path.name}", path.read_bytes())
    house.cycle()
    return house


def digest(house, time_format):
    """The oracle's order-free digest: per row the first 15 hex digits of an MD5 over symbol, time text and numbers."""
    rows = house.ask(
        f"SELECT SYMBOL, strftime(TIMESTAMP, '{time_format}'), OPEN_PRICE::DOUBLE, HIGH_PRICE::DOUBLE, "
        "LOW_PRICE::DOUBLE, CLOSE_PRICE::DOUBLE, VOLUME::DOUBLE FROM MARKET_DATA.PRICE_DATA"
    )
    lines = ("|".join([row[0], row[1], *(f"{value:.6f}" for value in row[2:])]) for row in rows)
    return str(sum(int(hashlib.md5(line.encode()).hexdigest()[:15], 16) for line in lines))


def sums(house):
    return house.ask("SELECT sum(VOLUME), sum(CLOSE_PRICE) FROM MARKET_DATA.PRICE_DATA")[0]


def counts(house):
    return house.ask(
        "SELECT sum(ROWS_READ)::INT, sum(ROWS_LOADED)::INT, sum(ROWS_QUARANTINED)::INT FROM ETL_CONTROL.ETL_OBJECTS"
    )[0]


def reasons(house):
    """Rows per reason."""
    return dict(
        house.ask(
            "SELECT reason, count(*) FROM (SELECT unnest(string_split(REASONS, ',')) AS reason "
            "FROM ETL_CONTROL.ETL_QUARANTINE) GROUP BY ALL"
        )
    )


def test_sp500_sample(tmp_path):
    expected = oracle("sp500_sample")["counts"]
    paths = [SHARED / "sp500_sample" / name for name in oracle("sp500_sample")["files"]]
    house = loaded(tmp_path, [(path.name.split("_")[0], path) for path in paths])

    assert counts(house) == (14_828, 12_296, 2_532)
    assert reasons(house) == {
        "missing_field": expected["rows_any_null"],
        "symbol_format": expected["bad_symbol_norm"],
        "ohlc_relation": expected["ohlc_relation"],
    }
    assert digest(house, "%Y-%m-%d") == expected["digest_last"]
    assert sums(house) == (Decimal(expected["sum_volume_last"]), Decimal(expected["sum_close_last"]))


def test_sp500_sample_with_share_classes(tmp_path):
    expected = oracle("sp500_sample")["counts"]
    paths = [SHARED / "sp500_sample" / name for name in oracle("sp500_sample")["files"]]
    rules = Rules(symbol_pattern=SYMBOL_PATTERNS["us_equity_classes"])
    house = loaded(tmp_path, [(path.name.split("_")[0], path) for path in paths], rules)

    assert counts(house)[1] == expected["valid_rows_nosym"]
    assert digest(house, "%Y-%m-%d") == expected["digest_last_nosym"]


QUOTE_FORMATS = {
    "default": "%m/%d/%Y",
    "zeros": "%Y-%m-%d",
    "penny": "%Y-%m-%d",
    "max": "%m/%d/%Y",
    "toobig": "%m/%d/%Y",
    "mismatch": "%m/%d/%Y",
    "bitcoin": "%Y-%m-%d",
    "intraday": "%Y-%m-%d %H:%M",
}


@pytest.mark.parametrize("name", ["bad", *QUOTE_FORMATS])
def test_indicator_reference_quotes(tmp_path, name):
    document = oracle("indicator_reference")
    expected, symbol = document["quote_rule_counts"][name], document["symbol_used"][name]
    path = SHARED / "indicator_reference" / f"quotes_{name}.csv.gz"
    formats = ("%m/%d/%Y", "%m/%d/%y", "%m/%d/%Y %H:%M")
    house = loaded(tmp_path, [(symbol, path)], timestamp_formats=formats)

    assert counts(house) == (expected["rows"], expected.get("valid_distinct_keys", 0), expected.get("invalid_rows", 0))
    found = reasons(house)
    assert found.get("missing_field", 0) == expected.get("rows_any_null", 0)
    assert found.get("price_range", 0) == expected.get("price_range", 0)
    assert found.get("ohlc_relation", 0) == expected.get("ohlc_relation", 0)
    assert found.get("volume_negative", 0) == expected.get("volume_negative", 0)
    if expected.get("valid_rows"):
        assert sums(house) == (Decimal(expected["sum_volume_last"]), Decimal(expected["sum_close_last"]))


@pytest.mark.parametrize(
    ("name", "file", "symbol", "columns"),
    [
        ("tesla", "tesla-stock-price.csv", "TSLA", {}),
        ("spy_d", "pandas_ta_SPY_D.csv.gz", "SPY", {}),
        (
            "apple",
            "finance-charts-apple.csv",
            "AAPL",
            {f"AAPL.{name.title()}": name for name in ("open", "high", "low", "close", "volume")},
        ),
    ],
)
def test_dirty_files(tmp_path, name, file, symbol, columns):
    expected = oracle("dirty_misc")[name]
    house = loaded(tmp_path, [(symbol, SHARED / "dirty_misc" / file)], columns=columns)

    assert counts(house) == (expected["rows"], expected["valid_rows"], expected["rows"] - expected["valid_rows"])
    assert digest(house, "%Y/%m/%d" if name == "tesla" else "%Y-%m-%d") == expected["digest_last"]
    assert sums(house) == (Decimal(expected["sum_volume_last"]), Decimal(expected["sum_close_last"]))


def test_tesla_glitch_has_all_its_reasons(tmp_path):
    house = loaded(tmp_path, [("TSLA", SHARED / "dirty_misc" / "tesla-stock-price.csv")])

    rows = house.ask("SELECT OBJECT_ROW, REASONS, RAW FROM ETL_CONTROL.ETL_QUARANTINE")
    assert [(row[0], row[1]) for row in rows] == [(1, "timestamp_invalid,volume_invalid")]
    assert "4,787,699" in rows[0][2]


TA4J_COLUMNS = {"start": "timestamp", "endTime": "timestamp"} | {
    f"{name}Price": name for name in ("open", "high", "low", "close")
}


@pytest.mark.parametrize("name", list(oracle("vendor_json")["ta4j"]) if SHARED.is_dir() else [])
def test_vendor_bars(tmp_path, name):
    expected = oracle("vendor_json")["ta4j"][name]
    symbol = next(code for mark, code in (("BTC", "BTC"), ("ETH", "ETH"), ("SP500", "SPX")) if mark in name)
    path = SHARED / "vendor_json" / f"{name}.gz"
    records = "ohlc" if "PT5M" in name or "PT7D" in name else "candles"
    unit = ("epoch_ms",) if records == "ohlc" else ()  # milliseconds of the years around 1970 look like seconds
    house = loaded(tmp_path, [(symbol, path)], columns=TA4J_COLUMNS, records_path=records, timestamp_formats=unit)

    assert counts(house) == (expected["rows"], expected["valid_rows"], expected["rows"] - expected["valid_rows"])
    assert reasons(house).get("price_range", 0) == expected.get("price_range", 0)
    closes = house.ask("SELECT sum(CLOSE_PRICE) FROM MARKET_DATA.PRICE_DATA")[0][0]
    assert abs(closes - Decimal(expected["sum_close_last"])) < Decimal("0.0001")


def test_alpha_vantage_keyed_by_time(tmp_path):
    expected = oracle("vendor_json")["alpha_vantage"]["time_series_1min"]
    columns = {f"{place}. {name}": name for place, name in enumerate(("open", "high", "low", "close", "volume"), 1)}
    path = SHARED / "vendor_json" / "alpha_vantage_mock_time_series.json"
    options = {"columns": {**columns, "_key": "timestamp"}, "records_path": "Time Series (1min)"}
    house = loaded(tmp_path, [("MSFT", path)], **options)

    assert counts(house) == (100, 100, 0)
    assert sums(house) == (Decimal(expected["sum_volume_last"]), Decimal(expected["sum_close_last"]))


def test_alpha_vantage_csv(tmp_path):
    expected = oracle("vendor_json")["alpha_vantage"]["extended_csv"]
    path = SHARED / "vendor_json" / "alpha_vantage_time_series_extended.csv.gz"
    house = loaded(tmp_path, [("IBM", path)])

    assert counts(house) == (expected["rows"], expected["valid_rows"], 0)
    assert sums(house) == (Decimal(expected["sum_volume_last"]), Decimal(expected["sum_close_last"]))


def test_every_vendor_document_ends_somewhere(tmp_path):
    """Documents of many shapes: loaded, quarantined or refused, never a crash, and each in the ledger."""
    house = House(tmp_path / "market.duckdb", datasets=(PRICES,))
    with tarfile.open(SHARED / "vendor_json" / "polygon_rest_mocks.tar.gz") as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
        for member in files:
            house.put(f"processed/price_data/{member.name}", archive.extractfile(member).read())
    assert not house.cycle().failed
    assert house.ask("SELECT count(*) FROM ETL_CONTROL.ETL_OBJECTS") == [(len(files),)]
    assert house.cycle().pending == 0


def test_json_test_suite_ends_somewhere(tmp_path):
    house = House(tmp_path / "market.duckdb", datasets=(PRICES, INDICATORS))
    with tarfile.open(SHARED / "json_parsing" / "JSONTestSuite_test_parsing.tar.gz") as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
        for member in files:
            house.put(f"processed/price_data/{member.name}", archive.extractfile(member).read())
    assert not house.cycle().failed
    assert house.ask("SELECT count(*) FROM ETL_CONTROL.ETL_OBJECTS") == [(len(files),)]
    assert house.ask("SELECT count(*) FROM MARKET_DATA.PRICE_DATA") == [(0,)]


def test_naughty_strings_as_symbols_and_sources(tmp_path):
    import json

    strings = json.loads((SHARED / "naughty_strings" / "blns.json").read_text())
    expected = oracle("naughty_strings")
    house = House(tmp_path / "market.duckdb")
    row = {"timestamp": "2026-01-02", "open": 10, "high": 11, "low": 9, "close": 10, "volume": 1}
    house.put("processed/price_data/symbols.json", json.dumps([{"symbol": text, **row} for text in strings]).encode())
    names = [f"A{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(len(strings))]
    named = [{"symbol": name, "source": text, **row} for name, text in zip(names, strings, strict=True)]
    house.put("processed/price_data/sources.json", json.dumps(named).encode())
    house.cycle()

    symbols = house.ask("SELECT SYMBOL FROM MARKET_DATA.PRICE_DATA WHERE _OBJECT_KEY LIKE '%symbols%'")
    fit = expected["match_symbol_regex_after_strip_upper"]
    assert {symbol for (symbol,) in symbols} == {text.strip().upper() for text in fit}
    sources = house.ask("SELECT SOURCE FROM MARKET_DATA.PRICE_DATA WHERE _OBJECT_KEY LIKE '%sources%' ORDER BY SYMBOL")
    assert {text for (text,) in sources} >= {text for text in strings if text.strip()}
