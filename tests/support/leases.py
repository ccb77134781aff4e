"""Leases, and processes that want them, without processes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from etl_daemon.adapters.memory.lease import MemoryLeaser
from etl_daemon.core.events import Event
from etl_daemon.core.lease import Claim, Lease
from etl_daemon.leasing import Tenure
from etl_daemon.ports import Leaser
from tests.support.corridor import HandClock

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECONDS = 10.0
_NONCES = itertools.count()


@dataclass
class Elapsed:
    """Seconds that pass when told to; each machine counts from another start."""

    seconds: float = 0.0

    def from_start(self, start: float) -> Callable[[], float]:
        return lambda: start + self.seconds


@dataclass
class FreeLock:
    """A lock file of a host of its own."""

    identity: str = ""
    free: bool = True
    closed: bool = False

    def take(self) -> bool:
        return self.free

    def close(self) -> None:
        self.closed = True


def claim(holder: str = "a", *, host: str = "", lock: str = "", seconds: float = SECONDS) -> Claim:
    return Claim("etl-daemon", holder, host or f"host-{holder}", 7, lock, seconds)


def document(holder: str = "a", generation: int = 1, nonce: str = "", **more: object) -> Lease:
    return Lease(claim(holder, **more), generation, NOW, nonce or unique_nonce())


def unique_nonce() -> str:
    return f"n{next(_NONCES)}"


@dataclass
class Actor:
    """A process that wants the lease."""

    name: str
    time: Elapsed
    leaser: Leaser = field(default_factory=MemoryLeaser)
    lock: FreeLock = field(default_factory=FreeLock)
    told: list[Event] = field(default_factory=list)
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        self.tenure = Tenure(
            self.leaser,
            self.lock,
            claim(self.name, seconds=self.seconds),
            HandClock(),
            self.told.append,
            elapsed=self.time.from_start(1000.0 * ord(self.name[0])),
            nonce=unique_nonce,
        )

    def heard(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]
