"""What pages show of the past: the history, as far as may be shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Self, TypeVar

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.past import Past
from etl_daemon.adapters.sqlite.samples import Samples
from etl_daemon.adapters.sqlite.search import Search
from etl_daemon.adapters.sqlite.tables import HISTORY
from etl_daemon.config import Settings
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.pages.batch import BatchSeen
from etl_daemon.core.pages.charts import HOUR, WEEK
from etl_daemon.core.pages.dataset import Seen, objects_asked, symbol_asked
from etl_daemon.core.pages.paging import Query, page_of
from etl_daemon.core.pages.panel import Recent
from etl_daemon.core.pages.quarantine import QuarantineSeen, rows_asked
from etl_daemon.core.status.asked import Found, ObjectsAsked, RowsAsked
from etl_daemon.core.status.history import ExampleLine
from etl_daemon.errors import EtlError

T = TypeVar("T")

LATEST = 20
"""So many batches, and half as many failures, are shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The history of a daemon; ``rows``: whether rejected rows, and values of others, may be shown."""

    past: Past
    search: Search
    samples: Samples
    rows: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The history that these settings lead to; rows where only this machine looks, or where that is allowed."""
        file, daemon = StateFile(settings.etl_state_dir, HISTORY), settings.etl_daemon_name
        rows = on_loopback(settings) or settings.etl_http_rows
        return cls(Past(file, daemon), Search(file, daemon), Samples(file, daemon), rows)

    def recent(self, now: datetime) -> Recent:
        """As the protocol says."""
        week = WEEK.starts(now)[0]
        return _read(
            lambda: Recent(
                self.past.minutes(HOUR.starts(now)[0]),
                self.past.hours(week),
                self.past.batches(week, LATEST),
                self.past.failures(week, LATEST // 2),
                self.past.examples(week) if self.rows else (),
            ),
            lambda why: Recent(unread=why),
        )

    def dataset(self, dataset: Dataset, query: Query, now: datetime) -> Seen:
        """As the protocol says."""
        return _read(lambda: self._dataset(dataset.name, query, now), lambda why: Seen(unread=why))

    def _dataset(self, name: str, query: Query, now: datetime) -> Seen:
        hour, week = HOUR.starts(now)[0], WEEK.starts(now)[0]
        symbols = self.samples.symbols(name) if self.rows else ()
        symbol = symbol_asked(query, symbols)
        return Seen(
            Recent(self.past.minutes(hour), self.past.hours(week), examples=self._rows(RowsAsked(dataset=name)).lines),
            self.past.reasons(name, hour, hourly=False),
            self.past.reasons(name, week, hourly=True),
            self.search.objects(objects_asked(name, query)),
            symbols,
            self.samples.points(name, symbol),
            self.samples.flags(name, symbol),
            hidden=not self.rows,
        )

    def quarantine(self, query: Query, now: datetime) -> QuarantineSeen:
        """As the protocol says."""
        return _read(
            lambda: QuarantineSeen(
                self._rows(rows_asked(query, now).rows),
                self.past.reasons("", WEEK.starts(now)[0], hourly=True),
                hidden=not self.rows,
            ),
            lambda why: QuarantineSeen(hidden=not self.rows, unread=why),
        )

    def batch(self, batch_id: str, query: Query) -> BatchSeen | None:
        """As the protocol says."""
        return _read(lambda: self._batch(batch_id, query), lambda _: None)

    def _batch(self, batch_id: str, query: Query) -> BatchSeen | None:
        line = self.past.batch(batch_id)
        if line is None:
            return None
        return BatchSeen(
            line,
            self.search.objects(ObjectsAsked(batch_id=batch_id, at=line.at, page=page_of(query))),
            self.search.extent(line),
            self._rows(RowsAsked(batch_id=batch_id, since=line.at)).lines,
        )

    def _rows(self, asked: RowsAsked) -> Found[ExampleLine]:
        return self.search.rows(asked) if self.rows else Found()


def _read(found: Callable[[], T], unread: Callable[[str], T]) -> T:
    try:
        return found()
    except EtlError as error:
        return unread(error.detail)


def on_loopback(settings: Settings) -> bool:
    """Whether only this machine can ask."""
    host = settings.etl_http_host.strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
