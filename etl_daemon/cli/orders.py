"""What signals ask of the loop: to end, or to go on with settings read anew."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event as Signal
from threading import Lock, Thread
from types import FrameType

import structlog

from etl_daemon.adapters.systemd.notify import Notifier
from etl_daemon.config import Settings
from etl_daemon.errors import ConfigError, EtlError

STOPPERS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def at_signals(numbers: Collection[signal.Signals], act: Callable[[], None], *, once: bool) -> Iterator[None]:
    """Have the signals ``act`` in a thread; if ``once``, after the first one they do what they always did."""

    def at_signal(_number: int, _frame: FrameType | None) -> None:
        if once:
            restore()
        # not here: this thread may be holding a lock that the act needs
        Thread(target=act, daemon=True).start()

    def restore() -> None:
        for number in numbers:
            signal.signal(number, before[number])

    before = {number: signal.signal(number, at_signal) for number in numbers}
    try:
        yield
    finally:
        restore()


@dataclass(slots=True)
class Orders:
    """Passes on what signals ask to whichever loop is at work; ``load`` reads and checks settings.

    A reload that fails changes nothing: the loop goes on with what it has.
    """

    load: Callable[[], Settings]
    notifier: Notifier
    ended: bool = False
    _stop: Signal = field(default_factory=Signal)
    _new: Settings | None = None
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the loop, SIGHUP reloads; a second SIGTERM ends the process as it always does."""
        with at_signals(STOPPERS, self.end, once=True), at_signals((signal.SIGHUP,), self.reload, once=False):
            yield

    def end(self) -> None:
        """End the loop after the batch in hand."""
        self.notifier.stopping()
        with self._lock:
            self.ended = True
            self._stop.set()

    def reload(self) -> None:
        """Have the loop end after the batch in hand for one with new settings, if these are right."""
        self.notifier.reloading()
        try:
            new = self.load()
        except ConfigError as error:
            self.refuse(error)
            return
        with self._lock:
            self._new = new
            self._stop.set()

    def refuse(self, error: EtlError) -> None:
        """Say that the settings in force stay so."""
        log = structlog.stdlib.get_logger("etl_daemon")
        log.error("reload_refused", detail=error.detail.strip(), hint=error.hint, settings="those before stay in force")
        self.notifier.status("The new settings are wrong, those before stay in force: see the log.")
        self.notifier.ready()

    def follow(self, stop: Signal) -> None:
        """From now on ``stop`` ends the loop at work; orders that came before hold for it too."""
        with self._lock:
            self._stop = stop
            if self.ended or self._new:
                stop.set()

    def taken(self) -> Settings | None:
        """The settings to go on with; None: that was the end."""
        with self._lock:
            new, self._new = self._new, None
            return None if self.ended else new
