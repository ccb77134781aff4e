"""Instants as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

FORMS = "an ISO date or instant (UTC if it names no zone), or an age such as 14d, 36h or 90m"

_AGE = re.compile(r"(\d{1,9})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str, now: datetime) -> datetime:
    """The instant that is meant, UTC; an age counts back from ``now``, to 1970 at most.

    Raises:
        ValueError: the text is in none of the ``FORMS``.
    """
    age = _AGE.fullmatch(text.strip().lower())
    if age:
        span = timedelta(**{_UNITS[age[2]]: int(age[1])})
        return max(now - span, _EARLIEST) if span < now - _EARLIEST else _EARLIEST
    try:
        given = datetime.fromisoformat(text.strip())
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no instant: give {FORMS}.") from error
