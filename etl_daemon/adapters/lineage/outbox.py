"""What waits to be sent, and the thread that sends it: in order, again while nobody answers, never in anybody's way."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from etl_daemon.core.events import Event

LIMIT = 200
"""Events that wait; what comes beyond that is lost, and counted."""

LAST_PAUSE_SECONDS = 60.0


class RefusedError(Exception):
    """The other end answers, and does not take this one: sending it again is of no use."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An event, when it happened (UTC), and in which cycle; empty: in none."""

    event: Event
    at: datetime
    cycle_id: str = ""


class Post(Protocol):
    """Who writes letters, and takes them away. Only the thread calls it."""

    def write(self, noted: Noted) -> Any:
        """What is to be sent of an event; None: nothing. Called once for each, in order."""

    def send(self, letter: Any) -> None:
        """Send it.

        Raises:
            RefusedError: it is not taken.
            Exception: nobody answers; try again later.
        """


class Outage(Protocol):
    """Who hears of outages, from any thread."""

    def began(self, detail: str) -> None:
        """Something could not be sent; told once until something was."""

    def ended(self, lost: int) -> None:
        """Something was sent again; so many were lost meanwhile."""


class Outbox:
    """``employ`` makes the post, in the thread, with the first event.

    The pause before an event is sent again doubles each time, up to a minute; ``flush_seconds`` is for ``close``.
    """

    def __init__(
        self,
        employ: Callable[[], Post],
        outage: Outage,
        *,
        first_pause_seconds: float = 1.0,
        flush_seconds: float = 5.0,
    ) -> None:
        self._employ = employ
        self._outage = outage
        self._first_pause_seconds = first_pause_seconds
        self._flush_seconds = flush_seconds
        self._waiting: deque[Noted] = deque()
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._down = False
        self._lost = 0

    def put(self, noted: Noted) -> None:
        """Have it sent; returns at once."""
        with self._changed:
            if len(self._waiting) >= LIMIT:
                self._lost += 1
                return
            self._waiting.append(noted)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="lineage", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Send what waits, for a few seconds at most and without trying again; what is left then is lost."""
        with self._changed:
            self._ending.set()
            self._changed.notify()
        if self._thread is None:
            return
        self._thread.join(self._flush_seconds)
        lost = self._lost + len(self._waiting) + self._thread.is_alive()
        if lost:
            self._outage.began(f"it ends, and {lost} events were not sent")

    def _work(self) -> None:
        post = self._employ()
        while taken := self._taken():
            try:
                letter = post.write(taken)
            except Exception as error:  # noqa: BLE001 - a defect of ours must cost one event
                self._failed(error, lost=1)
                continue
            if letter is not None and not self._gone(letter, post):
                return

    def _taken(self) -> Noted | None:
        """The next one; None: that was the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending.is_set())
            return self._waiting.popleft() if self._waiting else None

    def _gone(self, letter: Any, post: Post) -> bool:
        """Whether we are done with it; False: nobody answers, and the process ends."""
        pause = self._first_pause_seconds
        while not self._tried(letter, post):
            if self._ending.is_set():
                self._lost += 1
                return False
            self._ending.wait(pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)
        return True

    def _tried(self, letter: Any, post: Post) -> bool:
        try:
            post.send(letter)
        except RefusedError as error:
            self._failed(error, lost=1)
        except Exception as error:  # noqa: BLE001 - whatever it is that does not answer
            self._failed(error)
            return False
        else:
            self._succeeded()
        return True

    def _failed(self, error: Exception, lost: int = 0) -> None:
        with self._changed:
            self._lost += lost
        if not self._down:
            self._down = True
            self._outage.began(str(error))

    def _succeeded(self) -> None:
        with self._changed:
            lost, self._lost = self._lost, 0
        if self._down or lost:
            self._down = False
            self._outage.ended(lost)
