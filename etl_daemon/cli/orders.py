"""What signals ask of the loop: to end, or to go on with settings read anew."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event as Signal
from threading import Lock, Thread
from types import FrameType

from etl_daemon.adapters.systemd.notify import Notifier
from etl_daemon.config import Settings
from etl_daemon.core.events import Event, SettingsRefused
from etl_daemon.errors import EtlError

Tell = Callable[[Event], None]
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


@contextmanager
def stopping(stop: Signal) -> Iterator[None]:
    """Set ``stop`` at the first SIGTERM or SIGINT; a second one ends the process as it always does."""
    with at_signals(STOPPERS, stop.set, once=True):
        yield


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
    _tell: Tell | None = None
    _refused: SettingsRefused | None = None
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
        except EtlError as error:  # settings are wrong, or a store of secrets does not give them
            self.refuse(error)
            return
        with self._lock:
            self._new = new
            self._stop.set()

    def refuse(self, error: EtlError) -> None:
        """Say that the settings in force stay so: to the loop at work, or to the next one once it is there."""
        with self._lock:
            self._refused = SettingsRefused("", error.detail, error.hint)
        self._pass_on()
        self.notifier.status("The new settings are wrong, those before stay in force: see the log.")
        self.notifier.ready()

    @contextmanager
    def leading(self, stop: Signal, tell: Tell) -> Iterator[None]:
        """Within, ``stop`` ends the loop at work, and ``tell`` tells of it; orders that came before hold for it too."""
        with self._lock:
            self._stop, self._tell = stop, tell
            if self.ended or self._new:
                stop.set()
        self._pass_on()
        try:
            yield
        finally:
            with self._lock:
                self._tell = None

    def _pass_on(self) -> None:
        with self._lock:
            tell, refused = self._tell, self._refused
            self._refused = None if tell else refused
        if tell and refused:
            tell(refused)

    def taken(self) -> Settings | None:
        """The settings to go on with; None: that was the end."""
        with self._lock:
            new, self._new = self._new, None
            return None if self.ended else new
