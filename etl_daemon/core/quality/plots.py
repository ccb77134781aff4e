"""Figures of a report as geometry: bars over days, and prices with what is striking in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from etl_daemon.core.pages.charts import HEIGHT, LEAST, WIDTH, Bar, Chart
from etl_daemon.core.quality.facts import Curve, FlaggedDay, Volume
from etl_daemon.core.quality.report import SEVERE, Verdict
from etl_daemon.core.quality.sessions import Completeness, Span

MOST_BARS = 100
"""Days beyond so many are drawn several in one bar."""

MOST_POINTS = 600
"""Prices of one curve that are drawn."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A day with anomalies, on the curve."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """The curve of a symbol; ``points`` as SVG has them."""

    title: str
    words: str
    points: str
    dots: tuple[Dot, ...]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Plots:
    """What is drawn of a dataset; None where there is nothing to draw."""

    days: Chart | None
    volumes: Chart
    anomalies: Chart | None
    curves: tuple[Line, ...]


def plots(verdict: Verdict, span: Span) -> Plots:
    """Everything that there is to draw."""
    facts = verdict.facts
    days = _filled(verdict.completeness, span) if verdict.completeness and verdict.completeness.days else None
    flagged = _flagged(facts.anomalies.days, span) if facts.anomalies.days else None
    return Plots(days, _volumes(facts.volumes, span), flagged, tuple(map(_line, facts.anomalies.curves)))


def _filled(found: Completeness, span: Span) -> Chart:
    by_symbols = any(each.symbols is not None for each in found.days)
    counts = {each.day: (each.symbols or 0 if by_symbols else each.rows, 0) for each in found.days}
    what = "Symbols" if by_symbols else "Rows"
    most = max(low for low, _ in counts.values())
    words = (
        f"{len(counts):,} days have rows, at most {most:,} {what.lower()} in one; {found.missing:,} sessions have none."
    )
    usual = round(found.usual) if found.usual and by_symbols else most
    counts |= dict.fromkeys(found.absent, (0, usual))
    counts |= {each.day: (each.symbols or 0, usual - (each.symbols or 0)) for each in found.partial}
    return _chart(f"{what} per day of the rows", words, counts, span, (what.lower(), "missing"))


def _volumes(volumes: Iterable[Volume], span: Span) -> Chart:
    counts = {each.day: (each.of.loaded, each.of.rejected) for each in volumes}
    loaded, rejected = (sum(each[part] for each in counts.values()) for part in (0, 1))
    words = f"{loaded:,} rows loaded and {rejected:,} rejected, on {len(counts):,} days."
    return _chart("Rows per day of the commit", words, counts, span, ("loaded", "rejected"))


def _flagged(days: Iterable[FlaggedDay], span: Span) -> Chart:
    counts: dict[date, tuple[int, int]] = {}
    for each in days:
        slight, severe = counts.get(each.day, (0, 0))
        hard = each.severity in SEVERE
        counts[each.day] = (slight + each.rows * (not hard), severe + each.rows * hard)
    slight, severe = (sum(each[part] for each in counts.values()) for part in (0, 1))
    words = f"{slight:,} low or medium and {severe:,} high or critical, on {len(counts):,} days."
    return _chart("Anomalies per day of the rows", words, counts, span, ("low or medium", "high or critical"))


def _chart(title: str, words: str, counts: Mapping[date, tuple[int, int]], span: Span, names: tuple[str, str]) -> Chart:
    """Bars of two parts; where several days share one it stands for the worst of them, then the highest."""
    first, last = span.days
    each = -(-((last - first).days + 1) // MOST_BARS)
    bars = ((last - first).days + 1 + each - 1) // each
    highest: dict[int, tuple[int, int]] = {}
    for day, found in counts.items():
        place = (day - first).days // each
        if 0 <= place < bars:
            highest[place] = max(highest.get(place, (0, 0)), found, key=lambda each: (each[1], each[0]))
    most = max(map(sum, highest.values()), default=0) or 1
    width = WIDTH / bars
    starts = {place: first + timedelta(days=place * each) for place in highest}
    told = f"{title}, the worst of {each} in a bar" if each > 1 else title
    return Chart(
        told,
        words,
        tuple(
            Bar(
                round(place * width, 2),
                round(width * 0.8, 2),
                _height(lower, most),
                _height(upper, most),
                f"{starts[place]}: {lower:,} {names[0]}, {upper:,} {names[1]}",
            )
            for place, (lower, upper) in sorted(highest.items())
            if lower or upper
        ),
    )


def _height(rows: int, most: int) -> float:
    return round(max(rows / most * (HEIGHT - 2 * LEAST), LEAST), 2) if rows else 0.0


def _line(curve: Curve) -> Line:
    if not curve.points:
        return Line(curve.symbol, "There are no prices of it.", "", ())
    days = [day for day, _ in curve.points]
    closes = [close for _, close in curve.points]
    low, high = min(closes), max(closes)
    length, reach = (days[-1] - days[0]).days or 1, (high - low) or 1.0
    places = {
        day: (
            round((day - days[0]).days / length * WIDTH, 2),
            round(HEIGHT - 4 - (close - low) / reach * (HEIGHT - 8), 2),
        )
        for day, close in curve.points
    }
    marks = Counter(dict(curve.marks))
    kept = _thinned(days, set(marks))
    dots = tuple(
        Dot(*places[day], f"{day}: {marks[day]:,} anomalies, close {dict(curve.points)[day]:,.2f}")
        for day in sorted(marks)
        if day in places
    )
    words = f"Last close of {len(days):,} days, {low:,.2f} to {high:,.2f}; {sum(marks.values()):,} anomalies."
    return Line(curve.symbol, words, " ".join(f"{x},{y}" for x, y in (places[day] for day in kept)), dots)


def _thinned(days: Sequence[date], marked: set[date]) -> list[date]:
    """Every so many days, those with a mark, and both ends."""
    step = -(-len(days) // MOST_POINTS)
    return [day for place, day in enumerate(days) if place % step == 0 or day in marked or day == days[-1]]
