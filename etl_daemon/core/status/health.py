"""Whether a daemon is alive, whether it can work, and its status, all from its progress alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from etl_daemon.core.status.progress import Backlog, DatasetProgress, Progress

REASONS = ("starting", "waiting_for_lease", "failing", "draining", "stuck")
"""The codes of all reasons below."""

CYCLES_MISSED = 3
"""So many poll intervals may pass without a sign of life."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: a stable code, and words."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long nothing need be heard of the loop: it sleeps between cycles, and one call may take long (seconds)."""

    poll_seconds: float
    call_seconds: float

    @property
    def seconds(self) -> float:
        """Silence beyond this means that the loop is stuck."""
        return CYCLES_MISSED * self.poll_seconds + self.call_seconds


@dataclass(frozen=True, slots=True)
class Moment:
    """What is asked about: progress, how long ago it last changed, the time (UTC), and whether the end has begun."""

    progress: Progress
    silent_seconds: float
    now: datetime
    draining: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Which daemon this is."""

    daemon: str
    version: str
    holder: str
    started: datetime
    place: str


def not_live(moment: Moment, patience: Patience) -> tuple[Reason, ...]:
    """Why the process should be started again; nothing: it advances."""
    if moment.silent_seconds <= patience.seconds:
        return ()
    detail = f"Nothing was heard of the loop for {moment.silent_seconds:.0f} seconds; {patience.seconds:.0f} are usual."
    return (Reason("stuck", detail),)


def not_ready(moment: Moment) -> tuple[Reason, ...]:
    """Why no work is done now; nothing: it can work."""
    progress = moment.progress
    if moment.draining:
        return (Reason("draining", "It was told to stop, and finishes the batch in hand."),)
    if progress.waiting:
        return (Reason("waiting_for_lease", progress.waiting),)
    if progress.trouble:
        return (Reason("failing", f"{progress.trouble.kind}: {progress.trouble.detail}"),)
    if not progress.planned:
        return (Reason("starting", "Source and destination have not both answered yet."),)
    failing = {name: of.last_error for name, of in progress.datasets.items() if of.failing and of.last_error}
    if len(failing) < len(progress.datasets):
        return ()
    return tuple(Reason("failing", f"{name}: {error.kind}: {error.detail}") for name, error in failing.items())


def verdict(reasons: tuple[Reason, ...]) -> dict[str, Any]:
    """What a probe answers."""
    return {"ok": not reasons, "reasons": [asdict(reason) for reason in reasons]}


def status(identity: Identity, moment: Moment, patience: Patience) -> dict[str, Any]:
    """The whole state as one document; instants are in RFC 3339."""
    progress = moment.progress
    live, ready = not_live(moment, patience), not_ready(moment)
    document = {
        **asdict(identity),
        "live": not live,
        "ready": not ready,
        "reasons": [asdict(reason) for reason in (*live, *ready)],
        "lease": {
            "held": progress.generation is not None,
            "generation": progress.generation,
            "waiting": progress.waiting or None,
        },
        "dependencies": progress.up,
        "last_error": asdict(progress.trouble) if progress.trouble else None,
        "datasets": {name: _dataset(of, moment.now) for name, of in progress.datasets.items()},
    }
    return {name: _plain(value) for name, value in document.items()}


def _dataset(of: DatasetProgress, now: datetime) -> dict[str, Any]:
    return {
        "watermark": of.watermark,
        "lag_seconds": lag_seconds(of.backlog, now),
        "pending": asdict(of.backlog),
        "failing": of.failing,
        "last_success": of.last_success,
        "last_batch": asdict(of.last_batch) if of.last_batch else None,
        "last_error": asdict(of.last_error) if of.last_error else None,
        "objects": of.objects,
        "rows": of.rows,
        "batches": of.batches,
        "quarantined": {reason: rows for reason, rows in of.reasons.items() if rows},
        "anomalies": of.anomalies,
    }


def lag_seconds(backlog: Backlog, now: datetime) -> float:
    """How long the oldest pending object has been waiting; 0 where none is."""
    return max((now - backlog.oldest).total_seconds(), 0.0) if backlog.oldest else 0.0


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, Mapping) else value
