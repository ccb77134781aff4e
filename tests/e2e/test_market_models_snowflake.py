"""The dbt models of market data on Snowflake's stand-in, built twice; a correction comes between."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from etl_daemon.cli.demo.indicators import ema, macd, rsi, sma
from tests.support.market import Market, Row, made_up_quotes, weekdays
from tests.support.snowflake import Emulator

pytestmark = pytest.mark.dbt

DAYS = weekdays(date(2018, 1, 2), 90)
LATE, GONE = DAYS[60], DAYS[70]
FEATURES = ("sma_20", "ema_12", "ema_26", "rsi_14", "macd", "macd_signal", "macd_histogram")


class OnSnowflake:
    """A market whose daemon and models have a database each in the stand-in."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.raw, self.models = (f"T_{uuid4().hex[:12]}".upper() for _ in range(2))
        emulator.run(f"CREATE DATABASE {self.raw}", f"CREATE DATABASE {self.models}")
        own = {"ETL_DESTINATION": "snowflake", "SNOWFLAKE_DATABASE": self.raw}
        models = {"DBT_SNOWFLAKE_ROLE": "SYSADMIN", "DBT_SNOWFLAKE_DATABASE_DEV": self.models}
        self.market = Market(folder, emulator.settings(**own, **models))

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.emulator.run(sql, database=self.models)

    def features(self, symbol: str) -> dict[date, list[float | None]]:
        rows = self.ask(f"SELECT bar_date, {', '.join(FEATURES)} FROM MART.daily_features WHERE symbol = '{symbol}'")
        return {row[0]: list(row[1:]) for row in sorted(rows)}


@pytest.fixture
def warehouse(snowflake: Emulator, tmp_path: Path) -> OnSnowflake:
    return OnSnowflake(snowflake, tmp_path)


def in_plain_python(quotes: list[Row]) -> dict[date, list[float | None]]:
    closes = [float(row["close"]) for row in quotes]
    series = [sma(closes, 20), ema(closes, 12), ema(closes, 26), rsi(closes), *macd(closes)]
    days = [date.fromisoformat(row["date"]) for row in quotes]
    return dict(zip(days, map(list, zip(*series, strict=True)), strict=True))


def assert_same(found: dict[date, list[float | None]], expected: dict[date, list[float | None]]) -> None:
    assert list(found) == list(expected)
    for day, values in expected.items():
        assert found[day] == pytest.approx(values, abs=1e-9), day


def test_models_are_built_twice_with_a_correction_between(warehouse: OnSnowflake) -> None:
    market, quotes = warehouse.market, made_up_quotes(DAYS)
    market.deliver("LATE", quotes)
    market.deliver("SAME", made_up_quotes(DAYS, start=50))
    market.load()
    market.build(target="snowflake_dev")
    assert_same(warehouse.features("LATE"), in_plain_python(quotes))
    bars = "SELECT * FROM TRANSFORM.daily_bars WHERE symbol = 'SAME' ORDER BY bar_date"
    same = warehouse.ask(bars)

    fixed = [
        {**row, "close": "101.5", "high": "200", "low": "50"} if row["date"] == LATE.isoformat() else row
        for row in quotes
        if row["date"] != GONE.isoformat()
    ]
    market.deliver("LATE", fixed)
    market.load()
    market.describe("FB", "Facebook", "Meta Platforms")
    market.build("--exclude-resource-type", "unit_test", "test", target="snowflake_dev", lookback_hours=0)
    assert_same(warehouse.features("LATE"), in_plain_python(fixed))
    assert warehouse.ask(bars) == same
    history = warehouse.ask(
        "SELECT name, dbt_valid_to IS NULL FROM SNAPSHOT.symbols_history WHERE symbol = 'FB' ORDER BY dbt_valid_from"
    )
    assert history == [("Facebook", False), ("Meta Platforms", True)]
    merges = [each.sql for each in warehouse.emulator.statements() if "merge into" in each.sql.lower()]
    assert any("daily_bars" in sql for sql in merges), "not built from nothing"
