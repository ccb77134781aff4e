"""Events as readiness, status and proof that work goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from etl_daemon.adapters.systemd.notify import Notifier
from etl_daemon.config.redact import shown
from etl_daemon.core.events import (
    BatchCommitted,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    Event,
    LeaseAwaited,
    LoopTurned,
    WorkFailed,
)
from etl_daemon.core.status.advance import MOVES

CHECKED = (CyclePlanned, CycleEnded, DatasetFailed, LeaseAwaited)
"""By then the dependencies have answered, or failed to."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Patience:
    """How much longer than usual (seconds) nothing may be heard: between cycles, and while a batch is under way."""

    pause: float = 0.0
    batch: float = 0.0


@dataclass(slots=True)
class SystemdObserver:
    """Tells of progress only where there was some: a loop that hangs is restarted, be its threads alive or not."""

    notifier: Notifier
    patience: Patience = Patience()
    now: Callable[[], datetime] = _now
    _ready: bool = False
    _extra_seconds: float = 0.0
    _behind: dict[str, CyclePlanned] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)
    _last: str = "no batch yet"

    def notice(self, event: Event) -> None:
        """Tell systemd what the event means to it."""
        if isinstance(event, MOVES):
            self._extra_seconds = self._silence_after(event)
            self.notifier.advanced(self._extra_seconds)
        if isinstance(event, BatchCommitted):
            rows, at = event.receipt.counts.loaded, self.now()
            self._last = f"last batch {event.dataset}: {rows:,} rows at {at:%Y-%m-%d %H:%M:%S} UTC"
        if isinstance(event, (*CHECKED, BatchCommitted)):
            self._note(event)
            self.notifier.status(self._standing(event))
        if isinstance(event, CHECKED) and not self._ready and not isinstance(event, WorkFailed):
            self._ready = True
            self.notifier.ready()

    def _silence_after(self, event: Event) -> float:
        if isinstance(event, CyclePlanned):
            return self.patience.batch if event.pending else 0.0
        if isinstance(event, CycleEnded) or (isinstance(event, DatasetFailed) and not event.dataset):
            return self.patience.pause
        if isinstance(event, LoopTurned):
            return self.patience.pause if event.resting else 0.0
        return 0.0 if isinstance(event, DatasetFailed) else self._extra_seconds

    def _note(self, event: Event) -> None:
        if isinstance(event, CyclePlanned):
            self._behind[event.dataset] = event
            self._failed.pop(event.dataset, None)
            self._failed.pop("", None)
        elif isinstance(event, DatasetFailed):
            error = shown("detail", event.error)
            self._failed[event.dataset] = f"{event.dataset or 'the cycle'} failed: {error}"
        elif isinstance(event, CycleEnded):
            self._behind = {name: each for name, each in self._behind.items() if name in self._failed}

    def _standing(self, event: Event) -> str:
        if isinstance(event, LeaseAwaited):
            return f"Standing by. {event.detail}"
        return "; ".join([*self._failed.values(), self._lag(), self._last])

    def _lag(self) -> str:
        waiting = [each for each in self._behind.values() if each.pending]
        oldest = min((each.oldest_pending for each in waiting if each.oldest_pending), default=None)
        if oldest is None:
            return "lag 0 s"
        behind = max(0, round((self.now() - oldest).total_seconds()))
        return f"lag {behind:,} s, {sum(each.pending for each in waiting):,} objects planned"
