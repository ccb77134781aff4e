"""The corridor: every object takes these five steps, whoever asks for it.

discover -> read -> transform -> stage -> commit
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import chain

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import (
    BatchAbandoned,
    BatchBegan,
    BatchCommitted,
    Event,
    ExtraColumns,
    ObjectDeferred,
    ObjectRefused,
    RejectShareHigh,
    RowsFiltered,
)
from etl_daemon.core.events.examples import examples
from etl_daemon.core.events.sample import sampled
from etl_daemon.core.model import (
    BatchPlan,
    CleanBatch,
    Cursor,
    Fence,
    Known,
    Outcome,
    RawBatch,
    Receipt,
    StagedBatch,
)
from etl_daemon.core.planning import deliveries, discovery
from etl_daemon.core.planning.discovery import BatchLimits, Discovery
from etl_daemon.core.rules.clean import clean_all
from etl_daemon.pipeline.dividing import Dividing
from etl_daemon.pipeline.fetching import Fetching
from etl_daemon.pipeline.intake import Intake, Tolerance, Transform, ahead, fetching, parts, reject_share, results
from etl_daemon.pipeline.lookup import Look, look_up
from etl_daemon.pipeline.timing import Grace, Timed
from etl_daemon.ports import Destination, Fleet

__all__ = [
    "Corridor",
    "Dividing",
    "Fetching",
    "Grace",
    "Intake",
    "Look",
    "Reach",
    "Timed",
    "Tolerance",
    "commit",
    "discover",
    "fetching",
    "load",
    "look_up",
    "read",
    "stage",
    "transform",
]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far discovery looks, how often it compares everything, and how much goes in a batch."""

    lookback: timedelta
    sweep_every: timedelta
    partition_timezone: tzinfo
    batch: BatchLimits


@dataclass(frozen=True, slots=True)
class Corridor:
    """What the steps work with; a ``fleet`` reads and transforms in place of this machine."""

    intake: Intake
    destination: Destination
    bucket: str
    reach: Reach
    tell: Callable[[Event], None]
    fleet: Fleet | None = None


def discover(dataset: Dataset, known: Known, corridor: Corridor, now: datetime, *, sweep: bool) -> Discovery:
    """List what the dataset's window holds and take off what the ledger has; where the table is replaced, list all."""
    with Timed(corridor.tell, dataset.name, "list"):
        return _discovered(dataset, known, corridor, now, sweep=sweep)


def _discovered(dataset: Dataset, known: Known, corridor: Corridor, now: datetime, *, sweep: bool) -> Discovery:
    reach = corridor.reach
    if dataset.mode.replaces:
        prefix = discovery.static_prefix(dataset.prefix)
        return deliveries.due(dataset, corridor.intake.source.list(corridor.bucket, prefix), known)
    since = discovery.lower_bound(dataset, known.cursor, now, reach.lookback)
    prefixes = discovery.listing_prefixes(dataset.prefix, since, now, reach.partition_timezone)
    if sweep:
        since = discovery.sweep_bound(known.cursor, since, reach.lookback)
        prefixes = [discovery.static_prefix(dataset.prefix)]
    after = "" if sweep else discovery.settled(dataset, known)
    listing = chain.from_iterable(corridor.intake.source.list(corridor.bucket, prefix, after) for prefix in prefixes)
    return discovery.pending(listing, known.versions, since)


def read(plan: BatchPlan, intake: Intake, fetched: Fetching | None = None) -> RawBatch:
    """Fetch and decode, ahead of the rules; an object that cannot be read costs that object only."""
    return RawBatch(plan, ahead(parts(plan, intake, fetched), int(intake.decode_ahead)))


def transform(raw: RawBatch, intake: Intake, rules: Transform = clean_all) -> CleanBatch:
    """Apply the rules, slice by slice."""
    return CleanBatch(raw.plan, results(raw, intake, rules))


def cleaned(plan: BatchPlan, corridor: Corridor, fetched: Fetching | None = None) -> AbstractContextManager[CleanBatch]:
    """Read and transform: here, slice by slice as they are asked for, or wherever the fleet is."""
    if corridor.fleet:
        return corridor.fleet.cleaned(plan)
    return nullcontext(transform(read(plan, corridor.intake, fetched), corridor.intake))


def stage(clean_batch: CleanBatch, corridor: Corridor) -> StagedBatch:
    """Bring everything to the destination's doorstep."""
    with Timed(corridor.tell, clean_batch.plan.dataset.name, "stage") as timed:
        return corridor.destination.stage(replace(clean_batch, results=timed.without(clean_batch.results)))


def commit(staged: StagedBatch, corridor: Corridor, fence: Fence, now: datetime) -> Receipt:
    """Make it visible, all at once; objects that were put off hold the watermark below them.

    Where the table is replaced, an object that was put off puts the whole batch off.
    """
    late = [item.ref for item in staged.deferrals]
    plan = replace(staged.plan, watermark=discovery.held_back(staged.plan.watermark, late, Cursor()))
    incomplete = staged.deferrals and staged.plan.dataset.mode.replaces
    if incomplete or not (staged.settled or plan.superseded):
        return Receipt(plan.batch_id, plan.dataset.name, (), staged.deferrals)
    with Timed(corridor.tell, plan.dataset.name, "commit"):
        return corridor.destination.commit(replace(staged, plan=plan), fence, now)


def load(
    plan: BatchPlan, corridor: Corridor, fence: Callable[[], Fence], now: datetime, fetched: Fetching | None = None
) -> Receipt:
    """Take a planned batch from the source to the destination, and tell how it went.

    ``fence`` is asked when all is staged: what was had when reading began may be lost by then. ``fetched``: its
    objects, and those of batches to come, are being fetched there.
    """
    started = time.perf_counter()
    corridor.tell(BatchBegan(plan.dataset.name, plan))
    try:
        with cleaned(plan, corridor, fetched) as batch:
            staged = stage(batch, corridor)
            receipt = commit(staged, corridor, fence(), now)
    except Exception as error:
        corridor.tell(BatchAbandoned(plan.dataset.name, plan.batch_id, error))
        raise
    _announce(staged, receipt, corridor, time.perf_counter() - started)
    return receipt


def _announce(staged: StagedBatch, receipt: Receipt, corridor: Corridor, seconds: float) -> None:
    """Events of a batch, once it is committed."""
    name = receipt.dataset
    extra = sorted({column for each in staged.slices for column in each.extra})
    if extra:
        corridor.tell(ExtraColumns(name, receipt.batch_id, tuple(extra)))
    for refusal in staged.refusals if receipt.objects else ():
        corridor.tell(ObjectRefused(name, refusal.ref, refusal.reason, refusal.detail))
    for deferral in staged.deferrals:
        corridor.tell(ObjectDeferred(name, deferral.ref, deferral.detail, deferral.changed))
    for line in receipt.objects:
        if line.outcome is Outcome.LOADED and reject_share(line.counts) > corridor.intake.tolerance.alert:
            corridor.tell(RejectShareHigh(name, line.ref, reject_share(line.counts)))
    if receipt.counts.filtered:
        corridor.tell(RowsFiltered(name, receipt.batch_id, receipt.counts.filtered))
    if receipt.objects:
        sample = sampled(staged.slices, staged.plan.dataset.kind, int(receipt.batch_id, 16))
        corridor.tell(BatchCommitted(name, receipt, seconds, staged.target, examples(staged.slices), sample))
    else:
        corridor.tell(BatchAbandoned(name, receipt.batch_id))
