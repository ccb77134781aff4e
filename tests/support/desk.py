"""An operator's desk: a daemon and the operations beside it, over objects in memory and any destination."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.destination.review import SqlReview
from etl_daemon.adapters.destination.session import Engine
from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.model import Receipt
from etl_daemon.core.planning.discovery import EPOCH, BatchLimits
from etl_daemon.core.policy import SYMBOL_PATTERNS, Rules
from etl_daemon.core.review import Selection
from etl_daemon.daemon import Daemon, DatasetReport
from etl_daemon.operations.audit import Audit, audit
from etl_daemon.operations.backfill import Progress, Span, backfill
from etl_daemon.operations.claim import Operator
from etl_daemon.operations.reload import ReloadReport, reload
from etl_daemon.operations.replay import ReplayReport, replay
from etl_daemon.pipeline import Corridor, Intake, Reach, Tolerance
from tests.support.corridor import HandClock, ndjson
from tests.support.rows import ANOMALIES, PRICES

CLASSES = Rules(symbol_pattern=SYMBOL_PATTERNS["us_equity_classes"])
FOLDER = "processed/price_data/"


class Meanwhile(SqlDestination):
    """A destination where something happens right before rows are replayed or committed."""

    before: Callable[[], object] | None = None

    def replay(self, *given: Any, **named: Any) -> Receipt:
        self._now()
        return super().replay(*given, **named)

    def commit(self, *given: Any, **named: Any) -> Receipt:
        self._now()
        return super().commit(*given, **named)

    def _now(self) -> None:
        before, self.before = self.before, None
        if before:
            before()


@dataclass
class Desk:
    """``rules`` are those of the operator; the daemon keeps the usual ones."""

    engine: Engine
    dataset: Dataset = PRICES
    rules: Rules = CLASSES
    bucket: str = ""
    batch_objects: int = 1000
    tolerance: Tolerance = field(default_factory=Tolerance)
    clock: HandClock = field(default_factory=HandClock)
    source: MemorySource = field(default_factory=MemorySource)

    def __post_init__(self) -> None:
        self.dataset, anomalies = (self._here(each) for each in (self.dataset, ANOMALIES))
        self.control = f"{self.engine.database}.ETL_CONTROL"
        self.destination = Meanwhile(self.engine, anomalies)
        self.review = SqlReview(self.engine)
        self.decoder = ObjectDecoder()
        self.loads(self.dataset.mode)

    def loads(self, mode: Mode, **more: Any) -> None:
        """From now on the dataset has this mode, for a daemon that has just started."""
        self.dataset = replace(self.dataset, mode=mode, **more)
        self.daemon = Daemon(self.corridor(Rules()), [self.dataset], self.clock, "daemon")

    def _here(self, dataset: Dataset) -> Dataset:
        table = dataset.table.split(".", 1)[1]
        return replace(dataset, table=f"{self.engine.database}.{table}", window_hours=1e6)

    def corridor(self, rules: Rules | None = None) -> Corridor:
        intake = Intake(self.source, self.decoder, rules or self.rules, self.tolerance, 4, 2**26)
        reach = Reach(timedelta(hours=2), timedelta(hours=24), UTC, BatchLimits(2**30, self.batch_objects))
        return Corridor(intake, self.destination, self.bucket, reach, lambda _: None)

    def operator(self, name: str = "ann") -> Operator:
        return Operator(name, f"{name}'s process", self.review, self.clock)

    def put(self, key: str, rows: Sequence[dict[str, object]] | bytes, *, modified: datetime | None = None) -> None:
        data = rows if isinstance(rows, bytes) else ndjson(rows)
        self.source.put(FOLDER + key, data, modified or self.clock.now(), self.bucket)

    def cycle(self) -> DatasetReport:
        """One cycle of the daemon, a minute after the last."""
        self.clock.forward(minutes=1)
        return self.daemon.cycle()[0]

    def replay(
        self, selection: Selection | None = None, *, operator: Operator | None = None, dry_run: bool = False
    ) -> ReplayReport:
        given = selection or Selection()
        return replay(self.dataset, given, self.corridor(), operator or self.operator(), dry_run=dry_run)

    def reload(self, *, dry_run: bool = False) -> ReloadReport:
        refused = self.review.refused(self.dataset)
        return reload(self.dataset, refused, self.corridor(), self.operator(), dry_run=dry_run)

    def backfill(self, since: datetime, until: datetime, operator: Operator | None = None) -> list[Progress]:
        return list(backfill(self.dataset, Span(since, until), self.corridor(), operator or self.operator()))

    def audit(self, since: datetime = EPOCH) -> Audit:
        return audit(self.dataset, self.corridor(), self.review, since)

    def gaps(self) -> list[tuple[str, str]]:
        return [(each.gap.value, each.key.removeprefix(FOLDER)) for each in self.audit().findings]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.session() as session:
            return session.rows(sql)

    def prices(self) -> list[tuple[Any, ...]]:
        """Symbol, close, object and row of what is in the table."""
        found = self.ask(f"SELECT SYMBOL, CLOSE_PRICE, _OBJECT_KEY, _OBJECT_ROW FROM {self.dataset.table}")
        return sorted((symbol, float(close), key.removeprefix(FOLDER), int(row)) for symbol, close, key, row in found)

    def ledger(self) -> dict[str, tuple[int, ...]]:
        """Rows read, loaded, quarantined, superseded, filtered and replaced of each object, over all its versions."""
        counts = ("READ", "LOADED", "QUARANTINED", "SUPERSEDED", "FILTERED", "REPLACED")
        sums = ", ".join(f"SUM(ROWS_{each})" for each in counts)
        lines = self.ask(f"SELECT KEY, {sums} FROM {self.control}.ETL_OBJECTS GROUP BY KEY")
        return {key.removeprefix(FOLDER): tuple(map(int, of)) for key, *of in lines}

    def log(self) -> list[tuple[Any, ...]]:
        columns = "WHO, WHAT, DATASET, DETAIL"
        return self.ask(f"SELECT {columns} FROM {self.control}.ETL_AUDIT_LOG ORDER BY OCCURRED_AT, DETAIL")
