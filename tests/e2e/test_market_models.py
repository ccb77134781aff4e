"""The dbt models of market data, built on DuckDB from what the daemon loaded, before and after a late correction."""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from operator import itemgetter
from statistics import stdev
from typing import Any

import pytest

from etl_daemon.cli.demo.indicators import ema, macd, rsi, sma
from tests.support.market import (
    Market,
    Row,
    made_up_quotes,
    reference_quotes,
    reference_values,
    weekdays,
)
from tests.support.shared_data import SHARED, needs_shared_data, oracle

pytestmark = [
    needs_shared_data,
    pytest.mark.dbt,
    pytest.mark.xdist_group("market-models"),  # one worker: all ask of the same builds
]

TABLES = (
    *("TRANSFORM.daily_bars", "TRANSFORM.trading_days", "MART.daily_features", "MART.trading_gaps"),
    *("MART.symbol_coverage", "MART.anomaly_summary", "MART.indicator_agreement", "MART.load_quality"),
    *("MART.quarantine_by_reason", "SNAPSHOT.symbols_history"),
)
RECENT = weekdays(date(2018, 1, 2), 120)
LATE, GONE, NEW = RECENT[30], RECENT[40], RECENT[-1] + timedelta(days=3)
LONG = weekdays(date(1998, 1, 1), 5_000)
PUBLISHED = [
    ("sma", "sma", "sma_20"),
    ("ema", "ema", "ema_20"),
    ("rsi", "rsi", "rsi_14"),
    ("macd", "macd", "macd"),
    ("macd", "signal", "macd_signal"),
    ("macd", "histogram", "macd_histogram"),
    ("macd", "fastEma", "ema_12"),
    ("macd", "slowEma", "ema_26"),
]

Table = list[dict[str, Any]]


@dataclass(frozen=True)
class Builds:
    """The tables after the first build, after one that followed a correction, and built at once from all of it."""

    first: Mapping[str, Table]
    second: Mapping[str, Table]
    anew: Mapping[str, Table]
    daemon: Mapping[str, Table]


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    market = Market(tmp_path_factory.mktemp("market"))
    for symbol, name in {"SPY": "default", "SPYI": "intraday", "BTCUSD": "bitcoin", "SPYB": "bad"}.items():
        market.deliver(symbol, reference_quotes(name))
    market.deliver("SPY", published_indicators(), "technical_indicators")
    market.deliver("HOLE", [row for row in reference_quotes("default") if not in_hole(row)])
    market.deliver("LATE", made_up_quotes(RECENT))
    market.deliver("LONG", made_up_quotes(LONG))
    market.load()
    market.build()
    first = tables(market, "dev")
    daemon = {name: market.ask(f"FROM SOURCE.{name}") for name in ("ETL_CONTROL.ETL_OBJECTS", "ANALYTICS.ANOMALIES")}
    daemon["quarantine"] = market.ask("FROM SOURCE.ETL_CONTROL.ETL_QUARANTINE")

    market.deliver("LATE", corrected(made_up_quotes(RECENT)))
    market.load()
    market.describe("FB", "Facebook", "Meta Platforms")
    market.build(lookback_hours=0)
    market.build("--exclude-resource-type", "test", "unit_test", target="duckdb_prod")
    return Builds(first, tables(market, "dev"), tables(market, "prod"), daemon)


def tables(market: Market, target: str) -> dict[str, Table]:
    return {name.partition(".")[2]: market.ask(f"FROM {name} ORDER BY ALL", target=target) for name in TABLES}


def in_hole(row: Row) -> bool:
    return "2017-11-22" <= row["date"] <= "2017-11-27"


def published_indicators() -> list[Row]:
    """The published values of days that have all of them, as a source would deliver them."""
    closes = [Decimal(row["close"]) for row in reference_quotes("default")]
    rsi, macd, sma = (list(reference_values(name).items()) for name in ("rsi", "macd", "sma"))
    return [
        {
            "timestamp": day.isoformat(),
            "rsi": repr(values["rsi"]),
            "macd": repr(macd[at][1]["macd"]),
            "macd_signal": repr(macd[at][1]["signal"]),
            "sma_20": repr(sma[at][1]["sma"]),
            "sma_50": str(sum(closes[at - 49 : at + 1]) / 50),
        }
        for at, (day, values) in enumerate(rsi)
        if at >= 49
    ]


def corrected(quotes: list[Row]) -> list[Row]:
    """Another close on one day, a day less, and one more."""
    kept = [row for row in quotes if row["date"] != GONE.isoformat()]
    later = [
        {**row, "close": "101.5", "high": "200", "low": "50"} if row["date"] == LATE.isoformat() else row
        for row in kept
    ]
    return [*later, {**quotes[-1], "date": NEW.isoformat()}]


def of(symbol: str, table: Table) -> Table:
    return [row for row in table if row["symbol"] == symbol]


@pytest.mark.parametrize(("indicator", "published", "column"), PUBLISHED)
def test_indicators_are_the_published_ones(builds: Builds, indicator: str, published: str, column: str) -> None:
    expected = {day: values[published] for day, values in reference_values(indicator).items()}
    found = {row["bar_date"]: row[column] for row in of("SPY", builds.first["daily_features"])}
    assert len(found) == 502
    assert [day for day, value in found.items() if value is None] == [
        day for day, value in expected.items() if value is None
    ]
    differences = [abs(value - expected[day]) for day, value in found.items() if value is not None]
    assert max(differences) < 1e-9


def test_a_history_of_twenty_years_has_the_indicators_of_plain_python(builds: Builds) -> None:
    closes = [float(row["close"]) for row in made_up_quotes(LONG)]
    expected = {
        "sma_50": sma(closes, 50),
        "ema_26": ema(closes, 26),
        "rsi_14": rsi(closes),
        "macd_signal": macd(closes)[1],
    }
    rows = of("LONG", builds.first["daily_features"])
    for column, values in expected.items():
        assert [row[column] for row in rows] == pytest.approx(values, abs=1e-9), column


def test_delivered_indicators_are_compared_with_those_of_the_prices(builds: Builds) -> None:
    [spy] = builds.first["indicator_agreement"]
    assert (spy["symbol"], spy["compared_days"]) == ("SPY", 502 - 49)
    assert spy["largest_rsi_difference"] <= 0.5e-4, "RSI is loaded with four digits"
    assert max(spy[f"largest_{name}_difference"] for name in ("macd", "macd_signal", "sma_20", "sma_50")) <= 0.51e-8


def test_returns_and_volatility_are_those_of_plain_python(builds: Builds) -> None:
    rows = of("SPY", builds.first["daily_features"])
    closes = [Decimal(row["close"]) for row in reference_quotes("default")]
    assert [row["price_change"] for row in rows[1:]] == [after - before for before, after in pairwise(closes)]
    logs = [math.log(after / before) for before, after in pairwise(closes)]
    assert [row["log_return"] for row in rows[1:]] == pytest.approx(logs, abs=1e-14)
    assert [row["simple_return"] for row in rows[1:]] == pytest.approx([math.expm1(log) for log in logs], abs=1e-14)
    assert {row["volatility_20"] for row in rows[:20]} == {None}
    deviations = [stdev(logs[at - 20 : at]) for at in range(20, len(logs) + 1)]
    assert [row["volatility_20"] for row in rows[20:]] == pytest.approx(deviations, abs=1e-14)
    assert rows[-1]["volatility_20_annual"] == pytest.approx(deviations[-1] * math.sqrt(252), abs=1e-13)


def test_minutes_and_days_make_the_same_kind_of_bars(builds: Builds) -> None:
    assert bars(of("SPYI", builds.first["daily_bars"])) == by_day(reference_quotes("intraday"))
    assert bars(of("BTCUSD", builds.first["daily_bars"])) == by_day(reference_quotes("bitcoin"))
    assert len(of("SPYI", builds.first["daily_bars"])) == 4


def bars(table: Table) -> dict[str, list[Decimal]]:
    columns = itemgetter("open_price", "high_price", "low_price", "close_price", "volume")
    return {row["bar_date"].isoformat(): list(columns(row)) for row in table}


def by_day(quotes: Iterable[Row]) -> dict[str, list[Decimal]]:
    days = {}
    for day, group in groupby(quotes, key=lambda row: row["date"][:10]):
        rows = [{name: Decimal(value) for name, value in row.items() if name != "date"} for row in group]
        highest, lowest = max(row["high"] for row in rows), min(row["low"] for row in rows)
        days[day] = [rows[0]["open"], highest, lowest, rows[-1]["close"], sum(row["volume"] for row in rows)]
    return days


def test_trading_days_are_those_of_new_york(builds: Builds) -> None:
    with gzip.open(SHARED / "xnys_calendar/xnys.csv.gz", "rt") as file:
        sessions = [row["open"][:10] for row in csv.DictReader(file)]
    assert len(sessions) == oracle("xnys_calendar")["xnys"]["sessions"]
    days = builds.first["trading_days"]
    found = [row["trading_day"].isoformat() for row in days if row["calendar"] == "us_equities"]
    assert [day for day in found if day <= sessions[-1]] == sessions


def test_gaps_are_trading_days_without_a_bar(builds: Builds) -> None:
    hole = of("HOLE", builds.first["trading_gaps"])
    found = [(row["first_day"], row["last_day"], row["days"], row["is_open"]) for row in hole]
    assert found[0] == (date(2017, 11, 22), date(2017, 11, 27), 3, False), "Thanksgiving and a weekend lie between"
    assert found[1:] == [(date(2019, 1, 2), date(2020, 12, 18), 497, True)], "until the newest bar of any symbol"
    assert of("BTCUSD", builds.first["trading_gaps"]) == [], "its market never closes, and it ends last there"

    [coverage] = of("HOLE", builds.first["symbol_coverage"])
    names = ("bars", "expected_days", "missing_days", "days_behind", "off_calendar_bars")
    assert [coverage[name] for name in names] == [499, 502, 3, 497, 0]
    [late] = of("LATE", builds.first["symbol_coverage"])
    holidays = set(RECENT) & {date(2018, 1, 15), date(2018, 2, 19), date(2018, 3, 30), date(2018, 5, 28)}
    assert late["off_calendar_bars"] == len(holidays) == 4


def test_the_quality_of_loads_is_what_the_ledger_and_the_quarantine_say(builds: Builds) -> None:
    objects, quarantine = builds.daemon["ETL_CONTROL.ETL_OBJECTS"], builds.daemon["quarantine"]
    quality = builds.first["load_quality"]
    for name in ("ROWS_READ", "ROWS_LOADED", "ROWS_QUARANTINED", "ROWS_SUPERSEDED", "ROWS_FILTERED"):
        assert sum(row[name.lower()] for row in quality) == sum(row[name] for row in objects)
    assert sum(row["objects_loaded"] for row in quality) == len(objects) == 8
    assert sum(row["quarantine_open"] for row in quality) == len(quarantine) > 400

    reasons = Counter(reason for row in quarantine for reason in row["REASONS"].split(","))
    assert {row["reason"]: row["open_rows"] for row in builds.first["quarantine_by_reason"]} == reasons
    assert reasons["price_range"] == oracle("indicator_reference")["quote_rule_counts"]["bad"]["price_range"]


def test_anomalies_are_counted_per_symbol_type_and_severity(builds: Builds) -> None:
    names = ("SYMBOL", "ANOMALY_TYPE", "SEVERITY", "DETECTED_BY")
    expected = Counter(tuple(row[name] for name in names) for row in builds.daemon["ANALYTICS.ANOMALIES"])
    summary = builds.first["anomaly_summary"]
    assert {tuple(row[name.lower()] for name in names): row["anomalies"] for row in summary} == expected
    assert expected


def test_a_late_correction_flows_through_to_all_that_follows(builds: Builds) -> None:
    before, after = (of("LATE", build["daily_features"]) for build in (builds.first, builds.second))
    days = {row["bar_date"]: row for row in after}
    assert (days[LATE]["close_price"], days[LATE]["high_price"]) == (Decimal("101.5"), Decimal(200))
    assert GONE not in days, "what the new version lacks is gone"
    assert max(days) == NEW
    changed = [row["bar_date"] for row in before if days.get(row["bar_date"]) != row]
    assert changed == [day for day in RECENT if day >= LATE], "an exponential average never forgets"
    for name in ("daily_bars", "daily_features", "trading_gaps", "symbol_coverage"):
        assert builds.second[name] == builds.anew[name], "step by step and at once come to the same"
    assert of("SPY", builds.second["daily_features"]) == of("SPY", builds.first["daily_features"])


def test_what_was_said_of_a_symbol_is_kept(builds: Builds) -> None:
    assert [row["name"] for row in of("FB", builds.first["symbols_history"])] == ["Facebook"]
    facebook, meta = sorted(of("FB", builds.second["symbols_history"]), key=itemgetter("dbt_valid_from"))
    assert (facebook["name"], meta["name"]) == ("Facebook", "Meta Platforms")
    assert facebook["dbt_valid_to"] == meta["dbt_valid_from"]
    assert meta["dbt_valid_to"] is None
    assert len(builds.second["symbols_history"]) == len(builds.first["symbols_history"]) + 1
