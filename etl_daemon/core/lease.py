"""The lease: of all processes with one daemon name, one at a time has the right to work.

No clock is compared with another machine's. A holder counts from the moment at which it *began* to write its document;
whoever waits counts from the moment at which it *first read* that document, which is later, and may take over only
once the document has stayed unchanged for the whole time that it grants. So a holder always finds itself out of time
before anybody else finds the lease free, as long as a second takes as long on both machines. Wall clocks may be wrong,
and may jump; the store's own (the HTTP Date) may too, and not every store has one. ``expires_at`` is for people.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from etl_daemon.core.documents import UNFIT, instant
from etl_daemon.core.model import Cursor
from etl_daemon.errors import SetupError

RENEWALS = 3
"""A holder renews so often within the time of the lease."""

MARGIN = 0.2
"""The share of the lease by which a holder counts itself out before its time is over."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants the lease. ``holder`` is unique to the process; ``lock`` names the lock file that it holds, if any."""

    name: str
    holder: str
    host: str
    pid: int
    lock: str
    seconds: float

    @property
    def renewal_seconds(self) -> float:
        """The time between two renewals."""
        return self.seconds / RENEWALS

    @property
    def safe_seconds(self) -> float:
        """How long after the begin of a write its document may still be relied on."""
        return self.seconds * (1 - MARGIN)


@dataclass(frozen=True, slots=True)
class Lease:
    """The document. ``claim.seconds`` is what it grants, 0 once released; ``nonce`` makes every document differ."""

    claim: Claim
    generation: int
    expires_at: datetime
    nonce: str

    @property
    def released(self) -> bool:
        """Whether its holder has let go of it."""
        return self.claim.seconds == 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it was read, with the tag that a write over it has to name."""

    lease: Lease
    tag: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Which document a waiting process has before it, and since when; ``moved``: it was another one before."""

    nonce: str
    since: float
    moved: bool = False


class Verdict(StrEnum):
    """Why the lease may be taken, or may not."""

    FREE = "free"
    RELEASED = "released"
    MINE = "mine"
    DEAD = "dead"
    EXPIRED = "expired"
    HELD = "held"
    ALIVE = "alive"
    """Held, and the holder was seen to live."""

    @property
    def takes(self) -> bool:
        """Whether it may be taken."""
        return self not in {Verdict.HELD, Verdict.ALIVE}


def watched(watch: Watch | None, lease: Lease, now: float) -> Watch:
    """The watch after a read at ``now`` (seconds of a clock that never jumps)."""
    if watch is not None and watch.nonce == lease.nonce:
        return watch
    return Watch(lease.nonce, now, moved=watch is not None)


def judge(lease: Lease | None, claim: Claim, watch: Watch | None, now: float) -> Verdict:
    """Whether the claim may take the lease that was read.

    Whoever claims holds its lock file; a holder that had the same one on this host must be dead.
    """
    if lease is None:
        return Verdict.FREE
    if lease.released:
        return Verdict.RELEASED
    if lease.claim.holder == claim.holder:
        return Verdict.MINE
    if claim.lock and (lease.claim.lock, lease.claim.host) == (claim.lock, claim.host):
        return Verdict.DEAD
    return _by_watching(lease, watch, now)


def _by_watching(lease: Lease, watch: Watch | None, now: float) -> Verdict:
    if watch is None or watch.nonce != lease.nonce:
        return Verdict.HELD
    if now - watch.since > lease.claim.seconds:
        return Verdict.EXPIRED
    return Verdict.ALIVE if watch.moved else Verdict.HELD


def taken(over: Lease | None, claim: Claim, now: datetime, nonce: str) -> Lease:
    """The next document: a new holder begins a new generation, the same one goes on in its own."""
    before = over.generation if over else 0
    same = over is not None and over.claim.holder == claim.holder
    return Lease(claim, before if same else before + 1, now + timedelta(seconds=claim.seconds), nonce)


def generation_above(cursors: Iterable[Cursor], own: int, holder: str) -> int:
    """The generation in which ``holder`` may commit to all datasets: its own, unless a cursor has come as far."""
    ahead = (
        each.generation + 1
        for each in cursors
        if each.generation > own or (each.generation == own and each.holder != holder)
    )
    return max([own, *ahead])


def to_text(lease: Lease) -> str:
    """The document as JSON, the same for the same lease."""
    return json.dumps({**asdict(lease.claim), "generation": lease.generation, **_times(lease)}, indent=1) + "\n"


def from_text(text: str, where: str) -> Lease:
    """The document of that text.

    Raises:
        SetupError: it is none.
    """
    try:
        values = json.loads(text)
        claim = Claim(*(kind(values[name]) for name, kind in _CLAIM.items()))
        if not 0 <= claim.seconds <= LONGEST_SECONDS:
            raise ValueError(f"nobody holds a lease for {claim.seconds} s")
        generation, nonce = int(values["generation"]), str(values["nonce"])
        return Lease(claim, generation, instant(values["expires_at"]), nonce)
    except UNFIT as error:
        hint = "stop every daemon of this name, delete it, then start again; or set ETL_LEASE_URL to another place"
        raise SetupError(f"{where} is no lease document.", hint=hint) from error


LONGEST_SECONDS = 3_600.0
"""What ``ETL_LEASE_SECONDS`` may be at most."""

_CLAIM = {"name": str, "holder": str, "host": str, "pid": int, "lock": str, "seconds": float}


def _times(lease: Lease) -> dict[str, str]:
    return {"expires_at": lease.expires_at.isoformat(), "nonce": lease.nonce}
