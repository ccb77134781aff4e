"""Events of what works beside the corridor: secrets, counts, lineage, the queue of S3 events, models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from etl_daemon.core.events import Event
from etl_daemon.errors import EtlError


@dataclass(frozen=True, slots=True)
class SecretsRead(Event):
    """A store gave some of the settings. ``ignored`` are names there that mean none."""

    place: str
    taken: tuple[str, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SecretsRenewed(Event):
    """A login was refused, and the store has other secrets by now: it is tried with those."""

    place: str


@dataclass(frozen=True, slots=True)
class CountsUnsent(Event):
    """Counts cannot be sent to CloudWatch; they wait, and work goes on."""

    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class CountsResumed(Event):
    """Counts are sent again; ``lost`` are those for which there was no room meanwhile."""

    lost: int


@dataclass(frozen=True, slots=True)
class LineageFailing(Event):
    """Events of lineage cannot be sent; loading goes on."""

    detail: str


@dataclass(frozen=True, slots=True)
class LineageResumed(Event):
    """Events of lineage are sent again; so many were lost meanwhile."""

    lost: int


@dataclass(frozen=True, slots=True)
class MessagesMoved(Event):
    """The queue gave messages, or they were dealt with; ``outcome`` says how."""

    outcome: str  # received | ignored | deleted | extended | given_back | dead_lettered | left
    messages: int


@dataclass(frozen=True, slots=True)
class MessageRejected(Event):
    """A message says nothing that can be understood. It is in the dead-letter queue, or left to the queue's policy."""

    message_id: str
    reason: str
    dead_lettered: bool


@dataclass(frozen=True, slots=True)
class ModelsRan(Event):
    """All models of a kind were run, in so many seconds; ``failed`` names those that failed, the rest is of the first.

    ``models`` are how many there are, 0 where it failed before that was known.
    """

    kind: str
    models: int
    failed: tuple[str, ...]
    seconds: float
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ModelRan(Event):
    """A model was made, or failed; ``dataset`` is its name, ``kind`` what makes it, ``counts`` what that did."""

    kind: str
    counts: Mapping[str, int]
    seconds: float
    error: EtlError | None = None
