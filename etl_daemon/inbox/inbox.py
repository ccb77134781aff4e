"""The queue attended to in two threads, so that loading never waits for it: one receives, one extends and deletes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from etl_daemon.core.events import Event, Retried
from etl_daemon.core.events.side import MessageRejected, MessagesMoved
from etl_daemon.core.messages import Message, Written, contents
from etl_daemon.core.status.progress import QUEUE
from etl_daemon.errors import EtlError
from etl_daemon.inbox.pile import Pile, Place
from etl_daemon.inbox.stop import Stop
from etl_daemon.ports import EventQueue

IN_HAND = 2_000
"""Messages in hand at most; the others wait in the queue."""

BEATS = 3
"""So often within its time a message that is in hand is extended."""

LONGEST_BACKOFF_SECONDS = 60.0
FLUSH_SECONDS = 5.0
"""How long the end waits for the last deletions."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long messages in hand stay invisible, a request waits for some, and some are gathered first (seconds)."""

    visibility: float = 120.0
    poll: float = 20.0
    gather: float = 0.0


@dataclass(slots=True)
class Inbox:
    """Holds messages until what they name is settled, and deletes them then.

    ``wanted`` names the datasets that an object belongs to. It receives while it is open; shut, it gives back all that
    it has, for another process is at work then.
    """

    queue: EventQueue
    wanted: Callable[[Written], Sequence[str]]
    tell: Callable[[Event], None]
    stop: Stop
    patience: Patience = Patience()
    _pile: Pile = field(default_factory=Pile)
    _done: list[Message] = field(default_factory=list)
    _given_back: list[Message] = field(default_factory=list)
    _open: bool = False
    _closed: bool = False
    _rung: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Attend to the queue from now on, once it is open."""
        self.stop.wakes(self._wake)
        for work in (self._receive, self._keep):
            thread = threading.Thread(target=work, name=f"inbox{work.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def open(self) -> None:
        """Receive from now on."""
        with self._changed:
            if not self._open:
                self._open = True
                self._changed.notify_all()

    def shut(self) -> None:
        """Receive no more, and give back what is in hand."""
        with self._changed:
            self._open = self._rung = False
            self._given_back += self._pile.clear()
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Whether there is something to take; waits so long for it, but not beyond the order to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._rung or self.stop.is_set(), max(seconds, 0.0))
            if self._rung and self.patience.gather:
                self._changed.wait_for(self.stop.is_set, self.patience.gather)
            rung, self._rung = self._rung and not self.stop.is_set(), False
            return rung

    def ring(self) -> None:
        """Have what is in hand be taken again."""
        with self._changed:
            self._rung = bool(len(self._pile))

    def take(self) -> Mapping[str, frozenset[str]]:
        """What the messages in hand name: keys by dataset."""
        with self._changed:
            return self._pile.take()

    def settle(self, dataset: str, keys: Collection[str]) -> None:
        """Of what was taken, these keys are done with; messages that name nothing else are deleted soon."""
        with self._changed:
            self._done += self._pile.settle(dataset, keys)
            self._changed.notify_all()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Delete what is done, and give back the rest, as far as the queue answers in time."""
        with self._changed:
            self._closed = True
        self.shut()
        for thread in self._threads[1:]:  # a request that waits for messages ends by itself, and gives them back
            thread.join(FLUSH_SECONDS)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # ------------------------------------------------------------ the thread that receives

    def _receive(self) -> None:
        failures = 0
        while self._may_receive():
            try:
                self._sort(self.queue.receive(self.patience.poll))
                failures = 0
            except Exception as error:  # noqa: BLE001 - a defect must not end the thread: nobody would see it
                failures += 1
                self._failed(failures, error)
        self._threads[1].join(FLUSH_SECONDS)
        with suppress(EtlError):  # what came when the end had come; it comes again by itself
            self._attend(beat=False)
        self.queue.close()

    def _may_receive(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._open and len(self._pile) < IN_HAND))
            return not self._closed

    def _sort(self, messages: Sequence[Message]) -> None:
        self._moved("received", messages)
        unfit: list[tuple[Message, str]] = []
        for message in messages:
            try:
                said = contents(message.body)
            except ValueError as error:
                unfit.append((message, str(error)))
                continue
            self._put(
                message, {(name, each.key): each.sequencer for each in said.written for name in self.wanted(each)}
            )
        for message, reason in unfit:
            self._reject(message, reason)

    def _put(self, message: Message, names: Mapping[Place, str]) -> None:
        if not names:
            self._moved("ignored", [message])
        with self._changed:
            if not self._open:
                self._given_back.append(message)
            elif self._pile.add(message, names):
                self._rung = True
            else:
                self._done.append(message)
            self._changed.notify_all()

    def _reject(self, message: Message, reason: str) -> None:
        moved = self.queue.reject(message, reason)
        self.tell(MessageRejected("", message.id, reason, moved))
        self._moved("dead_lettered" if moved else "left", [message])

    # ------------------------------------------------------------ the thread that extends and deletes

    def _keep(self) -> None:
        failures, next_beat = 0, 0.0
        while not (self._closed and failures) and self._awaited(next_beat):
            now = time.monotonic()
            beat = now >= next_beat
            if beat:
                next_beat = now + self.patience.visibility / BEATS
            try:
                self._attend(beat=beat)
                failures = 0
            except Exception as error:  # noqa: BLE001 - as above
                failures += 1
                self._failed(failures, error)

    def _awaited(self, next_beat: float) -> bool:
        """Wait until there is something to do; False: everything is done, and the end has come."""
        with self._changed:
            patience = max(next_beat - time.monotonic(), 0.0)
            self._changed.wait_for(lambda: self._done or self._given_back or self._closed, patience)
            return bool(self._done or self._given_back) or not self._closed

    def _attend(self, *, beat: bool) -> None:
        """What fails here is done again; what was done twice does no harm."""
        with self._changed:
            done, back = self._done[:], self._given_back[:]
            stay = self._pile.due() if beat else []
        if done:
            self.queue.delete(done)
        if back:
            self.queue.extend(back, 0)
        if stay:
            self.queue.extend(stay, self.patience.visibility)
        with self._changed:
            del self._done[: len(done)], self._given_back[: len(back)]  # others only add behind them
        self._moved("deleted", done)
        self._moved("given_back", back)
        self._moved("extended", stay)

    # ------------------------------------------------------------ both

    def _moved(self, outcome: str, messages: Sequence[Message]) -> None:
        if messages or outcome == "received":  # an answer without messages shows that the queue is there
            self.tell(MessagesMoved("", outcome, len(messages)))

    def _failed(self, failures: int, error: Exception) -> None:
        """Tell, and wait longer and longer."""
        detail = str(error) if isinstance(error, EtlError) else f"{type(error).__name__}: {error}; please report it"
        self.tell(Retried("", QUEUE, failures, detail))
        with self._changed:
            self._changed.wait_for(lambda: self._closed, min(2.0 ** (failures - 1), LONGEST_BACKOFF_SECONDS))
