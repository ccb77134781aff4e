"""A daemon over datasets of any columns, on a destination of either SQL engine, and what their tables hold."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from etl_daemon.adapters.destination.review import SqlReview
from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.core.datasets import SYSTEM_COLUMNS, Dataset, Kind, Mode
from etl_daemon.core.events import ObjectRefused
from etl_daemon.core.review import Selection
from etl_daemon.daemon import DatasetReport
from etl_daemon.operations.audit import Finding, audit
from etl_daemon.operations.claim import Operator
from etl_daemon.operations.replay import Tally, replay
from tests.support.corridor import House
from tests.support.targets import DATABASE, Target

TRADES = Dataset("trades", Kind.TABLE, "vendor/trades", f"{DATABASE}.MARKET_DATA.TRADES", primary_key=("ID",))
APPENDED = Dataset("log", Kind.TABLE, "vendor/log", f"{DATABASE}.MARKET_DATA.LOG", mode=Mode.APPEND)


class Warehouse:
    """Objects go in with ``load``, one cycle each; after each the ledger is held against every table."""

    def __init__(self, target: Target, *datasets: Dataset, **more: Any) -> None:
        self.target = target
        self.engine: Engine = target.engine  # type: ignore[attr-defined]  # SQL engines have one
        self.house = House(datasets=datasets or (TRADES,), destination=target.destination, **more)
        self.dataset = self.house.datasets[0]

    @property
    def operator(self) -> Operator:
        return Operator("ada", "operator", SqlReview(self.engine), self.house.clock)

    def put(self, name: str, content: object, dataset: Dataset | None = None) -> None:
        """An object of text or bytes as they are, or of rows as NDJSON, modified a minute after the one before."""
        self.house.clock.forward(minutes=1)
        body = content.encode() if isinstance(content, str) else content
        self.house.put(f"{(dataset or self.dataset).prefix}/{name}", body)

    def load(self, name: str, content: object) -> DatasetReport:
        self.put(name, content)
        return self.cycle()

    def cycle(self) -> DatasetReport:
        """One cycle of all datasets; the first one's report."""
        self.house.clock.forward(seconds=1)
        reports = self.house.daemon.cycle()
        assert not any(report.error for report in reports), [str(report.error) for report in reports]
        for dataset in self.house.datasets:
            if self.exists(dataset):
                self.target.audit(dataset)
        return reports[0]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self._session() as session:
            return session.rows(sql)

    def alter(self, *statements: str) -> None:
        """What somebody else does to the database."""
        with self._session() as session:
            for statement in statements:
                session.run(statement)

    def exists(self, dataset: Dataset | None = None) -> bool:
        with self._session() as session:
            return (dataset or self.dataset).table in existing(session, DATABASE)

    def types(self, dataset: Dataset | None = None) -> dict[str, str]:
        """The table's own columns and their types, in order."""
        described = self.ask(f"DESCRIBE TABLE {(dataset or self.dataset).table}")
        return {name: type_ for name, type_, *_ in described if name not in SYSTEM_COLUMNS.names}

    def rows(self, columns: str, dataset: Dataset | None = None) -> list[tuple[Any, ...]]:
        """All rows, sorted by object and place in it."""
        names = ", ".join(f'"{name}"' for name in columns.split())
        table = (dataset or self.dataset).table
        return self.ask(f"SELECT {names} FROM {table} ORDER BY _OBJECT_KEY, _OBJECT_ROW, _LOADED_AT")

    def audited(self) -> tuple[Finding, ...]:
        """What an audit of the last days finds amiss."""
        since = self.house.clock.now() - timedelta(days=9)
        return audit(self.dataset, self.house.daemon.corridor, self.operator.review, since).findings

    def replayed(self, dataset: Dataset) -> Tally:
        """Try all open rows again, under a dataset with other options; the ledger is held against the table."""
        self.house.clock.forward(seconds=1)
        report = replay(dataset, Selection(), self.house.daemon.corridor, self.operator)
        self.target.audit(dataset)
        return report.rows

    def refused(self) -> list[tuple[str, str, str]]:
        """(key, reason, detail) of all objects refused so far."""
        events = [event for event in self.house.events if isinstance(event, ObjectRefused)]
        return [(event.ref.key.rpartition("/")[2], event.reason, event.detail) for event in events]

    def _session(self) -> AbstractContextManager[Session]:
        return self.engine.session()


def only(values: Sequence[Any]) -> Any:
    (value,) = values
    return value
