"""What a report on quality is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime

from etl_daemon.bootstrap.destination import open_engine
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.quality.report import Report, calendar_of, verdict
from etl_daemon.core.quality.sessions import Calendar, Span
from etl_daemon.errors import SetupError


def report(settings: Settings, datasets: Sequence[Dataset], span: Span, now: datetime) -> Report:
    """Look at these datasets; nothing is made or changed.

    Raises:
        ConfigError: there is no such exchange.
        SetupError: the destination, its tables or the calendars are not there.
        BusyError: another process held the destination all the while.
    """
    from etl_daemon.adapters.destination.quality import SqlQuality

    names = {each.name: calendar_of(each, settings.etl_calendar) for each in datasets}
    calendars = _calendars(names.values(), span)
    looked = [(each, calendars.get(names[each.name])) for each in datasets]
    with closing(open_engine(settings)) as engine:
        if not engine.exists():
            raise SetupError(f"{engine.place} does not exist yet.", hint="to make it: etl-daemon init")
        quality = SqlQuality(engine, configure.anomalies_dataset(settings, configure.datasets(settings)))
        facts = zip(quality.facts(looked, span), looked, strict=True)
        found = tuple(verdict(each, span, calendar) for each, (_, calendar) in facts)
    return Report(configure.place(settings), span, now, found)


def _calendars(names: Iterable[str], span: Span) -> dict[str, Calendar]:
    asked = {name for name in names if name}
    if not asked:  # then the library need not be there
        return {}
    from etl_daemon.adapters.calendars.exchange import calendar

    return {name: calendar(name, span) for name in asked}
