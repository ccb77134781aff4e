"""Older objects, loaded on purpose: beside the daemon, by a cursor of its own, and again from where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from etl_daemon.core import discovery
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.discovery import Discovery
from etl_daemon.core.model import BatchPlan, Cursor, Known, ObjectRef, Receipt
from etl_daemon.errors import ConfigError, ObjectChangedError
from etl_daemon.operations.claim import Operator, claim
from etl_daemon.pipeline import Corridor, load
from etl_daemon.ports import Clock


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when objects were modified, UTC; the end is not part of it."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is: objects and bytes, done and in all, and the receipts so far."""

    objects: int
    objects_done: int
    bytes: int
    bytes_done: int
    receipts: tuple[Receipt, ...] = ()


def backfill(dataset: Dataset, span: Span, corridor: Corridor, operator: Operator, clock: Clock) -> Iterator[Progress]:
    """Load what was modified within the span and is not in the ledger as it is; how far it is after each batch.

    What the ledger has is left out, so a backfill that was stopped goes on where it was. The daemon may load some of
    the same objects meanwhile: whoever commits first has done it.

    Raises:
        ConfigError: the dataset's mode replaces its table.
        LeaseLostError: another backfill of the dataset has begun.
        BusyError, TransientError, SetupError: as in the daemon; run it again.
    """
    if dataset.mode.replaces:
        raise ConfigError(
            f"{dataset.name} is loaded as a whole ({dataset.mode}): there is nothing to backfill.",
            hint=f"run `etl-daemon once --dataset {dataset.name} --force`",
        )
    mine = claim(dataset, "backfill", corridor, operator)
    due = _due(mine.dataset, span, corridor, mine.known)
    progress = Progress(len(due), 0, sum(ref.size for ref in due), 0)
    yield progress
    found = Discovery(span.since, due)
    for plan in discovery.plan_batches(mine.dataset, found, corridor.reach.batch, Cursor(), clock.now()):
        receipts = _load(plan.objects, mine.dataset, lambda part: load(part, corridor, lambda: mine.fence, clock.now()))
        progress = Progress(
            progress.objects,
            progress.objects_done + len(plan.objects),
            progress.bytes,
            progress.bytes_done + sum(ref.size for ref in plan.objects),
            progress.receipts + receipts,
        )
        yield progress
    rows = sum(receipt.counts.loaded for receipt in progress.receipts)
    span_text = f"{span.since:%Y-%m-%dT%H:%M:%SZ} to {span.until:%Y-%m-%dT%H:%M:%SZ}"
    line = operator.line(clock.now(), "backfill", dataset, f"{span_text}: {progress.objects} objects, {rows} rows")
    operator.review.log(line)


def _due(dataset: Dataset, span: Span, corridor: Corridor, known: Known) -> tuple[ObjectRef, ...]:
    # all partitions: when an object was written says little about the day that it is filed under
    listing = corridor.intake.source.list(corridor.bucket, discovery.static_prefix(dataset.prefix))
    pending = discovery.pending(listing, known.versions, span.since).pending
    return tuple(ref for ref in pending if span.since <= ref.modified < span.until)


def _load(
    refs: tuple[ObjectRef, ...], dataset: Dataset, attempt: Callable[[BatchPlan], Receipt]
) -> tuple[Receipt, ...]:
    """A batch; where the daemon was quicker with one of its objects, the objects one by one."""
    try:
        return (attempt(BatchPlan(dataset, refs)),)
    except ObjectChangedError:
        if len(refs) == 1:
            return ()
        return tuple(receipt for ref in refs for receipt in _load((ref,), dataset, attempt))
