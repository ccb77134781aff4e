"""Who hears of batches for the sake of lineage; nothing of OpenLineage is imported before there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etl_daemon.adapters.lineage.outbox import Noted, Outbox, Post
from etl_daemon.core.events import (
    BatchAbandoned,
    BatchBegan,
    BatchCommitted,
    CycleBegan,
    CycleEnded,
    Event,
)
from etl_daemon.core.events.side import LineageFailing, LineageResumed
from etl_daemon.ports import Clock


@dataclass(frozen=True, slots=True)
class Announced:
    """Outages of where lineage goes, told as events."""

    tell: Callable[[Event], None]

    def began(self, detail: str) -> None:
        """It fails."""
        self.tell(LineageFailing("", detail))

    def ended(self, lost: int) -> None:
        """It works again."""
        self.tell(LineageResumed("", lost))


class LineageObserver:
    """Passes events on to the thread that sends them; close it after the last one."""

    def __init__(self, employ: Callable[[], Post], clock: Clock, tell: Callable[[Event], None]) -> None:
        self._outbox = Outbox(employ, Announced(tell))
        self._clock = clock
        self._cycle_id = ""

    def notice(self, event: Event) -> None:
        """Have lineage told of a batch."""
        if isinstance(event, CycleBegan):
            self._cycle_id = event.cycle_id
        elif isinstance(event, CycleEnded):
            self._cycle_id = ""
        elif isinstance(event, BatchBegan | BatchCommitted | BatchAbandoned):
            self._outbox.put(Noted(event, self._clock.now(), self._cycle_id))

    def close(self) -> None:
        """Have sent what waits, for five seconds at most."""
        self._outbox.close()
