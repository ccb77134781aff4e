"""A report as JSON and as lines of CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from etl_daemon.core.quality.report import Report, Verdict

COLUMNS = ("dataset", "section", "figure", "name", "day", "value")
"""Of the CSV: one figure a line. ``name`` tells figures of one kind apart, ``day`` those of a day."""

Line = tuple[str, str, str, str, str, object]
Figure = tuple[str, str, str, date | str, object]


def document(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    told: dict[str, Any] = _plain(
        {
            "destination": report.place,
            "since": report.span.since,
            "until": report.span.until,
            "made_at": report.at,
            "findings": report.findings,
            "datasets": {each.facts.name: _dataset(each) for each in report.datasets},
        }
    )
    return told


def _dataset(one: Verdict) -> dict[str, Any]:
    facts, filled = one.facts, one.completeness
    return {
        "table": facts.table,
        "exists": facts.made,
        "calendar": one.calendar,
        "rows": facts.rows,
        "findings": one.findings,
        "completeness": asdict(filled) | {"missing": filled.missing, "share": filled.share} if filled else None,
        "freshness": {
            "latest": facts.latest,
            "last_session": one.freshness.last_session and one.freshness.last_session.day,
            "sessions_behind": one.freshness.behind,
            "last_commit": facts.last_commit,
            "lag_seconds": {"median": facts.lag.median, "p95": facts.lag.most_of, "most": facts.lag.most}
            if facts.lag
            else None,
        },
        "totals": asdict(one.totals) | {"commits": facts.commits},
        "rejects": [asdict(each) for each in one.reasons],
        "duplicates": {
            "superseded": one.totals.superseded,
            "filtered": one.totals.filtered,
            "repeated": asdict(facts.repeated) if facts.repeated else None,
        },
        "restatements": asdict(facts.restatements),
        "anomalies": {"rows": facts.anomalies.rows, **asdict(facts.anomalies)},
        "volumes": [{"day": each.day, **asdict(each.of)} for each in facts.volumes],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def lines(report: Report) -> Iterator[Line]:
    """The report as lines of CSV, in ``COLUMNS``; what is not known has no line."""
    for one in report.datasets:
        for section, figure, name, day, value in _figures(one):
            if value is not None:
                told = value.isoformat() if isinstance(value, datetime | date) else value
                yield one.facts.name, section, figure, name, str(day), told


def _figures(one: Verdict) -> Iterator[Figure]:
    facts = one.facts
    yield "table", "rows", "", "", facts.rows
    yield from _filled(one)
    yield "freshness", "latest", "", "", facts.latest
    yield "freshness", "last_commit", "", "", facts.last_commit
    yield "freshness", "sessions_behind", "", "", one.freshness.behind
    if facts.lag:
        yield "freshness", "lag_seconds", "median", "", facts.lag.median
        yield "freshness", "lag_seconds", "p95", "", facts.lag.most_of
        yield "freshness", "lag_seconds", "most", "", facts.lag.most
    for reason in one.reasons:
        yield "rejects", "rows", reason.code, "", reason.rows
        yield "rejects", "share", reason.code, "", reason.share
    if facts.repeated:
        yield "duplicates", "keys", "", "", facts.repeated.keys
        yield "duplicates", "rows", "", "", facts.repeated.rows
    again = facts.restatements
    for figure in ("objects", "versions", "rows", "replaced"):
        yield "restatements", figure, "", "", getattr(again, figure)
    for day in facts.anomalies.days:
        yield "anomalies", "rows", day.severity, day.day, day.rows
    for volume in facts.volumes:
        for figure, value in asdict(volume.of).items():
            yield "volumes", figure, "", volume.day, value


def _filled(one: Verdict) -> Iterator[Figure]:
    filled = one.completeness
    if filled is None:
        return
    if filled.expected is not None:
        yield "completeness", "expected", "", "", filled.expected
        yield "completeness", "missing", "", "", filled.missing
    for day in filled.days:
        yield "completeness", "rows", "", day.day, day.rows
        yield "completeness", "symbols", "", day.day, day.symbols
    for gap in filled.gaps:
        yield "completeness", "missing_sessions", f"until {gap.last}", gap.first, gap.sessions
    for few in filled.partial:
        yield "completeness", "partial_symbols", "", few.day, few.symbols
    for day in filled.outside:
        yield "completeness", "outside_rows", "", day.day, day.rows
