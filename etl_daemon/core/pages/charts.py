"""Bars over time as geometry: small enough for a card, and said in words for those who do not see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl_daemon.core.history import Period

WIDTH, HEIGHT = 300, 56
"""Of the picture, in its own units."""

LEAST = 1.5
"""The height at which a bar can still be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What was loaded and, on top of it, rejected in a minute or an hour; ``words`` say it."""

    x: float
    width: float
    loaded: float
    rejected: float
    words: str

    @property
    def loaded_top(self) -> float:
        """Where the lower part begins."""
        return round(HEIGHT - self.loaded, 2)

    @property
    def rejected_top(self) -> float:
        """Where the upper part begins."""
        return round(HEIGHT - self.loaded - self.rejected, 2)


@dataclass(frozen=True, slots=True)
class Chart:
    """``title`` is over it, ``words`` stand in its place where it is not seen."""

    title: str
    words: str
    bars: tuple[Bar, ...]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Span:
    """``count`` steps that end with the one in which ``now`` is; ``name`` as in "the last hour", ``each`` a step's."""

    name: str
    each: str
    step: timedelta
    count: int

    def starts(self, now: datetime) -> list[datetime]:
        """When each step begins."""
        seconds = self.step.total_seconds()
        last = datetime.fromtimestamp(now.timestamp() // seconds * seconds, now.tzinfo)
        return [last - self.step * back for back in reversed(range(self.count))]


HOUR = Span("the last hour", "minute", timedelta(minutes=1), 60)
WEEK = Span("the last 7 days", "hour", timedelta(hours=1), 168)


LEVELS = " ▁▂▃▄▅▆▇█"


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
    counts: dict[datetime, tuple[int, int]] = {}
    for period in periods:
        loaded, rejected = counts.get(period.at, (0, 0))
        counts[period.at] = (loaded + period.tally.loaded, rejected + period.tally.quarantined)
    starts = span.starts(now)
    seen = {at: counts.get(at, (0, 0)) for at in starts}
    most = max(sum(each) for each in seen.values())
    return Chart(f"Rows per {span.each}, {span.name}", _words(seen, span, most), _bars(seen, span, most))


def _words(seen: Mapping[datetime, tuple[int, int]], span: Span, most: int) -> str:
    loaded, rejected = (sum(each[part] for each in seen.values()) for part in (0, 1))
    if not most:
        return f"Nothing came in {span.name}."
    return f"{loaded:,} rows loaded and {rejected:,} rejected in {span.name}, at most {most:,} in one {span.each}."


def _bars(seen: Mapping[datetime, tuple[int, int]], span: Span, most: int) -> tuple[Bar, ...]:
    width = WIDTH / span.count
    return tuple(
        Bar(
            round(place * width, 2),
            round(width * 0.8, 2),
            _height(loaded, most),
            _height(rejected, most),
            f"{at:%a %H:%M} UTC: {loaded:,} loaded, {rejected:,} rejected",
        )
        for place, (at, (loaded, rejected)) in enumerate(seen.items())
        if loaded or rejected
    )


def _height(rows: int, most: int) -> float:
    return round(max(rows / most * (HEIGHT - 2 * LEAST), LEAST), 2) if rows else 0.0
