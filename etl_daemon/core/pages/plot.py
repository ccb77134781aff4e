"""Values over time as a line, anomalies as marks on it: geometry, and what it says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from etl_daemon.core.status.history import Flag, Point

WIDTH, HEIGHT, EDGE = 600, 160, 8
"""Of the picture, in its own units; so much of it is left free on each side, for marks."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An anomaly in the picture; ``kind`` is how severe it is."""

    x: float
    y: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """``line`` is a list of corners as SVG has it; ``low``, ``high``, ``first`` and ``last`` are what the axes say."""

    title: str
    words: str
    line: str
    marks: tuple[Mark, ...]
    low: str
    high: str
    first: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values and times are in the picture."""

    first: float
    last: float
    low: float
    high: float

    def place(self, at: datetime, value: float) -> tuple[float, float]:
        across = (at.timestamp() - self.first) / ((self.last - self.first) or 1.0)
        up = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(EDGE + across * (WIDTH - 2 * EDGE), 1), round(HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE), 1)


def plot(title: str, points: Sequence[Point], flags: Sequence[Flag]) -> Plot | None:
    """Values by their time, and the anomalies among them whose value is known; None without any."""
    known = [(each, each.value) for each in flags if each.value is not None]
    places = [(each.at, each.value) for each in points] + [(each.at, value) for each, value in known]
    if not places:
        return None
    times, values = [at for at, _ in places], [value for _, value in places]
    first, last, low, high = min(times), max(times), min(values), max(values)
    scale = _Scale(first.timestamp(), last.timestamp(), low, high)
    corners = [scale.place(each.at, each.value) for each in points]
    words = (
        f"{len(points):,} values from {_when(first)} to {_when(last)}, between {low:,.10g} and {high:,.10g}, "
        f"and {len(known):,} anomal{'y' if len(known) == 1 else 'ies'}."
    )
    return Plot(
        title,
        words,
        " ".join(f"{x:g},{y:g}" for x, y in corners),
        tuple(_mark(each, scale.place(each.at, value)) for each, value in known),
        f"{low:,.10g}",
        f"{high:,.10g}",
        _when(first),
        _when(last),
    )


def _mark(flag: Flag, place: tuple[float, float]) -> Mark:
    return Mark(*place, flag.severity, f"{_when(flag.at)}: {flag.severity}, {flag.description}")


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
