"""A whole corridor on a fresh DuckDB file, and a way to ask what it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Event
from etl_daemon.core.planning.discovery import BatchLimits
from etl_daemon.core.policy import Rules
from etl_daemon.daemon import Daemon, DatasetReport
from etl_daemon.pipeline import Corridor, Intake, Reach, Tolerance
from etl_daemon.ports import Destination, Source
from tests.support.rows import ANOMALIES, NOW, PRICES

DATABASE = "FINANCIAL_DATA"
ROW = "SELECT * EXCLUDE (_BATCH_ID, _LOADED_AT)"


@dataclass
class HandClock:
    """A clock that moves when told to."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def forward(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class House:
    """A daemon over a source of objects and a DuckDB file, or another ``destination``.

    Parts may be replaced before the first cycle.
    """

    path: Path = Path()
    datasets: Sequence[Dataset] = (PRICES,)
    source: Source = field(default_factory=MemorySource)
    rules: Rules = field(default_factory=Rules)
    tolerance: Tolerance = field(default_factory=Tolerance)
    limits: BatchLimits = field(default_factory=lambda: BatchLimits(2**30, 1000))
    lookback_hours: float = 2
    slice_rows: int = 2**20
    holder: str = "tester"
    clock: HandClock = field(default_factory=HandClock)
    events: list[Event] = field(default_factory=list)
    destination: Destination | None = None

    def __post_init__(self) -> None:
        self.file = DuckDBFile(self.path, DATABASE, wait_seconds=5)
        self.decoder = ObjectDecoder(sizes=Sizes(slice_rows=self.slice_rows))
        self.daemon = self.restarted()

    def restarted(self) -> Daemon:
        """The daemon as after a restart: nothing remembered."""
        reach = Reach(timedelta(hours=self.lookback_hours), timedelta(hours=24), UTC, self.limits)
        destination = self.destination or SqlDestination(self.file, ANOMALIES)
        intake = Intake(self.source, self.decoder, self.rules, self.tolerance, 4, 2**26, self.events.append)
        corridor = Corridor(intake, destination, "", reach, self.events.append)
        self.daemon = Daemon(corridor, list(self.datasets), self.clock, self.holder)
        return self.daemon

    def put(self, key: str, rows: object, *, modified: datetime | None = None) -> None:
        """Write an object: rows as NDJSON, or bytes as they are."""
        data = rows if isinstance(rows, bytes) else ndjson(rows)
        self.source.put(key, data, modified or self.clock.now())

    def cycle(self) -> DatasetReport:
        """One cycle; the report of the first dataset."""
        return self.daemon.cycle()[0]

    def ask(self, sql: str) -> list[tuple]:
        with self.file.connection(read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def contents(self) -> dict[str, list[tuple]]:
        """Everything that must not depend on batches, restarts or replays."""
        return {
            "prices": self.ask(f"{ROW} FROM MARKET_DATA.PRICE_DATA ORDER BY ALL"),
            "anomalies": self.ask(f"{ROW} FROM ANALYTICS.ANOMALIES ORDER BY ALL"),
            "quarantine": self.ask(
                "SELECT OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, REASONS, RAW "
                "FROM ETL_CONTROL.ETL_QUARANTINE ORDER BY ALL"
            ),
            "ledger": self.ask(
                "SELECT KEY, VERSION, OUTCOME, REASON, ROWS_READ, ROWS_LOADED - ROWS_REPLACED, ROWS_QUARANTINED "
                "FROM ETL_CONTROL.ETL_OBJECTS ORDER BY ALL"
            ),
        }


def ndjson(rows: Sequence[dict[str, object]]) -> bytes:
    """Rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def with_window(dataset: Dataset, hours: float) -> Dataset:
    """The dataset with another window."""
    return replace(dataset, window_hours=hours)
