"""A queue in memory: for tests, and for events that arise in this process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from etl_daemon.core.messages import Message

RECEIVED_AT_ONCE = 10


@dataclass(slots=True)
class _Held:
    body: str
    visible_at: float = 0.0
    handle: str = ""


@dataclass(slots=True)
class MemoryQueue:
    """Messages that were received are invisible for ``visibility_seconds``; ``elapsed`` gives monotonic seconds.

    ``faults`` holds errors: each call raises the next one, until there are none left. ``rejected`` holds bodies and
    reasons; None: there is no dead-letter queue.
    """

    visibility_seconds: float = 30.0
    rejected: list[tuple[str, str]] | None = field(default_factory=list)
    elapsed: Callable[[], float] = time.monotonic
    faults: deque[Exception] = field(default_factory=deque)
    closed: bool = False
    _held: dict[str, _Held] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def send(self, body: str) -> None:
        """Put a message in."""
        with self._changed:
            self._held[uuid4().hex] = _Held(body)
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._held)

    def receive(self, wait_seconds: float) -> list[Message]:
        """As the port says."""
        end = self.elapsed() + wait_seconds
        with self._changed:
            self._raise_next()
            while not self._visible() and (left := end - self.elapsed()) > 0:
                hidden = [held.visible_at - self.elapsed() for held in self._held.values()]
                self._changed.wait(max(min([left, *hidden]), 0.0))
            return [self._handed_out(name) for name in self._visible()[:RECEIVED_AT_ONCE]]

    def extend(self, messages: Sequence[Message], seconds: float) -> None:
        """As the port says."""
        with self._changed:
            self._raise_next()
            for held in self._ours(messages).values():
                held.visible_at = self.elapsed() + seconds
            self._changed.notify_all()

    def delete(self, messages: Sequence[Message]) -> None:
        """As the port says."""
        with self._changed:
            self._raise_next()
            for name in self._ours(messages):
                del self._held[name]

    def reject(self, message: Message, reason: str) -> bool:
        """As the port says."""
        if self.rejected is None:
            return False
        self.rejected.append((message.body, reason))
        self.delete([message])
        return True

    def close(self) -> None:
        """Nothing to let go of; ``closed`` tells that it was called."""
        self.closed = True

    def _raise_next(self) -> None:
        if self.faults:
            raise self.faults.popleft()

    def _visible(self) -> list[str]:
        return [name for name, held in self._held.items() if held.visible_at <= self.elapsed()]

    def _handed_out(self, name: str) -> Message:
        held = self._held[name]
        held.visible_at, held.handle = self.elapsed() + self.visibility_seconds, uuid4().hex
        return Message(name, held.handle, held.body)

    def _ours(self, messages: Sequence[Message]) -> dict[str, _Held]:
        """Those of which this is the latest delivery."""
        found = {message.id: self._held.get(message.id) for message in messages}
        handles = {message.id: message.handle for message in messages}
        return {name: held for name, held in found.items() if held and held.handle == handles[name]}
