"""A daemon's market data and the dbt models over them, on DuckDB or on the stand-in for Snowflake."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.support.command import Shell
from tests.support.dbt import PROJECT, Project
from tests.support.shared_data import SHARED

REFERENCE = SHARED / "indicator_reference"

Row = dict[str, str]


@dataclass(frozen=True)
class Market:
    """A folder with what was delivered, what the daemon made of it, and a copy of the dbt project.

    ``more`` says where the daemon loads to; without it, it is a DuckDB file.
    """

    folder: Path
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, object]:
        """Of the daemon and of dbt."""
        return {
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": self.folder / "bucket",
            "ETL_DUCKDB_PATH": self.folder / "etl.duckdb",
            "ETL_STATE_DIR": self.folder / "state",
            "PRICE_DATA_WINDOW": 24,
            "SYMBOL_PATTERN": "any",
            "LOG_LEVEL": "ERROR",
            "DBT_THREADS": 2,
            **self.more,
        }

    def deliver(self, symbol: str, rows: Sequence[Row], dataset: str = "price_data") -> None:
        """Put the symbol's object, in the place of the one that is there."""
        text = io.StringIO()
        writer = csv.DictWriter(text, ["symbol", *rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"symbol": symbol, **row} for row in rows)
        path = self.folder / "bucket/processed" / dataset / f"{symbol}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.getvalue())

    def load(self) -> None:
        """One cycle of the daemon."""
        ended = Shell(self.folder, self.settings).run("once", "--json")
        assert ended.code == 0, ended.err

    def describe(self, symbol: str, old: str, new: str) -> None:
        """Say something else of a symbol in the seed of the models."""
        seed = self._project().files / "seeds/market/symbol_reference.csv"
        before = seed.read_text()
        seed.write_text(before.replace(f"{symbol},{old},", f"{symbol},{new},"))
        assert seed.read_text() != before

    def build(self, *words: str, target: str = "duckdb_dev", lookback_hours: int = 24) -> None:
        """Build and test the models."""
        variables = json.dumps({"daily_bars_lookback_hours": lookback_hours})
        ended = self._project().build(target, "--select", "market", "--vars", variables, *words)
        assert ended.code == 0, ended.out + ended.err

    def ask(self, sql: str, *, target: str = "dev") -> list[dict[str, Any]]:
        """Rows of the models on DuckDB; SOURCE is the daemon's own database."""
        with duckdb.connect(self.folder / f"financial_models_{target}.duckdb", read_only=True) as connection:
            connection.execute(f"ATTACH '{self.folder / 'etl.duckdb'}' AS SOURCE (READ_ONLY)")
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _project(self) -> Project:
        files = self.folder / "dbt"
        if not files.exists():
            shutil.copytree(PROJECT, files, ignore=shutil.ignore_patterns("target", "logs"))
        return Project(self.folder, self.settings, files)


def reference_quotes(name: str) -> list[Row]:
    """Published quotes as they stand in their file."""
    with gzip.open(REFERENCE / f"quotes_{name}.csv.gz", "rt", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def reference_values(name: str) -> dict[date, dict[str, float | None]]:
    """Published values of an indicator, by day."""
    with gzip.open(REFERENCE / f"{name}.standard.json.gz", "rt") as file:
        return {datetime.fromisoformat(each.pop("timestamp")).date(): each for each in json.load(file)}


def made_up_quotes(days: Sequence[date], start: float = 100.0) -> list[Row]:
    """Quotes of a price that goes up and down, with four decimals."""
    closes = [f"{start + 20 * math.sin(at / 9) + at % 7:.4f}" for at in range(len(days))]
    return [
        {"date": day.isoformat(), "open": close, "high": close, "low": close, "close": close, "volume": "1000"}
        for day, close in zip(days, closes, strict=True)
    ]


def weekdays(first: date, count: int) -> list[date]:
    """That many days from Monday to Friday."""
    days = (first + timedelta(days=at) for at in range(2 * count))
    return [day for day in days if day.weekday() < 5][:count]
