"""The lease kept while others work: waited for, renewed in the background, given back at the end."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event as Signal
from types import TracebackType
from typing import Self

from etl_daemon.core.events import LeaseAwaited, LeaseRenewed, LoopTurned, Retried
from etl_daemon.core.lease import Lease, Verdict
from etl_daemon.core.model import Cursor, Fence
from etl_daemon.errors import BusyError, EtlError, LeaseLostError, TransientError
from etl_daemon.leasing.tenure import Tenure


@dataclass(slots=True)
class LeaseKeeper:
    """Renews the lease in a thread from ``take`` or ``wait`` on; as a context manager, it gives the lease back.

    A failing thread does no harm: ``fence`` goes by the age of the last renewal alone.
    """

    tenure: Tenure
    chance: Callable[[], float] = random.random
    _ending: Signal = field(default_factory=Signal)
    _thread: threading.Thread | None = None
    _late: bool = False

    @property
    def lost(self) -> Signal:
        """Set while a lease that was had is had no more."""
        return self.tenure.lost

    @property
    def held(self) -> bool:
        """Whether the lease is ours now."""
        return self.tenure.held

    def fence(self) -> Fence:
        """What a commit that begins now carries.

        Raises:
            LeaseLostError: the lease is lost.
        """
        return self.tenure.fence()

    def raise_above(self, cursors: Iterable[Cursor]) -> None:
        """Go on in a generation in which this holder may commit to all those datasets.

        Raises:
            LeaseLostError: the lease is lost.
            TransientError: the store did not answer.
        """
        self.tenure.raise_above(cursors)

    def take(self, stop: Signal) -> None:
        """Have the lease, or know that somebody else is at work.

        If it cannot be told at once whether the holder lives, this waits until it renews, or its time is over.

        Raises:
            BusyError: another process has the lease.
            TransientError: the store did not answer all the while.
            SetupError: the store or the lock file cannot be used.
        """
        give_up = self.tenure.elapsed() + 2 * self.tenure.claim.seconds
        told = None
        while True:
            late = self.tenure.elapsed() > give_up or stop.is_set()
            verdict = self._attempt(final=late)
            if verdict and verdict.takes:
                return
            if late or verdict is Verdict.ALIVE:
                raise busy(self.tenure.rival, self.tenure.claim.name)
            told = self._stand_by(stop, verdict, told=told)

    def probe(self) -> None:
        """Find out whether the lease could be written, without taking it.

        Raises:
            TransientError: the store did not answer.
            SetupError: access is denied, or the store cannot write on a condition.
        """
        self.tenure.leaser.probe()

    def wait(self, stop: Signal) -> bool:
        """Wait until the lease is ours; False: told to stop before.

        Raises:
            SetupError: the store or the lock file cannot be used.
        """
        told = None
        while not stop.is_set():
            if self.held:
                return True
            verdict = self._attempt()
            if verdict and verdict.takes:
                return True
            told = self._stand_by(stop, verdict, told=told)
        return False

    def close(self) -> None:
        """Give the lease back, and let go of connections and files."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        self.tenure.release()
        self.tenure.leaser.close()
        self.tenure.lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _attempt(self, *, final: bool = False) -> Verdict | None:
        """None: the store did not answer, which has been told; with ``final`` it raises."""
        try:
            verdict = self.tenure.acquire()
        except TransientError as error:
            if final:
                raise
            self._tell_of(error)
            return None
        if verdict.takes:
            self._start()
        return verdict

    def _stand_by(self, stop: Signal, verdict: Verdict | None, *, told: bool | None) -> bool:
        """Half the time between renewals, more or less, but hardly beyond the moment at which the lease is free.

        Who is waited for is told once, and again where the store stops answering, or answers again; whether it did is
        ``told`` next time.
        """
        self.tenure.tell(LoopTurned(""))
        answered = verdict is not None
        if told is not answered:
            rival, name = self.tenure.rival if answered else None, self.tenure.claim.name
            detail = busy(rival, name).detail if answered else f"The store of the lease of {name} does not answer."
            self.tenure.tell(LeaseAwaited("", rival.claim.holder if rival else "", detail))
        usual = self.tenure.claim.renewal_seconds / 2
        stop.wait((0.5 + self.chance()) * max(min(usual, self.tenure.wait_seconds()), usual / 10))
        return answered

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
            self._thread.start()

    def _keep(self) -> None:
        pause = usual = self.tenure.claim.renewal_seconds
        while not self._ending.wait(pause):
            pause = self._renew() if self.held else usual

    def _renew(self) -> float:
        """The time until the next renewal: soon, where this one failed."""
        usual = self.tenure.claim.renewal_seconds
        try:
            self.tenure.renew()
            if self._late:
                self.tenure.tell(LeaseRenewed("", self.tenure.fence().generation))
                self._late = False
        except LeaseLostError:
            return usual  # has been told; whoever needs the lease takes it again
        except EtlError as error:
            self._tell_of(error)
            self._late = True
            return usual / 5
        return usual

    def _tell_of(self, error: EtlError) -> None:
        self.tenure.tell(Retried("", "lease", 1, str(error)))


def busy(rival: Lease | None, name: str) -> BusyError:
    """Who has the lease, and what to type."""
    if rival is None:
        detail = f"Another process of this host is at work, or stands by, as {name}."
        return BusyError(detail, hint="wait for it to end; to work beside it, set another ETL_DAEMON_NAME")
    claim = rival.claim
    return BusyError(
        f"{claim.holder} has the lease of {name}, in generation {rival.generation}.",
        hint=f"wait for it to end, or stop it on {claim.host}: kill {claim.pid}; "
        "to work beside it, set another ETL_DAEMON_NAME",
    )
