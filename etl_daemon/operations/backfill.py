"""Older objects, loaded on purpose: beside the daemon, by a cursor of its own, and again from where it stopped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.model import BatchPlan, Known, ObjectRef, Receipt
from etl_daemon.core.planning import discovery
from etl_daemon.core.review import standing
from etl_daemon.errors import ConfigError, EtlError
from etl_daemon.operations.batches import attempted, planned
from etl_daemon.operations.claim import Claim, Operator, claim, fenced
from etl_daemon.pipeline import Corridor, Fetching, fetching, load


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when objects were modified, UTC; the end is not part of it."""

    since: datetime
    until: datetime

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%dT%H:%M:%SZ} to {self.until:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is: objects and bytes, tried and in all, and the receipts so far."""

    objects: int
    bytes: int
    objects_tried: int = 0
    bytes_tried: int = 0
    receipts: tuple[Receipt, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every object was tried."""
        return self.objects_tried == self.objects

    def __str__(self) -> str:
        entered = sum(len(receipt.objects) for receipt in self.receipts)
        rows = sum(receipt.counts.loaded for receipt in self.receipts)
        return f"{entered} of {self.objects} objects, {rows} rows loaded"


def backfill(dataset: Dataset, span: Span, corridor: Corridor, operator: Operator) -> Generator[Progress, None, None]:
    """Load what was modified within the span and is not in the ledger as it is; how far it is after each batch.

    What the ledger has is left out, so a backfill that was stopped goes on where it was. The daemon may load some of
    the same objects meanwhile: whoever commits first has done it. The audit log gets a line when it begins, and one
    when it ends, whatever ends it.

    Raises:
        ConfigError: the dataset's mode replaces its table.
        LeaseLostError: another backfill of the dataset has begun.
        BusyError, TransientError, SetupError: as in the daemon; run it again.
    """
    refuse_whole(dataset, "there is nothing to backfill")
    mine = claim(standing(dataset), "backfill", corridor, operator)
    found = due(mine.dataset, span, corridor, mine.known)
    progress = Progress(len(found), sum(ref.size for ref in found))
    operator.log("backfill", dataset.name, f"{span}: begun, {progress.objects} objects are due")
    yield progress
    try:
        plans = list(planned(mine.dataset, found, corridor))
        with fetching(plans, corridor.intake) as fetched:
            coming = corridor.fleet.ahead(plans) if corridor.fleet else plans
            for plan in takewhile(lambda _: not operator.stop.is_set(), coming):
                progress = after(progress, plan, _loaded(plan, mine, corridor, operator, fetched))
                yield progress
    except BaseException as error:
        how = f"failed ({error.detail})" if isinstance(error, EtlError) else "interrupted"
        with suppress(EtlError):  # what ended the backfill is what to tell
            operator.log("backfill", dataset.name, f"{span}: {how}, {progress}")
        raise
    operator.log("backfill", dataset.name, f"{span}: {'done' if progress.complete else 'stopped'}, {progress}")


def refuse_whole(dataset: Dataset, why: str) -> None:
    """Objects of a dataset that is loaded as a whole cannot be loaded one by one.

    Raises:
        ConfigError: it is such a dataset.
    """
    if dataset.mode.replaces:
        how = "--force" if dataset.mode is Mode.FULL else "--since 0"
        raise ConfigError(
            f"{dataset.name} is loaded as a whole ({dataset.mode}): {why}.",
            hint=f"to read it again, refused objects included: etl-daemon once --dataset {dataset.name} {how}",
        )


def due(dataset: Dataset, span: Span, corridor: Corridor, known: Known) -> tuple[ObjectRef, ...]:
    """Objects of the span that are not in the ledger as they are."""
    # all partitions: when an object was written says little about the day that it is filed under
    listing = corridor.intake.source.list(corridor.bucket, discovery.static_prefix(dataset.prefix))
    pending = discovery.pending(listing, known.versions, span.since).pending
    return tuple(ref for ref in pending if span.since <= ref.modified < span.until)


def _loaded(plan: BatchPlan, mine: Claim, corridor: Corridor, operator: Operator, fetched: Fetching) -> list[Receipt]:
    with fenced("backfill", mine.dataset):
        return attempted(plan, lambda part: load(part, corridor, lambda: mine.fence, operator.clock.now(), fetched))


def after(progress: Progress, plan: BatchPlan, receipts: list[Receipt]) -> Progress:
    """How far it is with one more batch tried."""
    return replace(
        progress,
        objects_tried=progress.objects_tried + len(plan.objects),
        bytes_tried=progress.bytes_tried + sum(ref.size for ref in plan.objects),
        receipts=(*progress.receipts, *receipts),
    )
