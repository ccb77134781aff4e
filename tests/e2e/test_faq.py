"""Answers of docs/faq.md that say what becomes of rows: followed on a folder and a DuckDB file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl_daemon.adapters.snowflake.errors import TABLE
from tests.conftest import AWS_ENVIRONMENT

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "faq.md").read_text("utf-8")
ANSWERS = {part.partition("\n")[0]: part for part in TEXT.split("\n### ")[1:]}
HEAD = "symbol,timestamp,open,high,low,close,volume\n"


def blocks(question: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", ANSWERS[question], re.DOTALL)


class Market:
    """A folder with one object of prices, and commands over it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {
            **AWS_ENVIRONMENT,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(path),
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": "bucket",
            "ETL_DUCKDB_PATH": "market.duckdb",
            "LOG_LEVEL": "ERROR",
        }
        self.put("a.csv", "AAPL,2026-01-02 09:30:00,10,11,9,10.5,100", "BRK.B,2026-01-02 09:30:00,10,11,9,10.5,100")

    def put(self, name: str, *rows: str) -> Path:
        file = self.path / "bucket" / "processed" / "price_data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD + "\n".join(rows) + "\n")
        return file

    def run(self, script: str, **more: str) -> str:
        done = subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self.path,
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, sql: str = "") -> list[Sequence[Any]]:
        sql = sql or "SELECT SYMBOL, TIMESTAMP::VARCHAR FROM MARKET_DATA.PRICE_DATA ORDER BY ALL"
        with duckdb.connect(str(self.path / "market.duckdb")) as market:
            return market.execute(sql).fetchall()


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path)


def test_symbols_are_replayed_and_times_set_right(market: Market) -> None:
    market.run("etl-daemon once")
    _, replay = blocks("Too many rows are rejected", "sh")
    market.run(replay, SYMBOL_PATTERN="us_equity_classes")
    assert market.ask() == [("AAPL", "2026-01-02 09:30:00"), ("BRK.B", "2026-01-02 09:30:00")]

    (anew,) = blocks("A setting was wrong when rows were loaded", "sh")
    zone = "America/New_York"
    assert f"`SOURCE_TIMEZONE={zone}` `2026-01-02 09:30:00` is stored as 14:30" in re.sub(
        r"\s+", " ", ANSWERS["Times are shifted"]
    )
    market.run(anew, SOURCE_TIMEZONE=zone, SYMBOL_PATTERN="us_equity_classes")
    assert market.ask() == [("AAPL", "2026-01-02 14:30:00"), ("BRK.B", "2026-01-02 14:30:00")]


def test_an_old_file_and_a_restored_backup(market: Market) -> None:
    old = market.put("old.csv", "MSFT,2025-12-30,10,11,9,10.5,100")
    os.utime(old, (1_700_000_000, 1_700_000_000))
    assert "older than the window" in market.run("etl-daemon once")
    shutil.copy(market.path / "market.duckdb", market.path / "backup")
    market.put("b.csv", "GOOG,2026-01-05,10,11,9,10.5,100")
    market.run("etl-daemon once")
    assert [symbol for symbol, _ in market.ask()] == ["AAPL", "GOOG"]

    shutil.copy(market.path / "backup", market.path / "market.duckdb")
    market.run("etl-daemon once")
    assert [symbol for symbol, _ in market.ask()] == ["AAPL", "GOOG"]
    os.utime(old)
    market.run("etl-daemon once && etl-daemon audit --since 30d")
    assert [symbol for symbol, _ in market.ask()] == ["AAPL", "GOOG", "MSFT"]


def test_rows_that_are_there_twice_are_found(market: Market) -> None:
    shutil.copy(market.path / "bucket/processed/price_data/a.csv", market.path / "bucket/processed/price_data/b.csv")
    market.run("etl-daemon once", PRICE_DATA_MODE="APPEND")
    (query,) = blocks("Rows are there twice", "sql")
    ((symbol, _, times, objects),) = market.ask(query)
    assert (symbol, times) == ("AAPL", 2)
    assert sorted(objects.split()) == ["processed/price_data/a.csv", "processed/price_data/b.csv"]
    (anew,) = blocks("A setting was wrong when rows were loaded", "sh")
    market.run(anew)
    assert market.ask(query) == []


def test_the_codes_of_snowflake_are_those_that_the_daemon_knows() -> None:
    known = {code for row in TABLE for code in row.codes}
    text = "".join(ANSWERS[each] for each in ANSWERS if each.startswith("Snowflake"))
    assert {int(code) for code in re.findall(r"\b(3[49]\d{4}|2\d{5}|[23]\d{3})\b", text)} <= known
