"""Answers of docs/faq.md that say what becomes of rows: followed on a folder and a DuckDB file."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from etl_daemon.adapters.snowflake.errors import TABLE
from tests.support.following import Reader

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "faq.md").read_text("utf-8")
ANSWERS = {part.partition("\n")[0]: part for part in TEXT.split("\n### ")[1:]}
HEAD = "symbol,timestamp,open,high,low,close,volume\n"


def blocks(question: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", ANSWERS[question], re.DOTALL)


class Market(Reader):
    """A folder with one object of prices, and commands over it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.put("a.csv", "AAPL,2026-01-02 09:30:00,10,11,9,10.5,100", "BRK.B,2026-01-02 09:30:00,10,11,9,10.5,100")

    def put(self, name: str, *rows: str) -> Path:
        file = self.folder / "bucket" / "processed" / "price_data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD + "\n".join(rows) + "\n")
        return file

    @property
    def prices(self) -> list[Sequence[Any]]:
        return self.asks("SELECT SYMBOL, TIMESTAMP::VARCHAR FROM MARKET_DATA.PRICE_DATA ORDER BY ALL")


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path)


def test_symbols_are_replayed_and_times_set_right(market: Market) -> None:
    market.types("etl-daemon once")
    _, replay = blocks("Too many rows are rejected", "sh")
    market.types(replay, SYMBOL_PATTERN="us_equity_classes")
    assert market.prices == [("AAPL", "2026-01-02 09:30:00"), ("BRK.B", "2026-01-02 09:30:00")]

    (anew,) = blocks("A setting was wrong when rows were loaded", "sh")
    zone = "America/New_York"
    assert f"`SOURCE_TIMEZONE={zone}` `2026-01-02 09:30:00` is stored as 14:30" in re.sub(
        r"\s+", " ", ANSWERS["Times are shifted"]
    )
    market.types(anew, SOURCE_TIMEZONE=zone, SYMBOL_PATTERN="us_equity_classes")
    assert market.prices == [("AAPL", "2026-01-02 14:30:00"), ("BRK.B", "2026-01-02 14:30:00")]


def test_an_old_file_and_a_restored_backup(market: Market) -> None:
    old = market.put("old.csv", "MSFT,2025-12-30,10,11,9,10.5,100")
    os.utime(old, (1_700_000_000, 1_700_000_000))
    assert "older than the window" in market.types("etl-daemon once")
    shutil.copy(market.folder / "market.duckdb", market.folder / "backup")
    market.put("b.csv", "GOOG,2026-01-05,10,11,9,10.5,100")
    market.types("etl-daemon once")
    assert [symbol for symbol, _ in market.prices] == ["AAPL", "GOOG"]

    shutil.copy(market.folder / "backup", market.folder / "market.duckdb")
    market.types("etl-daemon once")
    assert [symbol for symbol, _ in market.prices] == ["AAPL", "GOOG"]
    os.utime(old)
    market.types("etl-daemon once\netl-daemon audit --since 30d")
    assert [symbol for symbol, _ in market.prices] == ["AAPL", "GOOG", "MSFT"]


def test_rows_that_are_there_twice_are_found(market: Market) -> None:
    shutil.copy(
        market.folder / "bucket/processed/price_data/a.csv", market.folder / "bucket/processed/price_data/b.csv"
    )
    market.types("etl-daemon once", PRICE_DATA_MODE="APPEND")
    (query,) = blocks("Rows are there twice", "sql")
    ((symbol, _, times, objects),) = market.asks(query)
    assert (symbol, times) == ("AAPL", 2)
    assert sorted(objects.split()) == ["processed/price_data/a.csv", "processed/price_data/b.csv"]
    (anew,) = blocks("A setting was wrong when rows were loaded", "sh")
    market.types(anew)
    assert market.asks(query) == []


def test_the_codes_of_snowflake_are_those_that_the_daemon_knows() -> None:
    known = {code for row in TABLE for code in row.codes}
    text = "".join(ANSWERS[each] for each in ANSWERS if each.startswith("Snowflake"))
    assert {int(code) for code in re.findall(r"\b(3[49]\d{4}|2\d{5}|[23]\d{3})\b", text)} <= known
