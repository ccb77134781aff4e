"""What a report on quality is made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from etl_daemon.bootstrap.destination import open_engine
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.quality.report import Report, verdict
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

    calendar = _calendar(settings, span)
    with closing(open_engine(settings)) as engine:
        if not engine.exists():
            raise SetupError(f"{engine.place} does not exist yet.", hint="to make it: etl-daemon init")
        quality = SqlQuality(engine, configure.anomalies_dataset(settings, configure.datasets(settings)))
        found = tuple(verdict(facts, span, calendar) for facts in quality.facts(datasets, span, calendar))
    return Report(configure.place(settings), span, now, settings.etl_calendar, found)


def _calendar(settings: Settings, span: Span) -> Calendar | None:
    if not settings.etl_calendar:
        return None
    from etl_daemon.adapters.calendars.exchange import calendar

    return calendar(settings.etl_calendar, span)
