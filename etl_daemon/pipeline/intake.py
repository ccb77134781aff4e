"""Reading ahead of the rules, and the rules slice by slice: what fails costs one object.

Threads work in a copy of the context of whoever has them work, so that observers can tell whose batch they hear of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import FetchBegan
from etl_daemon.core.model import (
    SLICE_ROWS,
    BatchPlan,
    CleanSlice,
    Counts,
    Deferral,
    ObjectRef,
    RawBatch,
    RawSlice,
    Refusal,
)
from etl_daemon.core.policy import Rules
from etl_daemon.errors import AbandonedError, DataError, ObjectChangedError, SetupError, TransientError
from etl_daemon.pipeline.fetching import Fetched, Fetching, Room
from etl_daemon.pipeline.timing import Tell, Timed, timed_each
from etl_daemon.ports import Decoder, Source

Item = TypeVar("Item")
Transform = Callable[[Sequence[RawSlice], Dataset, Rules], list[CleanSlice]]

SMALL_BYTES = 2**20
"""Objects up to this size are read and judged many at once."""
TOGETHER_BYTES = 2**23


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Shares of quarantined rows: above ``alert`` operators hear of it, above ``refuse`` the object is refused."""

    alert: float = 0.1
    refuse: float | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """What reading and the rules work with: ``fetchers`` objects at a time, ``ahead_bytes`` before their turn.

    ``tell`` hears from several threads how long each piece took. Between slices ``enough`` says whether to let the
    batch go, because the process is to end. With ``decode_ahead`` the next slice is decoded while the rules are at
    work on one.
    """

    source: Source
    decoder: Decoder
    rules: Rules
    tolerance: Tolerance
    fetchers: int
    ahead_bytes: int
    tell: Tell = lambda _: None
    enough: Callable[[], bool] = lambda: False
    decode_ahead: bool = True


def parts(plan: BatchPlan, intake: Intake, fetched: Fetching | None = None) -> Iterator[RawSlice | Refusal | Deferral]:
    """A fault of an object's content refuses it, a fault of the world puts it off."""
    with nullcontext(fetched) if fetched else fetching([plan], intake) as coming:
        for bodies in _small_together(map(coming.take, plan.objects)):
            ready = _decoded_together(bodies, plan.dataset, intake) if len(bodies) > 1 else {}
            for ref, body in bodies:
                yield from ready[ref] if ref in ready else _decoded(ref, body, plan.dataset, intake)


def _decoded(
    ref: ObjectRef, body: Future[memoryview], dataset: Dataset, intake: Intake
) -> Iterator[RawSlice | Refusal | Deferral]:
    try:
        slices = intake.decoder.decode(ref, body.result(), dataset)
        yield from timed_each(slices, intake.tell, dataset.name, "decode")
    except DataError as error:
        yield Refusal(ref, error.reason, str(error))
    except (TransientError, SetupError, OSError, MemoryError) as error:
        yield Deferral(ref, f"{type(error).__name__}: {error}", isinstance(error, ObjectChangedError))
    except Exception as error:  # noqa: BLE001 - a defect of ours must cost one object, not the service
        yield _defect(ref, error)


def _decoded_together(
    bodies: Sequence[Fetched], dataset: Dataset, intake: Intake
) -> Mapping[ObjectRef, list[RawSlice]]:
    """Those of the objects that can be read at one go; what is wrong with others shows when they are read alone."""
    there = [(ref, body.result()) for ref, body in bodies if not body.exception()]
    try:
        with Timed(intake.tell, dataset.name, "decode"):
            return intake.decoder.decode_together(there, dataset)
    except Exception:  # noqa: BLE001 - each is read alone then, and says what is wrong with it
        return {}


def _small_together(bodies: Iterable[Fetched]) -> Iterator[list[Fetched]]:
    """Neighbours that are small in lists of up to ``TOGETHER_BYTES``, large ones alone."""
    small: list[Fetched] = []
    size = 0
    for ref, body in bodies:
        if small and (ref.size > SMALL_BYTES or size + ref.size > TOGETHER_BYTES):
            yield small
            small, size = [], 0
        if ref.size > SMALL_BYTES:
            yield [(ref, body)]
        else:
            small.append((ref, body))
            size += ref.size
    if small:
        yield small


def fetching(plans: Iterable[BatchPlan], intake: Intake) -> Fetching:
    """The objects of these batches of one dataset, fetched before their turn as far as the intake allows."""
    batches = {ref: plan for plan in plans for ref in plan.objects}

    def fetched(ref: ObjectRef) -> memoryview:
        intake.tell(FetchBegan(batches[ref].dataset.name, batches[ref]))
        with Timed(intake.tell, batches[ref].dataset.name, "get"):
            return intake.source.fetch(ref)

    return Fetching(batches, fetched, Room(intake.fetchers, intake.ahead_bytes, TOGETHER_BYTES))


def ahead(items: Iterator[Item], depth: int = 1) -> Iterator[Item]:
    """The items; while one is in use, up to ``depth`` more are being made."""
    if not depth:
        yield from items
        return

    def made() -> Item | None:
        return next(items, None)

    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = deque(pool.submit(copy_context().run, made) for _ in range(depth))
        while (item := coming.popleft().result()) is not None:
            coming.append(pool.submit(copy_context().run, made))
            yield item
            del item  # or it would be held while we wait for the next


def results(raw: RawBatch, intake: Intake, rules: Transform) -> Iterator[CleanSlice | Refusal | Deferral]:
    """A batch's slices after the rules; an object above the tolerance is refused behind its slices.

    Raises:
        AbandonedError: the process is to end, and this batch is not done.
    """
    judged = _judged(raw, intake, rules)
    for ref, found in groupby(judged, lambda result: result.ref):
        counts = Counts()
        for result in found:
            yield result
            if not isinstance(result, CleanSlice):
                break
            counts += result.counts
            del result
        else:
            yield from above_tolerance(ref, counts, intake.tolerance)


def _judged(raw: RawBatch, intake: Intake, rules: Transform) -> Iterator[CleanSlice | Refusal | Deferral]:
    for parts in _slices_together(raw.parts):
        if intake.enough():
            raise AbandonedError("The process is to end; the batch in hand is let go.", hint="run it again")
        if isinstance(parts, list):
            yield from _cleaned(parts, raw.plan.dataset, intake, rules)
        else:
            yield parts
        del parts  # before the next ones are decoded


def _slices_together(
    parts: Iterable[RawSlice | Refusal | Deferral],
) -> Iterator[list[RawSlice] | Refusal | Deferral]:
    """Slices of neighbouring objects in lists of up to ``SLICE_ROWS`` rows.

    A further slice of an object begins another list, and a list that is half full waits for no more.
    """
    slices: list[RawSlice] = []
    rows = 0
    for part in parts:
        more = part.table.num_rows if isinstance(part, RawSlice) else SLICE_ROWS
        if slices and (rows + more > SLICE_ROWS or part.ref == slices[-1].ref):
            yield slices
            slices, rows = [], 0
        if isinstance(part, RawSlice):
            slices.append(part)
            rows += more
        else:
            yield part
        del part
        if rows > SLICE_ROWS // 2:
            yield slices
            slices, rows = [], 0
    if slices:
        yield slices


def _cleaned(
    parts: Sequence[RawSlice], dataset: Dataset, intake: Intake, rules: Transform
) -> Iterator[CleanSlice | Refusal]:
    try:
        with Timed(intake.tell, dataset.name, "transform"):
            yield from rules(parts, dataset, intake.rules)
    except Exception as error:  # noqa: BLE001 - as in reading
        if len(parts) == 1:
            yield _defect(parts[0].ref, error)
            return
        for part in parts:  # a defect costs one object, not its neighbours
            yield from _cleaned([part], dataset, intake, rules)


def _defect(ref: ObjectRef, error: Exception) -> Refusal:
    return Refusal(ref, "internal_error", f"{type(error).__name__}: {error}. This is a defect: please report it.")


def above_tolerance(ref: ObjectRef, counts: Counts, tolerance: Tolerance) -> Iterator[Refusal]:
    """A refusal, if too many of an object's rows are unfit."""
    share, limit = reject_share(counts), tolerance.refuse
    if limit is not None and share > limit:
        yield Refusal(ref, "reject_share", f"{share:.1%} of its rows are unfit; the limit is {limit:.1%}")


def reject_share(counts: Counts) -> float:
    """The share of an object's rows that was quarantined, 0 to 1."""
    return counts.quarantined / counts.read if counts.read else 0.0
