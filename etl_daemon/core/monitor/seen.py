"""What the monitor has seen, and what it holds it against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.monitor.disk import Space
from etl_daemon.core.status.health import Patience, Reason
from etl_daemon.core.status.history import BatchLine, FailureLine, Mark, Period, Process, Tally

HOUR = timedelta(hours=1)
NEVER = datetime.min.replace(tzinfo=UTC)
SOON = timedelta(minutes=15)
"""Nothing is late before."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on it is wrong. Shares lie between 0 and 1."""

    patience: Patience
    failed_share: float
    reject_share: float
    drift_share: float
    free_bytes: int

    @property
    def late(self) -> timedelta:
        """A cycle that went well longer ago is late."""
        return max(timedelta(seconds=self.patience.seconds), SOON)

    @property
    def lately(self) -> timedelta:
        """The time over which errors and rejects are counted: an hour, or longer where cycles are rare."""
        return max(HOUR, self.late)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon said over HTTP, and why not where it is not live or not ready."""

    live: bool
    ready: bool
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known at ``now`` (UTC). ``address`` is where a daemon answers; empty: nowhere.

    ``hours`` reach back as far as the history does; ``minutes``, ``batches`` and ``failures`` are those of lately.
    """

    now: datetime
    datasets: tuple[Dataset, ...]
    address: str = ""
    answer: Answer | None = None
    process: Process | None = None
    marks: Mapping[tuple[str, Mark], datetime] = field(default_factory=dict)
    minutes: tuple[Period, ...] = ()
    hours: tuple[Period, ...] = ()
    batches: tuple[BatchLine, ...] = ()
    failures: tuple[FailureLine, ...] = ()
    spaces: tuple[Space, ...] = ()

    def lately(self, dataset: str) -> Tally:
        """What happened to the dataset lately; without a name: what happened to all."""
        return sum((each.tally for each in self.minutes if each.dataset == dataset), Tally())

    def last(self, dataset: str, mark: Mark) -> datetime:
        """When it happened last, or NEVER."""
        return self.marks.get((dataset, mark), NEVER)

    def alive(self, dataset: str) -> datetime:
        """Its last cycle that went well, or commit, or NEVER."""
        return max(self.last(dataset, Mark.SUCCESS), self.last(dataset, Mark.COMMIT))

    @property
    def any_alive(self) -> datetime:
        """The last of that of all datasets."""
        return max((self.alive(name) for name, _ in self.marks), default=NEVER)


def spoken(span: timedelta) -> str:
    """A length of time as people say it."""
    seconds = max(span.total_seconds(), 0.0)
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def instant(at: datetime) -> str:
    """A moment as the log has it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
