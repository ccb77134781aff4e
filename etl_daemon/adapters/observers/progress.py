"""Events folded into the daemon's progress, for whoever asks how it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from etl_daemon.core.events import Event
from etl_daemon.core.status.advance import MOVES, advance
from etl_daemon.core.status.progress import Progress
from etl_daemon.ports import Clock


class ProgressObserver:
    """Hears events from any thread; reading takes no lock, since each progress is a value of its own."""

    def __init__(self, progress: Progress, clock: Clock, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._elapsed = elapsed
        self._moved = elapsed()
        self._changing = threading.Lock()

    @property
    def progress(self) -> Progress:
        """As of the last event."""
        return self._progress

    def silent_seconds(self) -> float:
        """How long ago the loop last showed that it advances."""
        return self._elapsed() - self._moved

    def notice(self, event: Event) -> None:
        """Go on to the progress after the event."""
        at = self._clock.now()
        with self._changing:
            self._progress = advance(self._progress, event, at)
            if isinstance(event, MOVES):
                self._moved = self._elapsed()
