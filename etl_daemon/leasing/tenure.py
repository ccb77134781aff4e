"""One process's hold on the lease, step by step; nothing here waits or runs by itself."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from etl_daemon.core import lease as rules
from etl_daemon.core.events import Event, LeaseLost, LeaseReleased, LeaseTaken
from etl_daemon.core.lease import Claim, Lease, Stored, Verdict, Watch
from etl_daemon.core.model import Cursor, Fence
from etl_daemon.errors import EtlError, LeaseLostError
from etl_daemon.ports import Clock, HostLock, Leaser


def boot_seconds() -> float:
    """Seconds since the machine started: never set, and it goes on while the machine sleeps, as others' leases do."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def random_nonce() -> str:
    """Sixteen hex digits."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class Tenure:
    """The hold is good as long as the last successful write began less than the safe time ago, whatever else happened.

    Every write is preceded by a read. So one whose answer was lost needs no special care: the next read shows it.
    ``lost`` is set while a lease that was had is had no more; ``rival`` is the lease that was last found in the way.
    """

    leaser: Leaser
    lock: HostLock
    claim: Claim
    clock: Clock
    tell: Callable[[Event], None]
    elapsed: Callable[[], float] = boot_seconds
    nonce: Callable[[], str] = random_nonce
    lost: threading.Event = field(default_factory=threading.Event)
    rival: Lease | None = None
    _hold: tuple[Lease, float] | None = None
    _watch: Watch | None = None
    _talking: threading.Lock = field(default_factory=threading.Lock)
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self) -> Verdict:
        """Take the lease if it may be taken; the verdict says why, or why not.

        Raises:
            TransientError: the store did not answer; if the lease was taken all the same, the next call finds it so.
            SetupError: the store or the lock file cannot be used.
        """
        with self._talking:
            ours = self.lock.take()
            stored = self.leaser.read()
            there = stored.lease if stored else None
            self.rival = there if there and not there.released else None
            if not ours:
                return Verdict.ALIVE
            self.claim = replace(self.claim, lock=self.lock.identity)
            now = self.elapsed()
            self._watch = rules.watched(self._watch, there, now) if there else None
            verdict = rules.judge(there, self.claim, self._watch, now)
            if not verdict.takes:
                return verdict
            lease = self._next(there)
            if not self._write(lease, stored):
                return Verdict.HELD
            self.rival = None
        self.tell(LeaseTaken("", lease.generation, verdict.value))
        return verdict

    def renew(self, generation: int = 0) -> None:
        """Put off the end of the lease, and go on in at least that generation.

        Raises:
            LeaseLostError: it is not ours any more, or its time is over.
            TransientError: the store did not answer; the hold is as good as before.
        """
        with self._talking:
            self.fence()
            stored = self.leaser.read()
            if stored is None or stored.lease.claim.holder != self.claim.holder:
                self._lose(f"{stored.lease.claim.holder} has it" if stored else "its document is gone")
                raise self._lost_error()
            renewed = self._next(stored.lease)
            self._write(replace(renewed, generation=max(renewed.generation, generation)), stored, again=True)

    def raise_above(self, cursors: Iterable[Cursor]) -> None:
        """Go on in a generation in which this holder may commit to all those datasets.

        Raises:
            LeaseLostError, TransientError: as in ``renew``.
        """
        needed = rules.generation_above(cursors, self.fence().generation, self.claim.holder)
        while self.fence().generation < needed:
            self.renew(needed)

    @property
    def held(self) -> bool:
        """Whether the lease is ours now; finding it too old loses it."""
        hold = self._hold
        if hold is None:
            return False
        age = self.elapsed() - hold[1]
        if age > self.claim.safe_seconds:
            self._lose(f"not renewed for {age:.1f} seconds")
            return False
        return True

    def fence(self) -> Fence:
        """What a commit that begins now carries.

        Raises:
            LeaseLostError: the lease is lost.
        """
        hold = self._hold
        if hold is None or not self.held:
            raise self._lost_error()
        return Fence(hold[0].generation, self.claim.holder)

    def release(self) -> None:
        """Give the lease back, so that the next one need not wait; nothing to do where it is lost."""
        with self._talking:
            with self._changing:
                hold, self._hold = self._hold, None
            if hold is None:
                return
            try:
                self._give_back()
            except EtlError as error:
                self.tell(LeaseLost("", f"not given back, so it has to run out: {error}"))
                return
        self.tell(LeaseReleased("", hold[0].generation))

    def wait_seconds(self) -> float:
        """How long the lease that is in the way has to stay unchanged from now on to count as free."""
        if self._watch is None or self.rival is None:
            return self.claim.renewal_seconds
        return self._watch.since + self.rival.claim.seconds - self.elapsed()

    def _next(self, over: Lease | None) -> Lease:
        return rules.taken(over, self.claim, self.clock.now(), self.nonce())

    def _write(self, lease: Lease, over: Stored | None, *, again: bool = False) -> bool:
        begun = self.elapsed()
        if not self.leaser.write(lease, over):
            return False
        with self._changing:
            if again and self._hold is None:
                return False  # found to be too old meanwhile, and said so
            self._hold = (lease, begun)
            self.lost.clear()
        return True

    def _give_back(self) -> None:
        stored = self.leaser.read()
        if stored and stored.lease.claim.holder == self.claim.holder:
            ended = replace(self._next(stored.lease), claim=replace(self.claim, seconds=0.0))
            self.leaser.write(replace(ended, expires_at=self.clock.now()), stored)

    def _lose(self, why: str) -> None:
        with self._changing:
            hold, self._hold = self._hold, None
        if hold is not None:
            self.lost.set()
            self.tell(LeaseLost("", why))

    def _lost_error(self) -> LeaseLostError:
        return LeaseLostError(
            f"The lease of {self.claim.name} is lost.",
            hint="nothing of the batch in hand was committed; who has the lease now goes on",
        )
