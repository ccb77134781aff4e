"""The page of a dataset: how it is, why rows of it were rejected, which objects came, and values of a symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import Outcome
from etl_daemon.core.pages.charts import HOUR, WEEK, Chart, reason_charts
from etl_daemon.core.pages.paging import Paged, Query, page_of, paged
from etl_daemon.core.pages.panel import Panel, Recent, panel
from etl_daemon.core.pages.plot import Plot, plot
from etl_daemon.core.status.asked import Found, ObjectsAsked
from etl_daemon.core.status.history import Flag, ObjectLine, Point, ReasonPeriod
from etl_daemon.core.status.progress import DatasetProgress

FLAGS_LISTED = 20
"""Anomalies of the symbol that are listed under its chart, the latest first."""

OUTCOMES = tuple(str(each) for each in Outcome)

TITLES = {Kind.PRICES: "Close", Kind.INDICATORS: "RSI"}
"""What is charted of a symbol; other kinds have no values that are alike."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the history has of a dataset; ``hidden``: values may not be shown; ``unread``: why it has nothing."""

    recent: Recent = field(default_factory=Recent)
    minutes: tuple[ReasonPeriod, ...] = ()
    hours: tuple[ReasonPeriod, ...] = ()
    objects: Found[ObjectLine] = field(default_factory=Found)
    symbols: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    flags: tuple[Flag, ...] = ()
    hidden: bool = False
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """Values of ``symbol``, one of ``symbols``."""

    title: str
    symbols: tuple[str, ...]
    symbol: str
    plot: Plot | None
    flags: tuple[Flag, ...]
    hidden: bool


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """Everything on the page. ``query`` is what was asked; ``values``: None for kinds that have none."""

    at: datetime
    panel: Panel
    about: Mapping[str, str]
    reasons: tuple[Chart, ...]
    objects: Paged[ObjectLine]
    values: Values | None
    query: Query
    outcomes: tuple[str, ...] = OUTCOMES
    unread: str = ""


def objects_asked(name: str, query: Query) -> ObjectsAsked:
    """The objects that the query asks for."""
    outcome = query.get("outcome", "")
    return ObjectsAsked(
        dataset=name,
        text=query.get("key", ""),
        outcome=outcome if outcome in OUTCOMES else "",
        page=page_of(query),
    )


def symbol_asked(query: Query, symbols: Sequence[str]) -> str:
    """The symbol that is asked for, else the busiest one."""
    asked = query.get("symbol", "").strip()
    return asked if asked in symbols else next(iter(symbols), "")


def dataset_page(dataset: Dataset, of: DatasetProgress, seen: Seen, query: Query, now: datetime) -> DatasetPage:
    """The page at a moment."""
    about = {
        "Table": dataset.table,
        "Rules": str(dataset.kind),
        "Mode": str(dataset.mode),
        "Objects under": dataset.prefix,
        "Window": f"{dataset.window_hours:g} h",
    }
    return DatasetPage(
        now,
        panel(dataset.name, of, seen.recent, now),
        about,
        reason_charts([(HOUR, seen.minutes), (WEEK, seen.hours)], now),
        paged(seen.objects, query),
        _values(dataset.kind, seen, query),
        query,
        unread=seen.unread,
    )


def _values(kind: Kind, seen: Seen, query: Query) -> Values | None:
    title = TITLES.get(kind)
    if title is None:
        return None
    symbol = symbol_asked(query, seen.symbols)
    drawn = plot(f"{title} of {symbol}, as loaded lately", seen.points, seen.flags)
    return Values(title, seen.symbols, symbol, drawn, seen.flags[:FLAGS_LISTED], seen.hidden)
