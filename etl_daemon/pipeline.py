"""The corridor: every object takes these five steps, whoever asks for it.

discover -> read -> transform -> stage -> commit
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import chain

from etl_daemon.core import discovery
from etl_daemon.core.clean import clean
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.discovery import BatchLimits, Discovery
from etl_daemon.core.events import (
    BatchCommitted,
    Event,
    ExtraColumns,
    ObjectDeferred,
    ObjectRefused,
    RejectShareHigh,
)
from etl_daemon.core.model import (
    BatchPlan,
    CleanBatch,
    CleanSlice,
    Counts,
    Cursor,
    Deferral,
    Fence,
    Known,
    ObjectRef,
    Outcome,
    RawBatch,
    RawObject,
    RawSlice,
    Receipt,
    Refusal,
    StagedBatch,
)
from etl_daemon.core.policy import Rules
from etl_daemon.errors import DataError, ObjectChangedError, SetupError, TransientError
from etl_daemon.ports import Decoder, Destination, Source


@dataclass(frozen=True, slots=True)
class Reach:
    """How far discovery looks, how often it compares everything, and how much goes in a batch."""

    lookback: timedelta
    sweep_every: timedelta
    partition_timezone: tzinfo
    batch: BatchLimits


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Shares of quarantined rows: above ``alert`` operators hear of it, above ``refuse`` the object is refused."""

    alert: float = 0.1
    refuse: float | None = None


@dataclass(frozen=True, slots=True)
class Corridor:
    """What the steps work with."""

    source: Source
    decoder: Decoder
    destination: Destination
    bucket: str
    rules: Rules
    reach: Reach
    tolerance: Tolerance
    fetchers: int
    ahead_bytes: int
    tell: Callable[[Event], None]


def discover(dataset: Dataset, known: Known, corridor: Corridor, now: datetime, *, sweep: bool) -> Discovery:
    """List what the dataset's window holds and take off what the ledger has."""
    reach = corridor.reach
    since = discovery.lower_bound(dataset, known.cursor, now, reach.lookback)
    prefixes = discovery.listing_prefixes(dataset.prefix, since, now, reach.partition_timezone)
    if sweep:
        since = discovery.sweep_bound(known.cursor, since, reach.lookback)
        prefixes = [discovery.static_prefix(dataset.prefix)]
    after = known.settled_key if dataset.immutable_keys and not sweep else ""
    listing = chain.from_iterable(corridor.source.list(corridor.bucket, prefix, after) for prefix in prefixes)
    return discovery.pending(listing, known.versions, since)


def load(plan: BatchPlan, corridor: Corridor, fence: Fence, now: datetime) -> Receipt:
    """Take a planned batch from the source to the destination, and tell how it went."""
    started = time.perf_counter()
    staged = stage(transform(read(plan, corridor), corridor), corridor)
    receipt = commit(staged, corridor, fence, now)
    _announce(staged, receipt, corridor, time.perf_counter() - started)
    return receipt


def read(plan: BatchPlan, corridor: Corridor) -> RawBatch:
    """Fetch the objects, some ahead of the one in hand, and decode them as their rows are asked for."""
    return RawBatch(plan, _objects(plan, corridor))


def transform(raw: RawBatch, corridor: Corridor) -> CleanBatch:
    """Apply the rules, slice by slice; an object that cannot be loaded costs that object only."""
    return CleanBatch(raw.plan, chain.from_iterable(_results(each, raw.plan.dataset, corridor) for each in raw.objects))


def stage(clean_batch: CleanBatch, corridor: Corridor) -> StagedBatch:
    """Bring everything to the destination's doorstep."""
    return corridor.destination.stage(clean_batch)


def commit(staged: StagedBatch, corridor: Corridor, fence: Fence, now: datetime) -> Receipt:
    """Make it visible, all at once; objects that were put off hold the watermark below them."""
    late = [item.ref for item in staged.deferrals]
    plan = replace(staged.plan, watermark=discovery.held_back(staged.plan.watermark, late, Cursor()))
    if not staged.settled:
        return Receipt(plan.batch_id, plan.dataset.name, (), staged.deferrals)
    return corridor.destination.commit(replace(staged, plan=plan), fence, now)


def _objects(plan: BatchPlan, corridor: Corridor) -> Iterator[RawObject]:
    """Objects in plan order while later ones are being fetched, as many and as large as the corridor allows."""
    pool = ThreadPoolExecutor(corridor.fetchers, "fetch")
    ahead: deque[tuple[ObjectRef, Future[memoryview]]] = deque()
    waiting = deque(plan.objects)
    try:
        while ahead or waiting:
            while waiting and _room(ahead, waiting[0], corridor):
                ref = waiting.popleft()
                ahead.append((ref, pool.submit(corridor.source.fetch, ref)))
            ref, body = ahead.popleft()
            yield RawObject(ref, _slices(ref, body, plan.dataset, corridor))
    finally:
        pool.shutdown(cancel_futures=True)


def _room(ahead: deque[tuple[ObjectRef, Future[memoryview]]], ref: ObjectRef, corridor: Corridor) -> bool:
    held = sum(other.size for other, _ in ahead)
    return not ahead or (len(ahead) < 4 * corridor.fetchers and held + ref.size <= corridor.ahead_bytes)


def _slices(ref: ObjectRef, body: Future[memoryview], dataset: Dataset, corridor: Corridor) -> Iterator[RawSlice]:
    yield from corridor.decoder.decode(ref, body.result(), dataset)


def _results(each: RawObject, dataset: Dataset, corridor: Corridor) -> Iterator[CleanSlice | Refusal | Deferral]:
    """An object's slices after the rules; a fault of its content refuses it, a fault of the world puts it off."""
    counts = Counts()
    try:
        for raw in each.slices:
            part = clean(raw, dataset, corridor.rules)
            counts += part.counts
            yield part
    except DataError as error:
        yield Refusal(each.ref, error.reason, str(error))
    except (TransientError, SetupError, OSError, MemoryError) as error:
        yield Deferral(each.ref, f"{type(error).__name__}: {error}", isinstance(error, ObjectChangedError))
    else:
        limit = corridor.tolerance.refuse
        if limit is not None and _share(counts) > limit:
            yield Refusal(
                each.ref, "reject_share", f"{_share(counts):.1%} of its rows are unfit; the limit is {limit:.1%}"
            )


def _share(counts: Counts) -> float:
    return counts.quarantined / counts.read if counts.read else 0.0


def _announce(staged: StagedBatch, receipt: Receipt, corridor: Corridor, seconds: float) -> None:
    """Events of a batch, once it is committed."""
    name = receipt.dataset
    extra = sorted({column for each in staged.slices for column in each.extra})
    if extra:
        corridor.tell(ExtraColumns(name, receipt.batch_id, tuple(extra)))
    for refusal in staged.refusals:
        corridor.tell(ObjectRefused(name, refusal.ref, refusal.reason, refusal.detail))
    for deferral in staged.deferrals:
        corridor.tell(ObjectDeferred(name, deferral.ref, deferral.detail))
    for line in receipt.objects:
        if line.outcome is Outcome.LOADED and _share(line.counts) > corridor.tolerance.alert:
            corridor.tell(RejectShareHigh(name, line.ref, _share(line.counts)))
    corridor.tell(BatchCommitted(name, receipt, seconds))
