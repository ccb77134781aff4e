"""Events become counts that a thread sends: the corridor neither waits for CloudWatch nor fails with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from etl_daemon.adapters.cloudwatch.metrics import UnfitCountsError
from etl_daemon.core.events import BatchBegan, Event
from etl_daemon.core.events.side import CountsResumed, CountsUnsent
from etl_daemon.core.status.table_counts import Point, fitting, points
from etl_daemon.errors import EtlError
from etl_daemon.ports import Clock

MOST_PER_CALL, MOST_BYTES_PER_CALL = 1_000, 900_000


class Metrics(Protocol):
    """Where counts go."""

    def put(self, counts: Sequence[Point]) -> None:
        """Send them in one call; raises EtlError."""

    def size(self, point: Point) -> int:
        """How many bytes it takes in a call, at most."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long counts are gathered for one call, the pauses after calls that failed, and the end (all in seconds).

    Of counts ``most_waiting`` wait; what comes beyond is lost, and told.
    """

    gather: float = 10.0
    first_pause: float = 10.0
    longest_pause: float = 300.0
    end: float = 5.0
    most_waiting: int = 20_000


@dataclass(slots=True)
class CloudWatchObserver:
    """Hears events from any thread. ``tables`` are those of the datasets by name; a batch tells its own.

    An outage is told once, and when it is over; meanwhile counts wait, with the times that they are of.
    """

    metrics: Metrics
    tables: Mapping[str, str]
    clock: Clock
    tell: Callable[[Event], None]
    pace: Pace = Pace()
    _waiting: list[Point] = field(default_factory=list)
    _lost: int = 0
    _failures: int = 0
    _ending: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def notice(self, event: Event) -> None:
        """Take down what it counts for."""
        if isinstance(event, BatchBegan):
            self.tables = {**self.tables, event.dataset: event.plan.dataset.table}
            return
        found = points(event, self.tables, self.clock.now())
        if found:
            self._take(found)

    def close(self) -> None:
        """Send what waits, within bounds; what has not gone out by then is lost, and told."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread is None:
            return
        self._thread.join(self.pace.end)
        left = len(self._waiting) + self._lost
        if left:
            self.tell(CountsUnsent("", f"The process ended before {left:,} counts were sent.", ""))
        if not self._thread.is_alive():
            self.metrics.close()

    def _take(self, found: list[Point]) -> None:
        with self._changed:
            room = self.pace.most_waiting - len(self._waiting)
            self._waiting += found[:room]
            self._lost += len(found[room:])
            if self._thread is None and not self._ending:
                self._thread = threading.Thread(target=self._deliver, name="cloudwatch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _deliver(self) -> None:
        while batch := self._next():
            if self._sent(batch):
                with self._changed:
                    del self._waiting[: len(batch)]
            elif self._ending:
                return

    def _next(self) -> list[Point]:
        """The counts of the next call, once it is time for it; none: that was the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            if self._failures:
                pause = min(self.pace.first_pause * 2 ** (self._failures - 1), self.pace.longest_pause)
                self._changed.wait_for(lambda: self._ending, pause)
            else:
                enough = lambda: self._ending or len(self._waiting) >= MOST_PER_CALL  # noqa: E731 - it is a condition
                self._changed.wait_for(enough, self.pace.gather)
            first = self._waiting[:MOST_PER_CALL]
        sizes = [self.metrics.size(point) for point in first]
        return first[: fitting(sizes, MOST_PER_CALL, MOST_BYTES_PER_CALL)]

    def _sent(self, batch: list[Point]) -> bool:
        """Whether the batch is done with."""
        try:
            self.metrics.put(batch)
        except UnfitCountsError as error:
            self.tell(CountsUnsent("", error.detail, error.hint))
            return True
        except EtlError as error:
            self._failed(error)
            return False
        except Exception as error:  # noqa: BLE001 - a defect must not end the thread
            self._failed(EtlError(f"{type(error).__name__}.", hint="this is a defect: please report it"))
            return False
        self._recovered()
        return True

    def _failed(self, error: EtlError) -> None:
        self._failures += 1
        if self._failures == 1:
            self.tell(CountsUnsent("", error.detail, error.hint))

    def _recovered(self) -> None:
        if not (self._failures or self._lost):
            return
        with self._changed:
            self._failures, lost, self._lost = 0, self._lost, 0
        self.tell(CountsResumed("", lost))
