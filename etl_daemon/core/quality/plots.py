"""Figures of a report as geometry: bars over days, and prices with what is striking in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from etl_daemon.core.pages.charts import ROWS, Chart, Counts, bars
from etl_daemon.core.pages.plot import Plot, plot
from etl_daemon.core.quality.facts import Curve, FlaggedDay, Volume
from etl_daemon.core.quality.report import SEVERE, Verdict
from etl_daemon.core.quality.sessions import Completeness, Span
from etl_daemon.core.status.history import Flag, Point

MOST_BARS = 100
"""Days beyond so many are drawn several in one bar."""

MOST_POINTS = 600
"""Prices of one curve that are drawn, beside those of days with anomalies."""

LOW, HIGH = "loaded", "rejected"
"""Kinds of parts, which say how they are coloured: what is well, and what is not."""


@dataclass(frozen=True, slots=True)
class Plots:
    """What is drawn of a dataset; None where there is nothing to draw."""

    days: Chart | None
    volumes: Chart
    anomalies: Chart | None
    curves: tuple[Plot, ...]


def plots(verdict: Verdict, span: Span) -> Plots:
    """Everything that there is to draw."""
    facts = verdict.facts
    filled = verdict.completeness
    days = _filled(filled, span) if filled and (filled.days or filled.absent) else None
    flagged = _flagged(facts.anomalies.days, span) if facts.anomalies.days else None
    curves = (_curve(each) for each in facts.anomalies.curves)
    return Plots(days, _volumes(facts.volumes, span), flagged, tuple(each for each in curves if each))


def _filled(found: Completeness, span: Span) -> Chart:
    by_symbols = any(each.symbols is not None for each in found.days)
    there = {each.day: (each.symbols or 0) if by_symbols else each.rows for each in found.days}
    most = max(there.values(), default=1)
    usual = round(found.usual) if found.usual and by_symbols else most
    counts: dict[date, Counts] = {day: {LOW: count} for day, count in there.items()}
    counts |= {day: {HIGH: usual} for day in found.absent}
    counts |= {each.day: {LOW: there[each.day], HIGH: round(each.usual) - there[each.day]} for each in found.partial}
    what = "symbols" if by_symbols else "rows"
    words = f"{len(there):,} days have rows, at most {most:,} {what} in one."
    if found.expected is not None:
        words += f" Of {found.expected:,} sessions {found.missing:,} have none."
    return _chart(f"{what.capitalize()} per day of the rows", words, counts, span, {LOW: what, HIGH: "missing"})


def _volumes(volumes: Iterable[Volume], span: Span) -> Chart:
    counts = {each.day: {LOW: each.of.loaded, HIGH: each.of.rejected} for each in volumes}
    all_of = _sum(counts.values())
    words = f"{all_of[LOW]:,} rows loaded and {all_of[HIGH]:,} rejected, on {len(counts):,} days."
    return _chart("Rows per day of the commit", words, counts, span, ROWS)


def _flagged(days: Iterable[FlaggedDay], span: Span) -> Chart:
    counts: dict[date, Counter[str]] = {}
    for each in days:
        counts.setdefault(each.day, Counter())[HIGH if each.severity in SEVERE else LOW] += each.rows
    all_of = _sum(counts.values())
    words = f"{all_of[LOW]:,} low or medium and {all_of[HIGH]:,} high or critical, on {len(counts):,} days."
    key = {LOW: "low or medium", HIGH: "high or critical"}
    return _chart("Anomalies per day of the rows", words, counts, span, key)


def _chart(title: str, words: str, counts: Mapping[date, Counts], span: Span, key: Mapping[str, str]) -> Chart:
    """Bars of two parts; where several days share one it stands for the worst of them, then the highest."""
    first, last = span.days
    days = (last - first).days + 1
    each = -(-days // MOST_BARS)
    seen: dict[int, Counts] = {place: {} for place in range(-(-days // each))}
    for day, found in counts.items():
        place = (day - first).days // each
        if place in seen:
            seen[place] = max(seen[place], found, key=lambda one: (one.get(HIGH, 0), one.get(LOW, 0)))
    told = f"{title}, the worst of {each} in a bar" if each > 1 else title
    steps = {_instant(first + timedelta(days=place * each)): found for place, found in seen.items()}
    there = _sum(counts.values())
    drawn = bars(tuple(steps), steps, key, "%Y-%m-%d")
    return Chart(told, words, drawn, {kind: name for kind, name in key.items() if there[kind]})


def _sum(counts: Iterable[Counts]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _curve(curve: Curve) -> Plot | None:
    closes = dict(curve.points)
    marked = {day for day, _, _ in curve.marks}
    step = -(-len(closes) // MOST_POINTS)
    kept = [day for place, day in enumerate(closes) if place % step == 0 or day in marked or place == len(closes) - 1]
    flags = [
        Flag(_instant(day), closes[day], "", severity, f"{count:,} on this day")
        for day, count, severity in curve.marks
        if day in closes
    ]
    title = f"{curve.symbol}: last close of each day, and days with anomalies"
    return plot(title, [Point(_instant(day), closes[day]) for day in kept], flags)


def _instant(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
