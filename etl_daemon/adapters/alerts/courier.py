"""The thread that has alerts delivered, so that no channel, however slow, holds the work up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, Queue

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from etl_daemon.core.alerting.board import Notice
from etl_daemon.core.events import AlertFailed, Event
from etl_daemon.errors import EtlError, TransientError
from etl_daemon.ports import Notifier

MOST_WAITING = 100
"""Notices that wait to be sent; the rate limit keeps them far below."""

Lost = Callable[[Notice], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a channel is tried, and the pauses between (seconds)."""

    attempts: int = 3
    first_pause: float = 2.0
    longest_pause: float = 30.0


@dataclass(slots=True)
class _Letter:
    notice: Notice
    lost: Lost
    arrived: bool = False


@dataclass(slots=True)
class Courier:
    """Hands each notice to every channel, in order. One that fails is told of; the others get theirs all the same."""

    notifiers: Sequence[Notifier]
    tell: Callable[[Event], None]
    patience: Patience = Patience()
    _letters: Queue[_Letter | None] = field(default_factory=Queue)
    _ending: threading.Event = field(default_factory=threading.Event)
    _gone: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _in_hand: _Letter | None = None

    def send(self, notice: Notice, lost: Lost) -> None:
        """Have it delivered soon; ``lost`` is called, from any thread, where it reached nobody. This never waits."""
        if not self.notifiers:
            return
        if self._letters.qsize() >= MOST_WAITING:
            self._lose(_Letter(notice, lost), "Too many alerts wait to be sent.")
            return
        self._letters.put(_Letter(notice, lost))
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="alerts", daemon=True)
            self._thread.start()

    def close(self, seconds: float) -> None:
        """Send what waits, but give up what has not gone out by then; there are no second attempts any more."""
        self._ending.set()
        if self._thread is None:
            return
        self._letters.put(None)
        self._thread.join(seconds)
        self._gone.set()
        for letter in (self._in_hand, *self._waiting()):
            if letter and not letter.arrived:
                self._lose(letter, "The process ended before it was sent.")

    def _waiting(self) -> list[_Letter | None]:
        letters = []
        try:
            while True:
                letters.append(self._letters.get_nowait())
        except Empty:
            return letters

    def _deliver(self) -> None:
        while not self._gone.is_set() and (letter := self._letters.get()):
            self._in_hand = letter
            for notifier in self.notifiers:
                letter.arrived |= self._reached(notifier, letter.notice)
            if not self._gone.is_set() and not letter.arrived:
                letter.lost(letter.notice)
            self._in_hand = None

    def _reached(self, notifier: Notifier, notice: Notice) -> bool:
        patience, pause = self.patience, self.patience.first_pause
        attempts = Retrying(
            stop=stop_after_attempt(patience.attempts) | stop_when_event_set(self._ending),
            wait=wait_exponential_jitter(multiplier=pause, max=patience.longest_pause, jitter=pause),
            sleep=sleep_using_event(self._ending),
            retry=retry_if_exception_type(TransientError),
            reraise=True,
        )
        try:
            attempts(notifier.send, notice.alert)
        except EtlError as error:
            self._failed(notifier.channel, notice, error)
            return False
        except Exception as error:  # noqa: BLE001 - a defect of a channel must not take the others along
            hint = "this is a defect: please report it"
            self._failed(notifier.channel, notice, EtlError(f"{type(error).__name__}.", hint=hint))
            return False
        return True

    def _failed(self, channel: str, notice: Notice, error: EtlError) -> None:
        self.tell(AlertFailed("", channel, notice.alert.key, error.detail, error.hint))

    def _lose(self, letter: _Letter, why: str) -> None:
        self._failed("all", letter.notice, EtlError(why, hint="it is sent again while the trouble lasts"))
        letter.lost(letter.notice)
