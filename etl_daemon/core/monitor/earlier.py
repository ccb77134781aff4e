"""The same hour of earlier days: what is usual at this time, on nights and weekends too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

WEEKS = 5
DAYS = 7
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Earlier:
    """Instants to compare with. ``alike``: same weekdays; otherwise other days, working days or else weekends."""

    instants: tuple[datetime, ...]
    alike: bool

    @property
    def what(self) -> str:
        """What it is compared with, in words."""
        return f"the same hour of {len(self.instants)} earlier {'weeks' if self.alike else 'days'}"


def earlier(now: datetime, known: Callable[[datetime], bool], weeks: int, days: int) -> Earlier:
    """The same weekdays if ``weeks`` of them are known, else other days of the kind if ``days`` are, else nothing."""
    found = tuple(at for at in (now - timedelta(weeks=each) for each in range(1, WEEKS + 1)) if known(at))
    if len(found) >= weeks:
        return Earlier(found, alike=True)
    others = (now - timedelta(days=each) for each in range(1, DAYS + 1))
    found = tuple(at for at in others if _weekend(at) == _weekend(now) and known(at))
    return Earlier(found if len(found) >= days else (), alike=False)


def floor(at: datetime) -> datetime:
    """The begin of its hour."""
    return at.replace(minute=0, second=0, microsecond=0)


def _weekend(at: datetime) -> bool:
    return at.weekday() >= SATURDAY
