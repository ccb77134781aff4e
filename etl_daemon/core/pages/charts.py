"""Bars over time as geometry: small enough for a card, and said in words for those who do not see it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from etl_daemon.core.status.history import Period, ReasonPeriod

WIDTH, HEIGHT = 300, 56
"""Of the picture, in its own units."""

LEAST = 1.5
"""The height at which a part of a bar can still be seen."""

REASONS_APART = 5
"""Reasons that have a colour of their own, the commonest; all others share one."""

OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: its kind, which says how it is coloured, and where it begins."""

    kind: str
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """What came in a minute or an hour, kind upon kind; ``words`` say it."""

    x: float
    width: float
    parts: tuple[Part, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``title`` is over it, ``words`` stand in its place where it is not seen; ``key`` names the kinds of parts."""

    title: str
    words: str
    bars: tuple[Bar, ...]
    key: Mapping[str, str] = field(default_factory=dict)
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Span:
    """``count`` steps that end with the one in which ``now`` is; ``name`` as in "the last hour", ``each`` a step's."""

    name: str
    each: str
    step: timedelta
    count: int

    def starts(self, now: datetime) -> tuple[datetime, ...]:
        """When each step begins."""
        seconds = self.step.total_seconds()
        return _starts(datetime.fromtimestamp(now.timestamp() // seconds * seconds, now.tzinfo), self.step, self.count)


@lru_cache(maxsize=4)  # a page may have a hundred charts of the same time
def _starts(last: datetime, step: timedelta, count: int) -> tuple[datetime, ...]:
    return tuple(last - step * back for back in reversed(range(count)))


@lru_cache(maxsize=1024)
def _told(at: datetime, form: str) -> str:
    return f"{at:{form}}"


HOUR = Span("the last hour", "minute", timedelta(minutes=1), 60)
WEEK = Span("the last 7 days", "hour", timedelta(hours=1), 168)

ROWS = {"loaded": "loaded", "rejected": "rejected"}

LEVELS = " ▁▂▃▄▅▆▇█"

Counts = Mapping[str, int]
"""Rows by kind."""


def sparkline(periods: Iterable[Period], span: Span, now: datetime, steps: int = 20) -> str:
    """Loaded rows as a line of text, ``steps`` characters; a space where nothing came, the lowest bar for a little."""
    starts = span.starts(now)
    places = {at: place * steps // len(starts) for place, at in enumerate(starts)}
    sums = [0] * steps
    for period in periods:
        if period.at in places:
            sums[places[period.at]] += period.tally.loaded
    most = max(sums)
    return "".join(LEVELS[-(-rows * (len(LEVELS) - 1) // most)] if rows else LEVELS[0] for rows in sums)


def chart(periods: Iterable[Period], span: Span, now: datetime) -> Chart:
    """Rows of one dataset per minute or hour; ``periods`` may hold others', they are added up."""
    steps = span.starts(now)
    seen: defaultdict[datetime, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ROWS, 0))
    for period in periods:
        if steps[0] <= period.at <= steps[-1]:
            came = seen[period.at]
            came["loaded"] += period.tally.loaded
            came["rejected"] += period.tally.quarantined
    loaded, rejected = (sum(came[kind] for came in seen.values()) for kind in ROWS)
    words = f"Nothing came in {span.name}."
    if loaded or rejected:
        most = max(sum(came.values()) for came in seen.values())
        words = f"{loaded:,} rows loaded and {rejected:,} rejected in {span.name}, at most {most:,} in one {span.each}."
    return Chart(f"Rows per {span.each}, {span.name}", words, bars(steps, seen, ROWS), ROWS)


def reason_charts(spans: Sequence[tuple[Span, Sequence[ReasonPeriod]]], now: datetime) -> tuple[Chart, ...]:
    """Rejected rows by reason, a chart for each span, in the colours of the last one's commonest reasons."""
    if not spans:
        return ()
    totals: Counter[str] = Counter()
    for period in spans[-1][1]:
        totals[period.reason] += period.rows
    kinds = {reason: f"kind-{place}" for place, (reason, _) in enumerate(totals.most_common(REASONS_APART), 1)}
    return tuple(_by_reason(span, periods, kinds, now) for span, periods in spans)


def _by_reason(span: Span, periods: Iterable[ReasonPeriod], kinds: Mapping[str, str], now: datetime) -> Chart:
    steps = span.starts(now)
    seen: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    for period in periods:
        if steps[0] <= period.at <= steps[-1]:
            seen[period.at][kinds.get(period.reason, OTHERS)] += period.rows
            totals[period.reason] += period.rows
    there = sum(seen.values(), Counter())
    key = {kind: reason for reason, kind in {**kinds, OTHERS: OTHERS}.items() if there[kind]}
    told = ", ".join(f"{rows:,} {reason}" for reason, rows in totals.most_common())
    words = f"Rejected in {span.name}: {told}." if told else f"Nothing was rejected in {span.name}."
    return Chart(f"Rejected rows per {span.each} by reason, {span.name}", words, bars(steps, seen, key), key)


def bars(
    steps: Sequence[datetime],
    seen: Mapping[datetime, Counts],
    key: Mapping[str, str],
    form: str = "%a %H:%M UTC",
) -> tuple[Bar, ...]:
    """A bar for each step in which something came; ``key`` gives the kinds from the bottom up, and their names.

    ``form`` is how the words have the step.
    """
    width, most = WIDTH / len(steps), max((sum(each.values()) for each in seen.values()), default=0)
    return tuple(
        Bar(
            round(place * width, 2),
            round(width * 0.8, 2),
            _parts(counts, key, most),
            _words(_told(at, form), counts, key),
        )
        for place, at in enumerate(steps)
        if any((counts := seen.get(at, {})).values())
    )


def _parts(counts: Counts, key: Mapping[str, str], most: int) -> tuple[Part, ...]:
    """The parts of a bar; where many small ones were raised to what can be seen, all are lowered to fit."""
    room = HEIGHT - 2 * LEAST
    heights = {kind: max(counts[kind] / most * room, LEAST) for kind in key if counts.get(kind)}
    fit = min(1.0, (HEIGHT - 1) / sum(heights.values()))
    found, top = [], float(HEIGHT)
    for kind, height in heights.items():
        top -= height * fit
        found.append(Part(kind, round(top, 2), round(height * fit, 2)))
    return tuple(found)


def _words(at: str, counts: Counts, key: Mapping[str, str]) -> str:
    return f"{at}: " + ", ".join(f"{counts[kind]:,} {name}" for kind, name in key.items() if counts.get(kind))
