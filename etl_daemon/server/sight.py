"""What pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.pages.batch import BatchSeen
from etl_daemon.core.pages.dataset import Seen
from etl_daemon.core.pages.paging import Query
from etl_daemon.core.pages.panel import Recent
from etl_daemon.core.pages.quarantine import QuarantineSeen
from etl_daemon.core.status.health import Identity, Moment, Patience


class History(Protocol):
    """What is kept of the past; where it cannot be read, answers say why and are empty else."""

    def recent(self, now: datetime) -> Recent:
        """The last hour and week of all datasets, and what happened last."""

    def dataset(self, dataset: Dataset, query: Query, now: datetime) -> Seen:
        """A dataset, as far as the query asks for."""

    def quarantine(self, query: Query, now: datetime) -> QuarantineSeen:
        """Rejected rows that fit the query."""

    def batch(self, batch_id: str, query: Query) -> BatchSeen | None:
        """A batch by its id; None where it is not kept, or cannot be read."""


class Unkept:
    """No past at all."""

    def recent(self, now: datetime) -> Recent:
        """Nothing."""
        return Recent()

    def dataset(self, dataset: Dataset, query: Query, now: datetime) -> Seen:
        """Nothing."""
        return Seen()

    def quarantine(self, query: Query, now: datetime) -> QuarantineSeen:
        """Nothing."""
        return QuarantineSeen()

    def batch(self, batch_id: str, query: Query) -> BatchSeen | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class Sight:
    """``moment`` and ``metrics`` give what is at hand, at once, ``history`` what is kept of the past.

    ``settings`` are those that the process works by, secrets starred.
    """

    identity: Identity
    patience: Patience
    moment: Callable[[], Moment]
    metrics: Callable[[], bytes]
    metrics_type: str
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    history: History = field(default_factory=Unkept)
    settings: Mapping[str, str] = field(default_factory=dict)
