"""The two destinations as places where a run can be prepared, copied and looked into."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self
from uuid import uuid4

import duckdb

from etl_daemon.core.datasets import SCHEMAS, Kind
from tests.support.chaos.kills import DUCKDB, SNOWFLAKE
from tests.support.snowflake import Emulator

DATABASE = "FINANCIAL_DATA"
TARGETS = {"prices": "MARKET_DATA.PRICE_DATA", "anomalies": "ANALYTICS.ANOMALIES"}
_KINDS = {"prices": Kind.PRICES, "anomalies": Kind.ANOMALIES}
_COUNTS = "ROWS_READ, ROWS_LOADED, ROWS_QUARANTINED, ROWS_SUPERSEDED, ROWS_FILTERED, ROWS_REPLACED"
_OWN = "_OBJECT_KEY, _OBJECT_ROW, _OBJECT_MODIFIED"

QUERIES = {
    **{
        what: f"SELECT {_OWN}, {', '.join(SCHEMAS[_KINDS[what]].target.names)} FROM {table}"
        for what, table in TARGETS.items()
    },
    "quarantine": "SELECT QUARANTINE_ID, DATASET, OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, REASONS, RAW "
    "FROM ETL_CONTROL.ETL_QUARANTINE",
    "ledger": "SELECT KEY, DATASET, BUCKET, VERSION, ETAG, SIZE, MODIFIED, OUTCOME, REASON, "
    f"{_COUNTS} FROM ETL_CONTROL.ETL_OBJECTS",
    "present": "SELECT KEY, SUM(ROWS_LOADED - ROWS_REPLACED) FROM ETL_CONTROL.ETL_OBJECTS GROUP BY KEY",
}
"""What must not depend on who loaded it and when: batch ids and times of commits are left out."""

Contents = dict[str, Counter[tuple[Any, ...]]]


class Site(Protocol):
    """A database of a run's own."""

    destination: str

    def settings(self) -> Mapping[str, str]:
        """Settings that lead a daemon here."""

    def copy(self, folder: Path) -> Self:
        """Another with the same contents; ``folder`` is that of the run."""

    def ask(self, *queries: str) -> list[list[tuple[Any, ...]]]:
        """The rows that each query gives."""


class DuckDBSite:
    """A file."""

    destination = DUCKDB

    def __init__(self, folder: Path) -> None:
        self.path = folder / "market.duckdb"

    def settings(self) -> Mapping[str, str]:
        return {"ETL_DESTINATION": DUCKDB, "ETL_DUCKDB_PATH": str(self.path), "SNOWFLAKE_DATABASE": DATABASE}

    def copy(self, folder: Path) -> DuckDBSite:
        other = DuckDBSite(folder)
        shutil.copy(self.path, other.path)
        return other

    def ask(self, *queries: str) -> list[list[tuple[Any, ...]]]:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{self.path}' AS {DATABASE} (READ_ONLY)")
            connection.execute(f"USE {DATABASE}")
            return [connection.execute(query).fetchall() for query in queries]


class SnowflakeSite:
    """A database of an emulator."""

    destination = SNOWFLAKE

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.database = f"T_{uuid4().hex[:12]}".upper()
        emulator.run(f"CREATE DATABASE {self.database}")

    def settings(self) -> Mapping[str, str]:
        return {"ETL_DESTINATION": SNOWFLAKE, **self.emulator.settings(SNOWFLAKE_DATABASE=self.database)}

    def copy(self, folder: Path) -> SnowflakeSite:
        del folder
        other = SnowflakeSite(self.emulator)
        tables = self.ask("SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES "
                          "WHERE TABLE_SCHEMA <> 'INFORMATION_SCHEMA'")[0]  # fmt: skip
        schemas = {schema for schema, _ in tables}
        made = [f"CREATE SCHEMA IF NOT EXISTS {other.database}.{schema}" for schema in sorted(schemas)]
        for schema, table in tables:
            name = f"{schema}.{table}"
            made.append(f"CREATE TABLE {other.database}.{name} AS SELECT * FROM {self.database}.{name}")
        made += [
            f"UPDATE {other.database}.ETL_CONTROL.{table} SET TARGET_TABLE = '{other.database}.{TARGETS['prices']}'"
            for table in ("ETL_OBJECTS", "ETL_BATCHES")
        ]
        self.emulator.run(*made)
        return other

    def ask(self, *queries: str) -> list[list[tuple[Any, ...]]]:
        with self.emulator.connect(database=self.database) as connection:
            return [connection.cursor().execute(query).fetchall() for query in queries]


def contents(site: Site) -> Contents:
    """All that a run is judged by, as multisets."""
    return {what: Counter(rows) for what, rows in zip(QUERIES, site.ask(*QUERIES.values()), strict=True)}


def audited(found: Contents) -> bool:
    """Whether the target holds of each object what the ledger says."""
    held: Counter[str] = Counter()
    for (key, *_), times in found["prices"].items():
        held[key] += times
    said = {key: int(rows) for key, rows in found["present"] if rows}
    return held == said


@contextmanager
def without_faults(emulator: Emulator) -> Iterator[None]:
    """Forget faults that nothing met."""
    try:
        yield
    finally:
        emulator.clear_faults()
