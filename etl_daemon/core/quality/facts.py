"""What a destination says of a dataset over a span of time: counts, and a bounded number of examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime

from etl_daemon.core.datasets import Kind
from etl_daemon.core.quality.sessions import Day


@dataclass(frozen=True, slots=True)
class Totals:
    """Object versions by outcome, bytes of those that were loaded, and rows by what became of them."""

    objects: int = 0
    refused: int = 0
    older: int = 0
    bytes: int = 0
    read: int = 0
    loaded: int = 0
    rejected: int = 0
    superseded: int = 0
    filtered: int = 0

    @classmethod
    def sum(cls, parts: Iterable[Totals]) -> Totals:
        """All of them together."""
        given = list(parts)
        return cls(**{each.name: sum(getattr(part, each.name) for part in given) for each in fields(cls)})


@dataclass(frozen=True, slots=True)
class Volume:
    """What was committed on a day (UTC)."""

    day: date
    of: Totals


@dataclass(frozen=True, slots=True)
class Lag:
    """How long after its LastModified an object was committed (seconds)."""

    median: float
    most_of: float
    most: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """Rows with the same reasons, by what became of them since, and the ids of a few."""

    reasons: tuple[str, ...]
    rows: int
    open: int
    replayed: int
    discarded: int
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One of them: where it is, and the beginning of its text."""

    key: str
    row: int
    reasons: tuple[str, ...]
    raw: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Restated:
    """An object of which further versions came: how many, their rows, and when the last one was committed."""

    bucket: str
    key: str
    versions: int
    rows: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Restatements:
    """Objects that came again as new versions, the versions, their rows, the rows that gave way, and the latest few."""

    objects: int = 0
    versions: int = 0
    rows: int = 0
    replaced: int = 0
    latest: tuple[Restated, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeated:
    """Keys that the table has more than once, and their rows."""

    keys: int
    rows: int


@dataclass(frozen=True, slots=True)
class Flagged:
    """Anomalies of a type and severity."""

    anomaly_type: str
    severity: str
    rows: int


@dataclass(frozen=True, slots=True)
class FlaggedDay:
    """Anomalies of a severity in rows of a day."""

    day: date
    severity: str
    rows: int


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An anomaly as it is kept."""

    symbol: str
    at: datetime
    anomaly_type: str
    severity: str
    value: float | None
    threshold: float | None
    description: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The last close of each day of a symbol, and the days on which it had anomalies: how many, the worst severity."""

    symbol: str
    points: tuple[tuple[date, float], ...]
    marks: tuple[tuple[date, int, str], ...]


@dataclass(frozen=True, slots=True)
class Anomalies:
    """Those that were found in rows of the span; types are the most frequent ones."""

    days: tuple[FlaggedDay, ...] = ()
    types: tuple[Flagged, ...] = ()
    worst: tuple[Anomaly, ...] = ()
    curves: tuple[Curve, ...] = ()

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(each.rows for each in self.days)


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it. ``days`` is None where no column says of when a row is; ``repeated`` where none tells rows apart.

    ``latest`` is the time of the latest row before the end of the span, ``latest_day`` its date at the exchange.
    """

    name: str
    kind: Kind
    table: str
    made: bool = True
    rows: int = 0
    latest: datetime | None = None
    latest_day: date | None = None
    days: tuple[Day, ...] | None = None
    last_commit: datetime | None = None
    commits: int = 0
    lag: Lag | None = None
    volumes: tuple[Volume, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    examples: tuple[RejectedRow, ...] = ()
    restatements: Restatements = Restatements()
    repeated: Repeated | None = None
    anomalies: Anomalies = Anomalies()
