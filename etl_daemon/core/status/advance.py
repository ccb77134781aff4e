"""Progress and an event make the next progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from etl_daemon.config import shown
from etl_daemon.core.events import (
    BatchCommitted,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    DatasetSettled,
    Event,
    LeaseAwaited,
    LeaseLost,
    LeaseReleased,
    LeaseRenewed,
    LeaseTaken,
    LoopTurned,
    ObjectDeferred,
    ObjectExtracted,
    ObjectRefused,
    ObjectsNamed,
    Retried,
    StageEnded,
)
from etl_daemon.core.events.side import MessagesMoved, ModelsRan
from etl_daemon.core.model import Outcome
from etl_daemon.core.status.progress import (
    API,
    LEASE,
    QUEUE,
    ROW_OUTCOMES,
    RUN_OUTCOMES,
    Backlog,
    DatasetProgress,
    LastBatch,
    ModelsProgress,
    Progress,
    Tally,
    Trouble,
    zeros,
)
from etl_daemon.errors import AbandonedError, DataError, EtlError, ObjectChangedError, SetupError, TransientError

Fold = Callable[[Progress, Any, datetime], Progress]

MOVES = (
    *(BatchCommitted, CycleEnded, CyclePlanned, DatasetFailed, DatasetSettled, LoopTurned, ObjectExtracted, StageEnded),
)
"""Events that show the loop to advance; those of the thread that renews the lease do not."""

SOURCE_STAGES = frozenset({"list", "get"})
DESTINATION_STAGES = frozenset({"recall", "stage", "commit", "sweep"})


def advance(progress: Progress, event: Event, at: datetime) -> Progress:
    """Progress after the event, which happened at that time (UTC)."""
    fold = FOLDS.get(type(event))
    return fold(progress, event, at) if fold else progress


def _planned(progress: Progress, event: CyclePlanned, _at: datetime) -> Progress:
    def change(of: DatasetProgress) -> DatasetProgress:
        backlog = Backlog(event.pending, event.pending_bytes, event.oldest_pending)
        requests = of.list_requests + event.list_requests
        return replace(of, backlog=backlog, watermark=event.watermark or of.watermark, list_requests=requests)

    return replace(_changed(progress, event.dataset, change), planned=True, trouble=None)


def _named(progress: Progress, event: ObjectsNamed, _at: datetime) -> Progress:
    """What the last listing left is still there: at least so much is pending."""

    def change(of: DatasetProgress) -> DatasetProgress:
        there = of.backlog
        oldest = min((each for each in (there.oldest, event.oldest_pending) if each), default=None)
        backlog = Backlog(max(there.objects, event.pending), max(there.bytes, event.pending_bytes), oldest)
        return replace(of, backlog=backlog, list_requests=of.list_requests + event.list_requests)

    return replace(_changed(progress, event.dataset, change), trouble=None)


def _stage_ended(progress: Progress, event: StageEnded, _at: datetime) -> Progress:
    failed = event.error is not None and not isinstance(event.error, AbandonedError)
    if failed and event.dataset and event.stage in {"stage", "commit"}:
        progress = _changed(progress, event.dataset, lambda of: replace(of, batches=plus(of.batches, {"failed": 1})))
    if failed and not _blames_dependency(event.error):
        return progress
    if event.stage in SOURCE_STAGES:
        return _dependency(progress, progress.source, up=not failed)
    if event.stage in DESTINATION_STAGES:
        return _dependency(progress, progress.destination, up=not failed)
    return progress


def _blames_dependency(error: EtlError | None) -> bool:
    return isinstance(error, TransientError | SetupError) and not isinstance(error, ObjectChangedError)


def _committed(progress: Progress, event: BatchCommitted, at: datetime) -> Progress:
    receipt, counts = event.receipt, event.receipt.counts
    outcomes = Counter(str(line.outcome) for line in receipt.objects)
    taken = [line.ref for line in receipt.objects if line.outcome is not Outcome.SUPERSEDED]
    batch = LastBatch(receipt.batch_id, receipt.committed_at or at, event.seconds, len(taken), counts.loaded)

    def change(of: DatasetProgress) -> DatasetProgress:
        return replace(
            of,
            backlog=_less(of.backlog, len(taken), sum(ref.size for ref in taken)),
            watermark=max((mark for mark in (of.watermark, receipt.watermark) if mark), default=None),
            last_batch=batch,
            objects=plus(of.objects, outcomes),
            rows=plus(of.rows, {name: getattr(counts, name) for name in ROW_OUTCOMES}),
            batches=plus(of.batches, {"committed": 1}),
            reasons=plus(of.reasons, receipt.reasons),
            anomalies=plus(of.anomalies, receipt.anomalies),
        )

    return _changed(progress, event.dataset, change)


def _less(backlog: Backlog, objects: int, size: int) -> Backlog:
    left = backlog.objects - objects
    return Backlog(left, max(backlog.bytes - size, 0), backlog.oldest) if left > 0 else Backlog()


def _deferred(progress: Progress, event: ObjectDeferred, _at: datetime) -> Progress:
    return _changed(progress, event.dataset, lambda of: replace(of, objects=plus(of.objects, {"deferred": 1})))


def _refused(progress: Progress, _event: ObjectRefused, _at: datetime) -> Progress:
    return replace(progress, errors=plus(progress.errors, {DataError.__name__: 1}))


def _settled(progress: Progress, event: DatasetSettled, at: datetime) -> Progress:
    backlog = Backlog(event.pending, event.pending_bytes, event.oldest_pending)
    return _changed(progress, event.dataset, lambda of: replace(of, backlog=backlog, failing=False, last_success=at))


def _failed(progress: Progress, event: DatasetFailed, at: datetime) -> Progress:
    error = event.error
    detail, hint = (error.detail, error.hint) if isinstance(error, EtlError) else (str(error), "")
    trouble = Trouble(type(error).__name__, shown("detail", detail), hint, at)
    progress = replace(progress, errors=plus(progress.errors, {trouble.kind: 1}))
    if not event.dataset:
        return replace(progress, trouble=trouble)
    return _changed(progress, event.dataset, lambda of: replace(of, failing=True, last_error=trouble))


def _retried(progress: Progress, event: Retried, _at: datetime) -> Progress:
    progress = replace(progress, retries=plus(progress.retries, {event.dependency: 1}))
    return _dependency(progress, event.dependency, up=False) if event.dependency != API else progress


def _messages(progress: Progress, event: MessagesMoved, _at: datetime) -> Progress:
    moved = replace(progress, messages=plus(progress.messages, {event.outcome: event.messages}))
    return _dependency(moved, QUEUE, up=True)


def _models(progress: Progress, event: ModelsRan, at: datetime) -> Progress:
    before = progress.models.get(event.kind, ModelsProgress(zeros(RUN_OUTCOMES)))
    outcome = "failed" if event.failed else "made"
    runs, last = plus(before.runs, {outcome: 1}), before.last_success if event.failed else at
    now = ModelsProgress(runs, len(event.failed), event.seconds, last)
    return replace(progress, models={**progress.models, event.kind: now})


def _awaited(progress: Progress, event: LeaseAwaited, _at: datetime) -> Progress:
    progress = _dependency(_off(progress), LEASE, up=True) if event.holder else _off(progress)
    return replace(progress, generation=None, waiting=shown("detail", event.detail))


def _taken(progress: Progress, event: LeaseTaken | LeaseRenewed, _at: datetime) -> Progress:
    return replace(_dependency(progress, LEASE, up=True), generation=event.generation, waiting="")


def _lost(progress: Progress, event: LeaseLost, _at: datetime) -> Progress:
    return replace(_off(progress), generation=None, waiting=shown("detail", f"The lease is lost: {event.detail}."))


def _released(progress: Progress, _event: LeaseReleased, _at: datetime) -> Progress:
    return replace(progress, generation=None)


def _off(progress: Progress) -> Progress:
    """Another may be at work: what is pending and what fails is for it to say."""
    datasets = {name: replace(of, backlog=Backlog(), failing=False) for name, of in progress.datasets.items()}
    return replace(progress, datasets=datasets)


def _changed(progress: Progress, name: str, change: Callable[[DatasetProgress], DatasetProgress]) -> Progress:
    of = progress.datasets.get(name, DatasetProgress())
    return replace(progress, datasets={**progress.datasets, name: change(of)})


def _dependency(progress: Progress, name: str, *, up: bool) -> Progress:
    return progress if progress.up.get(name) is up else replace(progress, up={**progress.up, name: up})


def plus(tally: Tally, more: Mapping[str, int]) -> Tally:
    """Both added up."""
    return {**tally, **{name: tally.get(name, 0) + count for name, count in more.items()}}


FOLDS: Mapping[type[Event], Fold] = {
    CyclePlanned: _planned,
    ObjectsNamed: _named,
    StageEnded: _stage_ended,
    BatchCommitted: _committed,
    ObjectDeferred: _deferred,
    ObjectRefused: _refused,
    DatasetSettled: _settled,
    DatasetFailed: _failed,
    Retried: _retried,
    MessagesMoved: _messages,
    ModelsRan: _models,
    LeaseAwaited: _awaited,
    LeaseTaken: _taken,
    LeaseRenewed: _taken,
    LeaseLost: _lost,
    LeaseReleased: _released,
}
