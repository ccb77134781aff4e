"""The board of alerts, and somebody to send them to, in memory: for tests, and where no state file can be had."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from etl_daemon.core.alerting.alert import Alert
from etl_daemon.core.alerting.board import Board

T = TypeVar("T")


@dataclass(slots=True)
class MemoryBoardStore:
    """What the observers of several processes share. ``faults``: each update raises the next error; None passes."""

    board: Board = field(default_factory=Board)
    faults: deque[Exception | None] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def update(self, change: Callable[[Board], tuple[Board, T]], now: datetime) -> T:
        """As the port says."""
        _raise_next(self.faults)
        with self._lock:
            self.board, made = change(self.board)
        return made


@dataclass(slots=True)
class MemoryNotifier:
    """Keeps what it was given. ``faults``: each call raises the next error before it does anything; None passes."""

    channel: str = "memory"
    sent: list[Alert] = field(default_factory=list)
    faults: deque[Exception | None] = field(default_factory=deque)

    def send(self, alert: Alert) -> None:
        """As the port says."""
        _raise_next(self.faults)
        self.sent.append(alert)


def _raise_next(faults: deque[Exception | None]) -> None:
    fault = faults.popleft() if faults else None
    if fault is not None:
        raise fault
