"""The page of the quarantine: rejected rows as the history has some of them, and the commands that reach all."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from etl_daemon.core.moments import instant
from etl_daemon.core.pages.paging import Paged, Query, page_of, paged
from etl_daemon.core.pages.panel import Rejected, meaning, rejected
from etl_daemon.core.review import quarantine_id
from etl_daemon.core.rules.explanations import ROWS
from etl_daemon.core.status.asked import Found, RowsAsked
from etl_daemon.core.status.history import ExampleLine, ReasonPeriod

OPTIONS = {"dataset": "--dataset", "reason": "--reason", "since": "--since", "until": "--until"}
"""Filters that the command line has too."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rejected row, what each of its reasons means, and the commands that show it in full and try it again."""

    line: ExampleLine
    meanings: Mapping[str, str]
    show: str
    replay: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the query asks for; ``problem``: what of it cannot be understood, and is left out."""

    rows: RowsAsked
    problem: str = ""


@dataclass(frozen=True, slots=True)
class QuarantineSeen:
    """What the history has: rows, and reasons of the last 7 days by hour.

    ``hidden``: rows may not be shown; ``unread``: why the history cannot be read.
    """

    found: Found[ExampleLine] = field(default_factory=Found)
    periods: tuple[ReasonPeriod, ...] = ()
    hidden: bool = False
    unread: str = ""


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Everything on the page; ``counts`` are those of the last 7 days."""

    at: datetime
    counts: tuple[Rejected, ...]
    rows: Paged[Row]
    listing: str
    replay: str
    datasets: tuple[str, ...]
    reasons: tuple[str, ...]
    query: Query
    problem: str
    hidden: bool
    unread: str = ""


def rows_asked(query: Query, now: datetime) -> Asked:
    """The rows that the query asks for; times are typed as on the command line."""
    asked = RowsAsked(
        dataset=query.get("dataset", ""),
        reason=query.get("reason", ""),
        text=query.get("text", ""),
        batch_id=query.get("batch", "").strip(),
        page=page_of(query),
    )
    try:
        since, until = (
            instant(text, now) if text.strip() else None for text in map(query.get, ("since", "until"), ("", ""))
        )
    except ValueError as error:
        return Asked(asked, str(error))
    return Asked(replace(asked, since=since, until=until))


def quarantine_page(seen: QuarantineSeen, datasets: tuple[str, ...], query: Query, now: datetime) -> QuarantinePage:
    """The page at a moment."""
    found, problem = seen.found, rows_asked(query, now).problem
    rows: Found[Row] = Found(tuple(_row(each) for each in found.lines), found.total, found.page)
    understood = {name: value for name, value in query.items() if not problem or name not in {"since", "until"}}
    return QuarantinePage(
        now,
        _counts(seen.periods),
        paged(rows, query, "rows"),
        command("list", understood),
        command("replay", understood),
        datasets,
        tuple(sorted(ROWS)),
        query,
        problem,
        seen.hidden,
        seen.unread,
    )


def command(word: str, query: Query) -> str:
    """The command of the quarantine with the filters that it has too, ready for a shell."""
    given = [part for name, option in OPTIONS.items() if query.get(name) for part in (option, query[name])]
    return shlex.join(["etl-daemon", "quarantine", word, *given])


def _row(line: ExampleLine) -> Row:
    example = line.example
    own = quarantine_id(line.dataset, example.key, example.version, example.row)[:12]
    return Row(
        line,
        {reason: meaning(reason) for reason in example.reasons},
        f"etl-daemon quarantine show {own}",
        f"etl-daemon quarantine replay --id {own}",
    )


def _counts(periods: Iterable[ReasonPeriod]) -> tuple[Rejected, ...]:
    totals: dict[str, Counter[str]] = {}
    for period in periods:
        totals.setdefault(period.dataset, Counter())[period.reason] += period.rows
    return tuple(each for name, reasons in totals.items() for each in rejected(name, reasons, (), 0))
