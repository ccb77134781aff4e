"""How long the pieces of each step take, told as events, and how long a batch may go on when the end has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event as Signal
from types import TracebackType
from typing import Self, TypeVar

from etl_daemon.core.events import Event, StageEnded
from etl_daemon.errors import EtlError

Item = TypeVar("Item")
Tell = Callable[[Event], None]


@dataclass(slots=True)
class Timed:
    """A context that tells how long it was open, less the seconds ``aside`` that others took of it."""

    tell: Tell
    dataset: str
    stage: str
    elapsed: Callable[[], float] = time.perf_counter
    aside: float = 0.0
    _started: float = 0.0

    def __enter__(self) -> Self:
        self._started = self.elapsed()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        seconds = self.elapsed() - self._started - self.aside
        self.tell(StageEnded(self.dataset, self.stage, seconds, error if isinstance(error, EtlError) else None))

    def without(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items; the time that it takes to get them is not this stage's."""
        while True:
            asked = self.elapsed()
            item = next(items, None)
            self.aside += self.elapsed() - asked
            if item is None:
                return
            yield item
            del item  # large ones are not held while the next is made


def timed_each(items: Iterator[Item], tell: Tell, dataset: str, stage: str) -> Iterator[Item]:
    """The items, each a piece of its own; a generator that fails tells of that too."""
    while True:
        with Timed(tell, dataset, stage):
            item = next(items, None)
        if item is None:
            return
        yield item
        del item


@dataclass(slots=True)
class Grace:
    """The time that the batch in hand has left once ``stop`` is set; ``elapsed`` gives monotonic seconds."""

    stop: Signal
    seconds: float
    elapsed: Callable[[], float] = time.monotonic
    _since: float | None = None

    def over(self) -> bool:
        """Whether it is up; it begins when this is first asked after the stop."""
        if not self.stop.is_set():
            return False
        if self._since is None:
            self._since = self.elapsed()
        return self.elapsed() - self._since >= self.seconds
