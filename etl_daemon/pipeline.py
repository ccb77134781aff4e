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
from itertools import chain, groupby
from typing import TypeVar

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
    RawSlice,
    Receipt,
    Refusal,
    StagedBatch,
)
from etl_daemon.core.policy import Rules
from etl_daemon.errors import DataError, ObjectChangedError, SetupError, TransientError
from etl_daemon.ports import Decoder, Destination, Source

Item = TypeVar("Item")
Transform = Callable[[RawSlice, Dataset, Rules], CleanSlice]


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
class Intake:
    """What reading and the rules work with: ``fetchers`` objects at a time, up to ``ahead_bytes`` before their turn."""

    source: Source
    decoder: Decoder
    rules: Rules
    tolerance: Tolerance
    fetchers: int
    ahead_bytes: int


@dataclass(frozen=True, slots=True)
class Corridor:
    """What the steps work with."""

    intake: Intake
    destination: Destination
    bucket: str
    reach: Reach
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
    listing = chain.from_iterable(corridor.intake.source.list(corridor.bucket, prefix, after) for prefix in prefixes)
    return discovery.pending(listing, known.versions, since)


def load(plan: BatchPlan, corridor: Corridor, fence: Fence, now: datetime) -> Receipt:
    """Take a planned batch from the source to the destination, and tell how it went."""
    started = time.perf_counter()
    staged = stage(transform(read(plan, corridor.intake), corridor.intake), corridor)
    receipt = commit(staged, corridor, fence, now)
    _announce(staged, receipt, corridor, time.perf_counter() - started)
    return receipt


def read(plan: BatchPlan, intake: Intake) -> RawBatch:
    """Fetch and decode, ahead of the rules; an object that cannot be read costs that object only."""
    return RawBatch(plan, ahead(_parts(plan, intake)))


def transform(raw: RawBatch, intake: Intake, rules: Transform = clean) -> CleanBatch:
    """Apply the rules, slice by slice."""
    return CleanBatch(raw.plan, _results(raw, intake, rules))


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


def _parts(plan: BatchPlan, intake: Intake) -> Iterator[RawSlice | Refusal | Deferral]:
    """A fault of an object's content refuses it, a fault of the world puts it off."""
    for ref, body in _bodies(plan, intake):
        try:
            yield from intake.decoder.decode(ref, body.result(), plan.dataset)
        except DataError as error:
            yield Refusal(ref, error.reason, str(error))
        except (TransientError, SetupError, OSError, MemoryError) as error:
            yield Deferral(ref, f"{type(error).__name__}: {error}", isinstance(error, ObjectChangedError))
        except Exception as error:  # noqa: BLE001 - a defect of ours must cost one object, not the service
            yield _defect(ref, error)


def _bodies(plan: BatchPlan, intake: Intake) -> Iterator[tuple[ObjectRef, Future[memoryview]]]:
    """Objects in plan order while later ones are being fetched, as many and as large as the intake allows."""
    pool = ThreadPoolExecutor(intake.fetchers, "fetch")
    under_way: deque[tuple[ObjectRef, Future[memoryview]]] = deque()
    waiting = deque(plan.objects)
    try:
        while under_way or waiting:
            while waiting and _room(under_way, waiting[0], intake):
                ref = waiting.popleft()
                under_way.append((ref, pool.submit(intake.source.fetch, ref)))
            yield under_way.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _room(under_way: deque[tuple[ObjectRef, Future[memoryview]]], ref: ObjectRef, intake: Intake) -> bool:
    held = sum(other.size for other, _ in under_way)
    return not under_way or (len(under_way) < 4 * intake.fetchers and held + ref.size <= intake.ahead_bytes)


def ahead(items: Iterator[Item], depth: int = 1) -> Iterator[Item]:
    """The items; while one is in use, up to ``depth`` more are being made."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = deque(pool.submit(next, items, None) for _ in range(depth))
        while (item := coming.popleft().result()) is not None:
            coming.append(pool.submit(next, items, None))
            yield item


def _results(raw: RawBatch, intake: Intake, rules: Transform) -> Iterator[CleanSlice | Refusal | Deferral]:
    for ref, parts in groupby(raw.parts, lambda part: part.ref):
        counts = Counts()
        for part in parts:
            result = _cleaned(part, raw.plan.dataset, intake.rules, rules) if isinstance(part, RawSlice) else part
            yield result
            if not isinstance(result, CleanSlice):
                break
            counts += result.counts
        else:
            yield from _above_tolerance(ref, counts, intake.tolerance)


def _cleaned(part: RawSlice, dataset: Dataset, limits: Rules, rules: Transform) -> CleanSlice | Refusal:
    try:
        return rules(part, dataset, limits)
    except Exception as error:  # noqa: BLE001 - as in reading
        return _defect(part.ref, error)


def _defect(ref: ObjectRef, error: Exception) -> Refusal:
    return Refusal(ref, "internal_error", f"{type(error).__name__}: {error}. This is a defect: please report it.")


def _above_tolerance(ref: ObjectRef, counts: Counts, tolerance: Tolerance) -> Iterator[Refusal]:
    share, limit = _share(counts), tolerance.refuse
    if limit is not None and share > limit:
        yield Refusal(ref, "reject_share", f"{share:.1%} of its rows are unfit; the limit is {limit:.1%}")


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
        if line.outcome is Outcome.LOADED and _share(line.counts) > corridor.intake.tolerance.alert:
            corridor.tell(RejectShareHigh(name, line.ref, _share(line.counts)))
    corridor.tell(BatchCommitted(name, receipt, seconds))
