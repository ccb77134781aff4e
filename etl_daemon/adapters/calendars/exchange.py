"""Sessions of an exchange by the library exchange_calendars, which the extra ``report`` brings."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from etl_daemon.core.quality.sessions import Calendar, Session, Span
from etl_daemon.errors import ConfigError, SetupError

if TYPE_CHECKING:
    import pandas as pd

MARGIN = timedelta(days=14)
"""How far beyond a span it is looked: the library makes no calendar without a session."""


def calendar(name: str, span: Span) -> Calendar:
    """The exchange, with all sessions of the days that the span touches.

    The library fixes its own last day when it is imported, so both ends are told to it.

    Raises:
        SetupError: the library is not installed, or does not know the exchange's sessions of that time.
        ConfigError: there is no such exchange.
    """
    try:
        import exchange_calendars as library
    except ImportError as error:
        hint = "pip install 'etl_daemon[report]', or empty ETL_CALENDAR: then days with data are counted"
        raise SetupError("ETL_CALENDAR needs the package exchange-calendars.", hint=hint) from error
    first, last = span.days
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its use of pandas is not ours to mend
            found = library.get_calendar(name, start=first, end=last + MARGIN)
    except library.errors.InvalidCalendarName as error:
        hint = "take an ISO 10383 code, such as XNYS, XLON or XTKS"
        raise ConfigError(f"ETL_CALENDAR: there is no exchange {name!r}.", hint=hint) from error
    except (library.errors.CalendarError, ValueError, OverflowError, NotImplementedError) as error:
        hint = "take another --since or --until; if that is of no use, empty ETL_CALENDAR"
        raise SetupError(f"The sessions of {name} are not known: {error}", hint=hint) from error
    return _made(name, found, first, last)


def _made(name: str, found: Any, first: date, last: date) -> Calendar:
    opens = _instants(found.opens)
    closes = _instants(found.closes)
    days = [each.date() for each in found.sessions]
    sessions = tuple(Session(*each) for each in zip(days, opens, closes, strict=True) if first <= each[0] <= last)
    return Calendar(name, str(found.tz), sessions, _ahead(found))


def _instants(column: pd.Series[Any]) -> list[datetime]:
    return [each.to_pydatetime().astimezone(UTC) for each in column]


def _ahead(found: Any) -> int:
    """How many minutes before midnight sessions open, where they do so on the evening before."""
    if found.open_offset >= 0:
        return 0
    _, opens = found.open_times[-1]
    return 24 * 60 - int(opens.hour) * 60 - int(opens.minute)
