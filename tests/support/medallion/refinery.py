"""Bronze, silver and gold of customers on a destination of either SQL engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from etl_daemon.adapters.destination.session import Engine
from etl_daemon.adapters.destination.silver import SqlSilver
from etl_daemon.config import settings_from
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.medallion.refinement import Refinement
from etl_daemon.core.medallion.silver import Merged, Run
from tests.support.corridor import ndjson
from tests.support.desk import FOLDER, Desk

DATASETS = Path(__file__).resolve().parents[3] / "deploy/snowflake/medallion/datasets.toml"
DAY = "2026-01-{:02}T00:00:00Z"


def described(name: str) -> Dataset:
    """A dataset of the file that the scripts for Snowflake are made of."""
    settings = settings_from({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": ".", "ETL_DATASETS_FILE": str(DATASETS)})
    (found,) = [each for each in configure.datasets(settings) if each.name == name]
    return found


def customer(number: int | None, name: str | None = "Ada", day: int = 1, **more: object) -> dict[str, object]:
    """A row as it comes, changed at the source on that day of January."""
    row = {"CUSTOMER_ID": number, "NAME": name, "COUNTRY": "gb", "UPDATED_AT": DAY.format(day)}
    return {**row, **more}


@dataclass
class Refinery:
    """Objects are put by name and loaded at once; ``merge`` is `models run`, a minute later."""

    engine: Engine
    dataset: Dataset = field(default_factory=lambda: described("customers"))
    runs: int = 0

    def __post_init__(self) -> None:
        prefix = FOLDER.rstrip("/")
        self.desk = Desk(self.engine, replace(self.dataset, prefix=prefix, silver=None))
        self.dataset = self.desk.dataset
        self.merger = SqlSilver(self.engine)
        given = described("customers").silver
        assert given
        here = {name: f"{self.engine.database}.{getattr(given, name).split('.', 1)[1]}" for name in ("table", "view")}
        self.refinement: Refinement = replace(given, **here)

    def load(self, name: str, *rows: dict[str, object], age_hours: float = 0) -> None:
        """An object, last modified so long before now; a cycle loads it."""
        self.desk.put(name, ndjson(rows), modified=self.desk.clock.now() - timedelta(hours=age_hours))
        report = self.desk.cycle()
        assert report.error is None, report.error
        assert sum(len(receipt.objects) for receipt in report.receipts) == 1

    def run(self) -> Run:
        self.runs += 1
        self.desk.clock.forward(minutes=1)
        return Run("tester", f"run-{self.runs}", self.desk.clock.now())

    def merge(self) -> Merged:
        return self.merger.merge(self.dataset, self.refinement, self.run())

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.desk.ask(sql)

    def silver(self, columns: str = "NAME") -> dict[int, Any]:
        """Columns of silver by customer; one of them, as it is."""
        names = ", ".join(f'"{name}"' for name in ("CUSTOMER_ID", *columns.split()))
        rows = self.ask(f"SELECT {names} FROM {self.refinement.table}")
        assert len({row[0] for row in rows}) == len(rows)
        return {int(number): row[0] if len(row) == 1 else tuple(row) for number, *row in rows}

    def latest(self) -> dict[int, str | None]:
        """The name of each customer in the latest row that bronze has, found without SQL."""
        columns = "CUSTOMER_ID, NAME, UPDATED_AT, _OBJECT_MODIFIED, _OBJECT_KEY, _OBJECT_ROW"
        best: dict[int, Sequence[Any]] = {}
        for number, name, *order in self.ask(f"SELECT {columns} FROM {self.dataset.table}"):
            if number is not None and (number not in best or order > best[number][0]):
                best[number] = (order, name)
        return {int(number): name.strip() if name else name for number, (_, name) in best.items()}

    def faults(self) -> dict[str, int]:
        """What `models test` finds."""
        found, pending = self.merger.inspect(self.dataset, self.refinement)
        assert pending == 0
        return {what: rows for what, rows in found.items() if rows}
