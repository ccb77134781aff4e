"""Destinations with fresh tables, asked alike: one more engine is one more entry of ``TARGETS``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.destination.shelf import Shelf
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.adapters.memory.destination import MemoryDestination
from etl_daemon.adapters.snowflake.engine import SnowflakeEngine
from etl_daemon.config import Settings
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import (
    BatchPlan,
    CleanBatch,
    CleanSlice,
    Cursor,
    Deferral,
    Fence,
    ObjectRef,
    Receipt,
    Refusal,
)
from etl_daemon.core.sql.tables import CONTROL_TABLES, control
from etl_daemon.ports import Destination
from tests.support.rows import ANOMALIES, INDICATORS, NOW, PRICES, batch

DATABASE = "FINANCIAL_DATA"
DATASETS = (PRICES, INDICATORS, ANOMALIES)
TABLES = (
    "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_catalog = 'FINANCIAL_DATA'"
)
FENCE = Fence(1, "tester")
_FIXED = {*(control(DATABASE, name) for name in CONTROL_TABLES), *(dataset.table for dataset in DATASETS)}
"""Tables whose columns never change."""


class Target(ABC):
    """A destination, and what it holds; each ``load`` is a commit a millisecond after the one before."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.now = NOW
        destination.prepare(DATASETS)

    @abstractmethod
    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table named in full, column names in upper case."""

    @abstractmethod
    def discard(self, key: str) -> None:
        """Discard the quarantined rows of an object, as an operator does."""

    def load(
        self,
        *results: CleanSlice | Refusal | Deferral,
        dataset: Dataset = PRICES,
        fence: Fence = FENCE,
        superseded: tuple[ObjectRef, ...] = (),
        watermark: datetime | None = None,
        now: datetime | None = None,
    ) -> Receipt:
        """Stage and commit, then hold the ledger against the table."""
        self.now += timedelta(milliseconds=1)
        given = batch(results, dataset, watermark)
        plan = BatchPlan(dataset, given.plan.objects, watermark, superseded)
        staged = self.destination.stage(CleanBatch(plan, given.results))
        receipt = self.destination.commit(staged, fence, now or self.now)
        self.audit(dataset)
        return receipt

    def control(self, name: str) -> list[dict[str, Any]]:
        return self.table(f"{DATABASE}.ETL_CONTROL.{name}")

    def audit(self, dataset: Dataset = PRICES) -> None:
        """Every object has as many rows as the ledger says, and every row read is accounted for."""
        rows = [row for row in self.table(dataset.table) if dataset.kind is not Kind.ANOMALIES or _outside(row)]
        there = Counter(row["_OBJECT_KEY"] for row in rows)
        said: Counter[str] = Counter()
        for line in self.lines(dataset):
            said[line["KEY"]] += line["ROWS_LOADED"] - line["ROWS_REPLACED"]
            ways = ("LOADED", "QUARANTINED", "SUPERSEDED", "FILTERED")
            assert line["ROWS_READ"] == sum(line[f"ROWS_{way}"] for way in ways), line
        assert there == +said, (there, said)
        assert not -said, said

    def lines(self, dataset: Dataset = PRICES) -> list[dict[str, Any]]:
        """The ledger of a dataset and target, oldest first."""
        mine = (dataset.name, dataset.table)
        found = [line for line in self.control("ETL_OBJECTS") if (line["DATASET"], line["TARGET_TABLE"]) == mine]
        return sorted(found, key=lambda line: (line["COMMITTED_AT"], line["KEY"]))

    def ledger(self, dataset: Dataset = PRICES) -> list[tuple[Any, ...]]:
        """(key, version, outcome, rows loaded, rows replaced), oldest first."""
        return _picked(self.lines(dataset), "KEY VERSION OUTCOME ROWS_LOADED ROWS_REPLACED")

    def prices(self, dataset: Dataset = PRICES) -> list[tuple[Any, ...]]:
        """(symbol, close, object key, row), sorted."""
        return sorted(_picked(self.table(dataset.table), "SYMBOL CLOSE_PRICE _OBJECT_KEY _OBJECT_ROW"))

    def symbols(self, dataset: Dataset = PRICES) -> str:
        """All symbols, sorted, in one word."""
        return "".join(sorted(row["SYMBOL"] for row in self.table(dataset.table)))

    def quarantine(self) -> list[tuple[Any, ...]]:
        """(object key, version, row, reasons), sorted; what was discarded is left out."""
        rows = [row for row in self.control("ETL_QUARANTINE") if row["DISCARDED_AT"] is None]
        return sorted(_picked(rows, "OBJECT_KEY OBJECT_VERSION OBJECT_ROW REASONS"))

    def anomalies(self) -> list[tuple[Any, ...]]:
        """(type, who found it, object key, row), sorted."""
        rows = self.table(ANOMALIES.table)
        return sorted(_picked(rows, "ANOMALY_TYPE DETECTED_BY _OBJECT_KEY _OBJECT_ROW"))

    def cursor(self, dataset: Dataset = PRICES) -> Cursor:
        return self.destination.recall([dataset], "")[dataset.name].cursor


class MemoryTarget(Target):
    def __init__(self) -> None:
        self.memory = MemoryDestination(ANOMALIES)
        super().__init__(self.memory)

    def table(self, name: str) -> list[dict[str, Any]]:
        state = self.memory.state
        control = {"ETL_OBJECTS": state.objects, "ETL_BATCHES": state.batches, "ETL_QUARANTINE": state.quarantine}
        last = name.rpartition(".")[2]
        return control[last] if last in control else state.tables[name]

    def discard(self, key: str) -> None:
        for row in self.memory.state.quarantine:
            if row["OBJECT_KEY"] == key:
                row["DISCARDED_AT"] = self.now


class DuckDBTarget(Target):
    def __init__(self, path: Path, shelf: Shelf | None = None) -> None:
        self.file = DuckDBFile(path, DATABASE, wait_seconds=0.2)
        self._seen: tuple[object, dict[str, list[dict[str, Any]]]] = (None, {})
        super().__init__(SqlDestination(self.file, ANOMALIES, shelf))

    def table(self, name: str) -> list[dict[str, Any]]:
        """To open a file takes longer than to read it: what was read counts until the file is written again."""
        stat = self.file.path.stat()
        if self._seen[0] != (stat.st_mtime_ns, stat.st_size):
            with self.file.connection(read_only=True) as connection:
                names = [f"{DATABASE}.{name}" for (name,) in connection.execute(TABLES).fetchall()]
                read = {full: connection.sql(f"FROM {full}").to_arrow_table().to_pylist() for full in names}
            self._seen = ((stat.st_mtime_ns, stat.st_size), read)
        return self._seen[1][name]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.file.connection(read_only=True) as connection:
            return connection.execute(sql).fetchall()

    @property
    def engine(self) -> DuckDBFile:
        return self.file

    def discard(self, key: str) -> None:
        with self.file.connection() as connection:
            connection.execute(
                "UPDATE ETL_CONTROL.ETL_QUARANTINE SET DISCARDED_AT = QUARANTINED_AT WHERE OBJECT_KEY = ?", [key]
            )


class SnowflakeTarget(Target):
    """A database of an account, real or emulated, whose schemas are made anew: it is for tests alone."""

    def __init__(self, settings: Settings) -> None:
        self.engine = SnowflakeEngine(settings)
        self._names: dict[str, list[str]] = {}
        with self.engine.session() as session:
            session.run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
            for schema in ("ETL_CONTROL", "MARKET_DATA", "ANALYTICS"):
                session.run(f"DROP SCHEMA IF EXISTS {DATABASE}.{schema} CASCADE")
        self.engine.close()  # the next login finds the database, and is in it
        super().__init__(SqlDestination(self.engine, ANOMALIES))

    def table(self, name: str) -> list[dict[str, Any]]:
        with self.engine.session() as session:
            if name not in self._names or name not in _FIXED:
                _, schema, table = name.split(".")
                columns = session.rows(
                    f"SELECT COLUMN_NAME FROM {DATABASE}.INFORMATION_SCHEMA.COLUMNS "
                    "WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
                    schema,
                    table,
                )
                self._names[name] = [column for (column,) in columns]
            names = self._names[name]
            return [dict(zip(names, row, strict=True)) for row in session.rows(f"SELECT * FROM {name}")]

    def discard(self, key: str) -> None:
        with self.engine.session() as session:
            session.run(
                f"UPDATE {DATABASE}.ETL_CONTROL.ETL_QUARANTINE SET DISCARDED_AT = QUARANTINED_AT WHERE OBJECT_KEY = ?",
                key,
            )


@contextmanager
def memory(folder: Path) -> Iterator[Target]:
    yield MemoryTarget()


@contextmanager
def duckdb(folder: Path) -> Iterator[Target]:
    yield DuckDBTarget(folder / "market.duckdb")


@contextmanager
def shelved(folder: Path) -> Iterator[Target]:
    """As ``duckdb``, but memory holds nothing of what is staged."""
    yield DuckDBTarget(folder / "market.duckdb", Shelf(0, folder))


@contextmanager
def snowflake(settings: Settings) -> Iterator[Target]:
    made = SnowflakeTarget(settings)
    try:
        yield made
    finally:
        made.engine.close()


TARGETS: Mapping[str, Callable[[Path], AbstractContextManager[Target]]] = {
    "memory": memory,
    "duckdb": duckdb,
    "shelved": shelved,
}
"""How to make a target in a folder of its own, by engine."""


def of(dataset: Dataset, mode: str, **more: Any) -> Dataset:
    """The dataset in another mode."""
    return replace(dataset, mode=type(dataset.mode)(mode), **more)


def _picked(rows: list[dict[str, Any]], names: str) -> list[tuple[Any, ...]]:
    return [tuple(str(value) if name == "OUTCOME" else value for name, value in _cells(row, names)) for row in rows]


def _cells(row: dict[str, Any], names: str) -> list[tuple[str, Any]]:
    return [(name, row[name]) for name in names.split()]


def _outside(row: dict[str, Any]) -> bool:
    return not row["DETECTED_BY"].startswith("etl_daemon:")
