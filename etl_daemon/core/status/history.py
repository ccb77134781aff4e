"""What a daemon did lately, as its state folder keeps it: batches, failures, and tallies by minute and by hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

from etl_daemon.config import shown
from etl_daemon.core.events import BatchCommitted, DatasetFailed, DatasetSettled, Event, LeaseAwaited
from etl_daemon.core.events.examples import Example
from etl_daemon.core.model import Counts, Outcome
from etl_daemon.errors import EtlError

OBJECTS_KEPT = 2_000
"""Objects of a batch that are kept one by one; the ledger has all of them."""

DETAIL_LENGTH = 1_000
"""So much of an error's text is kept (characters)."""


class Mark(StrEnum):
    """Of what the last time is kept. ``WAITED``: another process had the lease."""

    SUCCESS = "success"
    COMMIT = "commit"
    ROWS = "rows"
    FAILURE = "failure"
    WAITED = "waited"


@dataclass(frozen=True, slots=True)
class Tally:
    """Cycles by how they ended, batches, and what became of their objects and rows."""

    well: int = 0
    failed: int = 0
    batches: int = 0
    objects: int = 0
    refused: int = 0
    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    superseded: int = 0
    filtered: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in TALLIED))

    @property
    def cycles(self) -> int:
        """How many ended."""
        return self.well + self.failed


TALLIED = tuple(each.name for each in fields(Tally))


@dataclass(frozen=True, slots=True)
class Period:
    """A minute or an hour of a dataset, from ``at`` on; there is none where nothing ended.

    Cycles that failed as a whole are those of the dataset without a name.
    """

    at: datetime
    dataset: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class ReasonPeriod:
    """So many rows that were rejected for a reason in a minute or an hour of a dataset, from ``at`` on."""

    at: datetime
    dataset: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a symbol at a time, as it was loaded."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Flag:
    """An anomaly of a symbol; ``value`` is that of its row, None where it is not known."""

    at: datetime
    value: float | None
    kind: str
    severity: str
    description: str


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A commit. ``objects`` were loaded, ``refused`` were not; ``reasons`` counts rows of the quarantine by code.

    ``stages`` are the seconds that its stages took, each by itself: they overlap, so they add up to more than
    ``seconds``. ``replaced`` rows of restated objects went; ``anomalies`` counts those found by severity.
    """

    at: datetime
    dataset: str
    batch_id: str
    objects: int
    refused: int
    counts: Counts
    reasons: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    bucket: str = ""
    replaced: int = 0
    anomalies: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectLine:
    """What became of an object of a batch that was committed ``at``; ``size`` in bytes, ``modified`` at the source."""

    key: str
    outcome: str
    reason: str
    counts: Counts
    size: int
    modified: datetime
    at: datetime
    dataset: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """A rejected row, as an example of its reasons."""

    at: datetime
    dataset: str
    batch_id: str
    example: Example


@dataclass(frozen=True, slots=True)
class FailureLine:
    """A cycle that failed, of one dataset or, without a name, of all; without secrets."""

    at: datetime
    dataset: str
    kind: str
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that worked: by which ``word`` it was started, and when it ended; None: it runs, or was killed."""

    word: str
    pid: int
    started: datetime
    ended: datetime | None = None


def tally(event: Event) -> Tally:
    """What the event adds."""
    if isinstance(event, DatasetSettled):
        return Tally(well=1)
    if isinstance(event, DatasetFailed):
        return Tally(failed=1)
    if isinstance(event, BatchCommitted):
        line = batch_line(event, datetime.min)  # noqa: DTZ901 - its time is not looked at
        return Tally(0, 0, 1, line.objects, line.refused, *(getattr(line.counts, name) for name in Counts.__slots__))
    return Tally()


def marks(event: Event) -> tuple[Mark, ...]:
    """Of what it is the last time, so far."""
    if isinstance(event, DatasetSettled):
        return (Mark.SUCCESS,)
    if isinstance(event, DatasetFailed):
        return (Mark.FAILURE,)
    if isinstance(event, LeaseAwaited):
        return (Mark.WAITED,)
    if isinstance(event, BatchCommitted):
        return (Mark.COMMIT, Mark.ROWS) if event.receipt.counts.loaded else (Mark.COMMIT,)
    return ()


def batch_line(event: BatchCommitted, at: datetime, stages: Mapping[str, float] | None = None) -> BatchLine:
    """The commit as it is kept."""
    receipt = event.receipt
    outcomes = Counter(line.outcome for line in receipt.objects)
    return BatchLine(
        at,
        event.dataset,
        receipt.batch_id,
        outcomes[Outcome.LOADED],
        outcomes[Outcome.REFUSED],
        receipt.counts,
        dict(receipt.reasons),
        event.seconds,
        dict(stages or {}),
        next((line.ref.bucket for line in receipt.objects), ""),
        receipt.replaced,
        dict(receipt.anomalies),
    )


def failure_line(event: DatasetFailed, at: datetime) -> FailureLine:
    """The failure as it is kept, secrets starred."""
    error = event.error
    detail, hint = (error.detail, error.hint) if isinstance(error, EtlError) else (str(error), "")
    return FailureLine(at, event.dataset, type(error).__name__, shown("detail", detail)[:DETAIL_LENGTH], hint)
