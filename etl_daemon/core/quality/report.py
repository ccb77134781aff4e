"""What the facts of a dataset say about its quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.quality.facts import Facts, Rejected, RejectedRow, Totals
from etl_daemon.core.quality.sessions import Calendar, Completeness, Session, Span, behind, completeness
from etl_daemon.core.rules.explanations import ROWS, UNKNOWN, Explanation

EXAMPLES = 3
"""Rows that are shown of each reason, at most."""

SEVERE = ("high", "critical")
"""Severities that somebody should look at."""

SESSIONED = (Kind.PRICES, Kind.INDICATORS)
"""Kinds that every session should bring rows of; anomalies come when they come, and a table may hold anything. Those
have a calendar only where the dataset names one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Rows rejected for a reason, whatever others they have; ``share`` of the rows that were read, if any were."""

    code: str
    rows: int
    open: int
    share: float | None
    means: Explanation
    examples: tuple[RejectedRow, ...]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new the rows are: sessions that were over since the day of the latest row, and the last session of all."""

    latest: datetime | None
    last_session: Session | None
    behind: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A dataset: its facts, what follows from them, and in words what somebody should look at.

    ``calendar`` is the exchange's name, empty without one.
    """

    facts: Facts
    calendar: str
    totals: Totals
    completeness: Completeness | None
    freshness: Freshness
    reasons: tuple[Reason, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All datasets over a span. ``place`` is where they are."""

    place: str
    span: Span
    at: datetime
    datasets: tuple[Verdict, ...]

    @property
    def findings(self) -> int:
        """How many things somebody should look at."""
        return sum(len(each.findings) for each in self.datasets)


def calendar_of(dataset: Dataset, usual: str) -> str:
    """The name of the exchange whose sessions the dataset is held against; empty: none."""
    if dataset.calendar is not None:
        return dataset.calendar
    return usual if dataset.kind in SESSIONED else ""


def verdict(facts: Facts, span: Span, calendar: Calendar | None) -> Verdict:
    """Judge a dataset by its facts."""
    filled = completeness(facts.days, span, calendar) if facts.days is not None else None
    closed = calendar.closed(span) if calendar else ()
    fresh = Freshness(facts.latest, closed[-1] if closed else None, behind(facts.latest_day, span, calendar))
    totals = Totals.sum(each.of for each in facts.volumes)
    reasons = tuple(_reasons(facts, totals.read))
    name = calendar.name if calendar else ""
    return Verdict(facts, name, totals, filled, fresh, reasons, tuple(_findings(facts, totals, filled, fresh)))


def wanted(rejected: Iterable[Rejected]) -> list[str]:
    """Ids of rows that show each reason, a few each; of the most frequent combinations first."""
    taken: Counter[str] = Counter()
    found: dict[str, None] = {}
    for each in rejected:
        for id_ in each.ids:
            if any(taken[reason] < EXAMPLES for reason in each.reasons) and id_ not in found:
                found[id_] = None
                taken.update(each.reasons)
    return list(found)


def _reasons(facts: Facts, read: int) -> Iterator[Reason]:
    rows, left = (_by_reason(facts.rejected, name) for name in ("rows", "open"))
    for code, count in sorted(rows.items(), key=lambda item: (-item[1], item[0])):
        share = count / read if read else None
        examples = tuple(each for each in facts.examples if code in each.reasons)[:EXAMPLES]
        yield Reason(code, count, left[code], share, ROWS.get(code, UNKNOWN), examples)


def _by_reason(rejected: Iterable[Rejected], name: str) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for each in rejected:
        counts.update(dict.fromkeys(each.reasons, getattr(each, name)))
    return counts


def _findings(facts: Facts, totals: Totals, filled: Completeness | None, fresh: Freshness) -> Iterator[str]:
    if not facts.made:
        yield "The table does not exist yet."
        return
    if filled:
        yield from _unfilled(filled)
    if fresh.behind:
        yield f"The latest row is {_many(fresh.behind, 'session')} behind."
    yield from _faults(facts, totals)


def _unfilled(filled: Completeness) -> Iterator[str]:
    if filled.missing:
        yield f"{filled.missing:,} of {_many(filled.expected or 0, 'session')} without rows."
    if filled.partial:
        yield f"{_many(len(filled.partial), 'session')} with fewer symbols than is usual."
    if filled.outside:
        yield f"{_many(len(filled.outside), 'day')} with rows although the exchange was closed."


def _faults(facts: Facts, totals: Totals) -> Iterator[str]:
    if left := sum(each.open for each in facts.rejected):
        yield f"{_many(left, 'rejected row')} still open."
    if totals.refused:
        yield f"{_many(totals.refused, 'object version')} refused as a whole."
    if facts.repeated and facts.repeated.keys:
        yield f"{_many(facts.repeated.keys, 'key')} more than once in the table."
    severe = sum(each.rows for each in facts.anomalies.days if each.severity in SEVERE)
    if severe:
        yield f"{severe:,} high or critical among {_many(facts.anomalies.rows, 'anomaly', 'anomalies')}."


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
