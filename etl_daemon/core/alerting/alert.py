"""What operators are told of: the kinds of trouble, and one alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

CALM = timedelta(hours=1)
"""What comes in single events counts as over once none has come for so long."""


class Severity(StrEnum):
    """How soon somebody should look: in working hours, or now."""

    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Greater is worse."""
        return list(Severity).index(self)


class State(StrEnum):
    """Whether there is trouble, or it is over."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One notice. ``key`` is the kind of trouble and what it befell; ``since`` is when it began (UTC)."""

    key: str
    severity: Severity
    state: State
    summary: str
    detail: str
    hint: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Sign:
    """What there is to say of one trouble: that it is there or, if ``well``, that there is none."""

    key: str
    summary: str = ""
    detail: str = ""
    hint: str = ""
    well: bool = False
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of trouble.

    ``over`` is what is said once it has ended, of what the key names. Where ``lasting``, nothing is said before it has
    lasted for a while, because most of it passes. ``calm`` is how long it must not have been found to count as over.
    """

    severity: Severity
    over: str
    lasting: bool = False
    calm: timedelta = timedelta(0)


KINDS: Mapping[str, Kind] = {
    "dependency_down": Kind(Severity.CRITICAL, "{} works again.", lasting=True),
    "cycle_failing": Kind(Severity.CRITICAL, "Objects are loaded again.", lasting=True),
    "dataset_failing": Kind(Severity.CRITICAL, "{} is loaded again.", lasting=True),
    "object_refused": Kind(Severity.WARNING, "Objects of {} are fit again.", calm=CALM),
    "reject_share_high": Kind(Severity.WARNING, "Objects of {} have few bad rows again.", calm=CALM),
    "quarantine_spike": Kind(Severity.WARNING, "Batches of {} have as many bad rows as usual.", calm=CALM),
    "lease_lost": Kind(Severity.WARNING, "This process has the lease, and keeps it.", calm=CALM),
    "models_failing": Kind(Severity.WARNING, "All models of {} are made again."),
    "configuration": Kind(Severity.CRITICAL, "The settings in force work."),
    "monitor": Kind(Severity.WARNING, "{}: as it should be again."),
}
"""By the first part of the key."""


def kind_of(key: str) -> Kind:
    """The kind that the key begins with."""
    return KINDS[key.partition(":")[0]]


def befallen(key: str) -> str:
    """What the key names after its kind, for people."""
    return " of ".join(key.split(":", 2)[1:])
