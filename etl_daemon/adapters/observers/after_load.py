"""Work that follows what was loaded, in a thread of its own, so that loading never waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from etl_daemon.core.events import BatchCommitted, CycleEnded, Event

LAST_SECONDS = 10.0
"""How long the end waits for the thread, which by then only sees to it that its work is stopped."""


class AfterLoad:
    """Has ``work`` done once a cycle that committed something is over, at most every ``every_seconds``.

    What is committed while it works, or too soon after it began, is followed by another time. ``work`` is given a
    signal that tells it to stop; it must not raise. Close it after the last event. ``due`` is a file that is there
    while something was committed and not followed yet: by it the next start knows.
    """

    def __init__(self, work: Callable[[threading.Event], None], every_seconds: float, due: Path) -> None:
        self._work = work
        self._every_seconds = every_seconds
        self._file = due
        self._committed = due.exists()
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="after-load", daemon=True)
        self._thread.start()

    def notice(self, event: Event) -> None:
        """See whether there is something to follow."""
        with self._lock:
            if isinstance(event, BatchCommitted) and not self._committed:
                self._committed = True
                self._note(due=True)
            elif isinstance(event, CycleEnded) and self._committed:
                self._committed = False
                self._due.set()

    def close(self) -> None:
        """Stop the work that is under way; the next start does it."""
        self._stop.set()
        self._due.set()
        self._thread.join(LAST_SECONDS)

    def _attend(self) -> None:
        while self._due.wait() and not self._stop.is_set():
            self._due.clear()
            began = time.monotonic()
            self._work(self._stop)
            with self._lock:
                if not (self._stop.is_set() or self._committed or self._due.is_set()):
                    self._note(due=False)
            self._stop.wait(self._every_seconds - (time.monotonic() - began))

    def _note(self, *, due: bool) -> None:
        with suppress(OSError):  # it only serves the next start; who writes more to this folder says what is wrong
            if due:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch()
            else:
                self._file.unlink(missing_ok=True)
