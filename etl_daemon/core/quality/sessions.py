"""On which days rows are expected, and on which they are missing or too few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from statistics import median

USUAL_SHARE = 0.9
"""A session with fewer symbols than this share of what is usual is partial."""

AROUND = 20
"""What is usual is the median of so many sessions before, as many after, and the one in question: what was listed years
later lacks nowhere before."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when on, and until before when; aware."""

    since: datetime
    until: datetime

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day that it touches, UTC."""
        return self.since.date(), (self.until - timedelta(microseconds=1)).date()


@dataclass(frozen=True, slots=True)
class Session:
    """A day on which an exchange trades, by its own date; the instants are aware."""

    day: date
    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """An exchange: its time zone, and its sessions within a span.

    ``ahead`` is how long before midnight of their date sessions open (minutes), where they begin the evening before.
    """

    name: str
    zone: str
    sessions: tuple[Session, ...]
    ahead: int = 0

    def closed(self, span: Span) -> tuple[Session, ...]:
        """Those that are wholly within the span."""
        return tuple(each for each in self.sessions if span.since <= each.opens and each.closes <= span.until)


@dataclass(frozen=True, slots=True)
class Day:
    """What a table has of a day: its rows, and their symbols (None: it has no such column)."""

    day: date
    rows: int
    symbols: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Sessions in a row without any rows."""

    first: date
    last: date
    sessions: int


@dataclass(frozen=True, slots=True)
class Partial:
    """A session with fewer symbols than are usual around it."""

    day: date
    rows: int
    symbols: int
    usual: float


@dataclass(frozen=True, slots=True)
class Completeness:
    """How sessions are filled. Without a calendar ``expected`` is None, and ``days`` are all there is to say.

    ``absent`` are expected sessions without rows, ``gaps`` the same in runs; ``usual`` is the median of the symbols of
    the others. ``outside`` are days with rows on which the exchange was closed.
    """

    days: tuple[Day, ...]
    expected: int | None = None
    absent: tuple[date, ...] = ()
    gaps: tuple[Gap, ...] = ()
    partial: tuple[Partial, ...] = ()
    usual: float | None = None
    outside: tuple[Day, ...] = ()

    @property
    def missing(self) -> int:
        """Expected sessions without rows."""
        return len(self.absent)

    @property
    def present(self) -> int:
        """Expected sessions with rows."""
        return (self.expected or 0) - self.missing

    @property
    def share(self) -> float | None:
        """Of the expected sessions those that have rows, 0 to 1; None: none was expected."""
        return self.present / self.expected if self.expected else None


def completeness(days: Iterable[Day], span: Span, calendar: Calendar | None) -> Completeness:
    """Hold what a table has against the sessions that were to be.

    A session that is not over, or began before the span, is not expected; that it has rows is no fault either.
    """
    first, last = span.days
    found = {each.day: each for each in days if first <= each.day <= last}
    seen = tuple(found.values())
    if calendar is None:
        return Completeness(seen, usual=_usual(seen))
    expected = [each.day for each in calendar.closed(span)]
    there = [found[day] for day in expected if day in found]
    trading = {each.day for each in calendar.sessions}
    outside = tuple(each for each in seen if each.day not in trading)
    absent = tuple(day for day in expected if day not in found)
    return Completeness(
        seen, len(expected), absent, _gaps(expected, found), tuple(_partial(there)), _usual(there), outside
    )


def _partial(days: Sequence[Day]) -> Iterator[Partial]:
    for place, each in enumerate(days):
        usual = _usual(days[max(place - AROUND, 0) : place + AROUND + 1])
        if usual and each.symbols is not None and each.symbols < USUAL_SHARE * usual:
            yield Partial(each.day, each.rows, each.symbols, usual)


def _usual(days: Sequence[Day]) -> float | None:
    symbols = [each.symbols for each in days if each.symbols is not None]
    return float(median(symbols)) if symbols else None


def _gaps(expected: Iterable[date], found: Mapping[date, Day]) -> tuple[Gap, ...]:
    runs = [list(days) for absent, days in groupby(expected, lambda day: day not in found) if absent]
    return tuple(Gap(run[0], run[-1], len(run)) for run in runs)


def behind(latest: date | None, span: Span, calendar: Calendar | None) -> int | None:
    """How many sessions were over after the day of the latest row; None without a calendar."""
    if calendar is None:
        return None
    return sum(latest is None or each.day > latest for each in calendar.closed(span))
