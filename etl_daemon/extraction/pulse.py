"""Work at a source that may take long: that it goes on is said, and it ends where the process is to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from etl_daemon.core.events import Event, StageEnded
from etl_daemon.errors import AbandonedError

BEAT_SECONDS = 5.0


@dataclass(slots=True)
class Pulse:
    """Called while rows come: says now and then that they do, and ends it when the process is to end."""

    dataset: str
    tell: Callable[[Event], None]
    over: Callable[[], bool]
    _beat_at: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        """Raises AbandonedError when the time after a stop is over."""
        if self.over():
            raise AbandonedError(f"{self.dataset}: the process is to end; the extraction begins anew next time.")
        self.beat()

    def beat(self) -> None:
        """Say that work goes on."""
        now = time.monotonic()
        if now - self._beat_at >= BEAT_SECONDS:
            self.tell(StageEnded(self.dataset, "extract", now - self._beat_at))
            self._beat_at = now
