"""Quarantined rows, tried again after a rule or a setting has changed: under the identity that they had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import TEXT, Dataset, Mode
from etl_daemon.core.model import BatchPlan, CleanBatch, CleanSlice, Deferral, ObjectRef, Refusal, StagedBatch
from etl_daemon.core.review import RejectedIn, Selection, standing
from etl_daemon.errors import ObjectChangedError
from etl_daemon.operations.batches import current, planned
from etl_daemon.operations.claim import Claim, Operator, claim, fenced
from etl_daemon.pipeline import Corridor, read, stage, transform

Ints = np.ndarray[Any, Any]
Wanted = Mapping[ObjectRef, Ints]
"""Ordinals of rows (int64), by object."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of quarantined rows: ``replayed`` left the quarantine (``loaded`` of them are in the target).

    ``unfit`` ones stay. ``changed`` ones are of versions, or deliveries, that are no longer there. ``unread`` ones are
    of objects that could not be read now.
    """

    replayed: int = 0
    loaded: int = 0
    unfit: int = 0
    changed: int = 0
    unread: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """A replay of one dataset. ``troubles``: objects that could not be read, or are unfit as a whole now."""

    dataset: str
    rows: Tally = Tally()
    troubles: tuple[Deferral | Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Replaying:
    """A replay under way; without a claim nothing is changed."""

    dataset: Dataset
    selection: Selection
    corridor: Corridor
    operator: Operator
    mine: Claim | None

    @property
    def delivered(self) -> bool:
        """Whether only the delivery that the table holds may take part."""
        return self.dataset.mode is Mode.TRUNCATE_INSERT


def replay(
    dataset: Dataset, selection: Selection, corridor: Corridor, operator: Operator, *, dry_run: bool = False
) -> ReplayReport:
    """Read the objects of the selected open rows again, and bring in what is fit now, a batch of objects at a time.

    With ``dry_run`` nothing is changed; ``loaded`` is then how many rows would be offered to the target.

    Raises:
        LeaseLostError, BusyError: another replay of the dataset is under way, or the destination is held.
        TransientError, SetupError: the source or the destination did not answer as it should; what was committed stays.
    """
    selection = replace(selection, dataset=dataset.name, state="open")
    rejected = operator.review.rejected_in(selection)
    report = ReplayReport(dataset.name)
    if not rejected:
        return report
    mine = None if dry_run else claim(standing(dataset), "replay", corridor, operator)
    under_way = Replaying(dataset, selection, corridor, operator, mine)
    due = _due(rejected, under_way)
    changed = sum(each.rows for each in rejected) - sum(due.values())
    report = replace(report, rows=Tally(changed=changed))
    operator.heard(changed)
    for plan in planned(mine.dataset if mine else standing(dataset), due, corridor):
        for tally, troubles in _apart(plan, under_way):
            report = replace(report, rows=report.rows + tally, troubles=(*report.troubles, *troubles))
            operator.heard(tally.replayed + tally.unfit + tally.changed + tally.unread)
        if operator.stop.is_set():
            break
    return report


Troubles = tuple[Deferral | Refusal, ...]
Result = tuple[Tally, Troubles]


def _due(rejected: Sequence[RejectedIn], under_way: Replaying) -> dict[ObjectRef, int]:
    """The object versions that are still there, with how many rows each has in the quarantine."""
    refs = current({each.key for each in rejected}, under_way.corridor)
    if under_way.delivered:
        there = under_way.operator.review.delivered(under_way.dataset, under_way.corridor.bucket)
        refs = {key: ref for key, ref in refs.items() if key in there}
    same = [each for each in rejected if each.key in refs and refs[each.key].version == each.version]
    return {refs[each.key]: each.rows for each in same}


def _apart(plan: BatchPlan, under_way: Replaying) -> Iterator[Result]:
    """A batch; where one of its objects, or its rows, changed meanwhile, the objects one by one."""
    places = under_way.operator.review.places(under_way.selection, [ref.key for ref in plan.objects])
    wanted = {ref: places[ref.key, ref.version] for ref in plan.objects if (ref.key, ref.version) in places}
    plan = replace(plan, objects=tuple(wanted))
    if not wanted:
        return
    try:
        yield _replayed(plan, wanted, under_way)
    except ObjectChangedError:
        if len(wanted) == 1:
            yield Tally(changed=sum(map(len, wanted.values()))), ()
            return
        for ref in plan.objects:
            yield from _apart(replace(plan, objects=(ref,)), under_way)


def _replayed(plan: BatchPlan, wanted: Wanted, under_way: Replaying) -> Result:
    staged = _staged(plan, wanted, under_way.corridor)
    gone = {item.ref: item.changed for item in staged.deferrals}
    changed, unread = (
        sum(len(wanted[ref]) for ref, is_it in gone.items() if is_it is which) for which in (True, False)
    )
    leaving = sum(part.quarantined.num_rows for part in staged.slices)
    unfit = sum(map(len, wanted.values())) - leaving - changed - unread
    late = tuple(item for item in staged.deferrals if not item.changed)
    loaded = _committed(staged, leaving, under_way) if leaving else 0
    return Tally(leaving, loaded, unfit, changed, unread), staged.refusals + late


def _committed(staged: StagedBatch, leaving: int, under_way: Replaying) -> int:
    """How many rows came in, or would be offered."""
    batch, mine, operator = _only_leaving(staged), under_way.mine, under_way.operator
    if mine is None:
        return sum(part.accepted.num_rows if part.stays is None else int(part.stays.sum()) for part in batch.slices)
    batch = replace(batch, plan=replace(batch.plan, purpose=f"replay {mine.fence.generation}"))
    objects = len(batch.plan.objects)
    line = operator.line("replay", under_way.dataset.name, f"{leaving} rows of {objects} objects left the quarantine")
    with fenced("replay", mine.dataset):
        receipt = under_way.corridor.destination.replay(batch, mine.fence, line, delivered=under_way.delivered)
    return receipt.counts.loaded


def _staged(plan: BatchPlan, wanted: Wanted, corridor: Corridor) -> StagedBatch:
    """The wanted rows of the objects after the rules: accepted, or leaving the quarantine because they lost to others.

    All other rows are let go.
    """
    clean = transform(read(plan, corridor.intake), corridor.intake)
    return stage(CleanBatch(plan, _narrowed(clean.results, wanted)), corridor)


def _narrowed(
    results: Iterator[CleanSlice | Refusal | Deferral], wanted: Wanted
) -> Iterator[CleanSlice | Refusal | Deferral]:
    for result in results:
        yield _among(result, wanted[result.ref]) if isinstance(result, CleanSlice) else result


def _among(part: CleanSlice, numbers: Ints) -> CleanSlice:
    """The slice with the wanted rows; its ``quarantined`` holds those that leave the quarantine."""
    seen = numbers[(numbers >= part.first_row) & (numbers < part.first_row + part.counts.read)]
    leaving = np.setdiff1d(seen, part.quarantined["OBJECT_ROW"].to_numpy())
    texts = pa.repeat(pa.scalar("", TEXT), len(leaving))
    return replace(
        part,
        accepted=_rows(part.accepted, numbers),
        anomalies=_rows(part.anomalies, numbers),
        quarantined=pa.table({"OBJECT_ROW": pa.array(leaving, pa.int64()), "REASONS": texts, "RAW": texts}),
    )


def _rows(table: pa.Table, numbers: Ints) -> pa.Table:
    return table.filter(pa.array(np.isin(table["_OBJECT_ROW"].to_numpy(), numbers)))


def _only_leaving(staged: StagedBatch) -> StagedBatch:
    """The batch with the objects that rows leave for."""
    objects = {part.ref for part in staged.slices if part.quarantined.num_rows}
    slices = tuple(part for part in staged.slices if part.ref in objects)
    plan = replace(staged.plan, objects=tuple(ref for ref in staged.plan.objects if ref in objects))
    return replace(staged, plan=plan, slices=slices, refusals=(), deferrals=())
