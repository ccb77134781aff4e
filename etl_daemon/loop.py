"""The only loop: cycle after cycle, until it is told to stop."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event as Signal

from etl_daemon.core.events import DatasetFailed, DatasetPaused, LoopTurned
from etl_daemon.core.planning.pacing import Pacing, Setback
from etl_daemon.daemon import Daemon, DatasetReport
from etl_daemon.errors import ConfigError, EtlError, LeaseLostError
from etl_daemon.inbox import Inbox

ALL = ""
"""The setback of this name is that of whole cycles, as where the destination does not say what it has."""


@dataclass(slots=True)
class Loop:
    """Has a daemon work for as long as its lease lasts, at the pace given.

    Objects that come up in the ``inbox`` are loaded between cycles. ``elapsed`` gives monotonic seconds.
    """

    daemon: Daemon
    pacing: Pacing
    inbox: Inbox | None = None
    chance: Callable[[], float] = random.random
    elapsed: Callable[[], float] = time.monotonic
    _setbacks: dict[str, Setback] = field(default_factory=dict)

    def run(self, stop: Signal) -> None:
        """Cycle until told to stop; neither a failing dataset nor a failing destination ends the loop.

        Raises:
            ConfigError: the datasets do not fit the destination; waiting does not help.
        """
        while not stop.is_set():
            began = self.elapsed()
            if self._done_for_now(stop):
                self._rest(stop, self.pacing.pause_seconds(self.elapsed() - began, self.chance()))

    def _rest(self, stop: Signal, seconds: float) -> None:
        """Until it is time to list again; objects that are named meanwhile are loaded at once."""
        if self.inbox is None:
            stop.wait(seconds)
            return
        until = self.elapsed() + seconds
        self.inbox.ring()  # what could not be settled before is tried again once per cycle
        while self.inbox.wait(until - self.elapsed()):
            if not self._done_for_now(stop, self.inbox):
                self.inbox.ring()
            if self.elapsed() >= until:
                return  # or a stream of messages would put the listing off for good

    def _done_for_now(self, stop: Signal, naming: Inbox | None = None) -> bool:
        """One cycle, if it is time for one, maybe over what is named only; False: there is more to do at once."""
        turn = self.pacing.turn(self._setbacks, self.elapsed())
        self.daemon.corridor.tell(LoopTurned("", resting=ALL in turn.paused))
        if ALL in turn.paused:
            return True
        try:
            if not self._may_work(stop):
                return False
            reports = self.daemon.cycle(stop, replace(turn, named=naming.take()) if naming else turn)
        except ConfigError:
            raise
        except EtlError as error:
            self.daemon.corridor.tell(DatasetFailed("", error))
            return self._failed_whole(error)
        self._setbacks.pop(ALL, None)
        for report in reports:
            self._note(report)
            if naming:
                naming.settle(report.dataset, report.done)
        return not any(report.left for report in reports)

    def _may_work(self, stop: Signal) -> bool:
        """Wait for the lease, if need be, and forget what was known while others may have had it."""
        lease = self.daemon.lease
        if lease and not lease.held:
            if self.inbox:
                self.inbox.shut()
            self.daemon.forget()
            if not lease.wait(stop):
                return False
        if self.inbox:
            self.inbox.open()
        return True

    def _failed_whole(self, error: EtlError) -> bool:
        """Pause, unless the lease is lost: then it is time to stand by."""
        lease = self.daemon.lease
        if isinstance(error, LeaseLostError) and lease and not lease.held:
            return False
        self._set_back(ALL)
        return True

    def _note(self, report: DatasetReport) -> None:
        if report.error or (report.failed and not report.settled):
            self._set_back(report.dataset)
        else:
            self._setbacks.pop(report.dataset, None)

    def _set_back(self, name: str) -> None:
        now = self.elapsed()
        setback = self.pacing.set_back(self._setbacks.get(name), now)
        self._setbacks[name] = setback
        if setback.failures > 1:
            self.daemon.corridor.tell(DatasetPaused(name, setback.failures, setback.until - now))
