"""Quarantined rows and refused objects, tried again after a rule or a setting has changed."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import (
    BatchPlan,
    CleanBatch,
    CleanSlice,
    Deferral,
    ObjectRef,
    Outcome,
    Receipt,
    Refusal,
    StagedBatch,
)
from etl_daemon.core.review import QuarantinedRow, Replay
from etl_daemon.errors import ConfigError
from etl_daemon.operations.claim import Operator, claim, standing
from etl_daemon.pipeline import Corridor, load, read, stage, transform

Wanted = Mapping[ObjectRef, frozenset[int]]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of the rows: ``replayed`` left the quarantine (``loaded`` of them are in the target).

    ``unfit`` stay; ``changed`` belong to versions that are no longer there, or could not be read now.
    """

    dataset: str
    replayed: int = 0
    loaded: int = 0
    unfit: int = 0
    changed: int = 0


def replay(
    rows: Sequence[QuarantinedRow], dataset: Dataset, corridor: Corridor, operator: Operator, now: datetime
) -> ReplayReport:
    """Read the rows' objects again, and bring in what is fit now under the identity that it had.

    Raises:
        LeaseLostError, BusyError: another replay of the dataset is under way, or the destination is held.
        ObjectChangedError: another version was loaded meanwhile; try again.
    """
    wanted = _wanted(rows, _current([row.key for row in rows], corridor))
    found = sum(map(len, wanted.values()))
    report = ReplayReport(dataset.name, unfit=found, changed=len(rows) - found)
    if not wanted:
        return report
    mine = claim(standing(dataset), "replay", corridor, operator)
    staged = _staged(BatchPlan(mine.dataset, tuple(sorted(wanted))), wanted, corridor)
    leaving = _leaving(staged, wanted)
    late = sum(len(wanted[item.ref]) for item in staged.deferrals)
    report = replace(report, unfit=found - late, changed=report.changed + late)
    if not any(leaving.values()):
        return report
    kept = _only(staged, leaving)
    gone = sum(map(len, leaving.values()))
    line = operator.line(now, "replay", dataset, f"{gone} of {len(rows)} quarantined rows were fit")
    receipt = corridor.destination.replay(kept, Replay(leaving), mine.fence, line)
    return replace(report, replayed=gone, loaded=receipt.counts.loaded, unfit=report.unfit - gone)


def reload(
    keys: Sequence[str], dataset: Dataset, corridor: Corridor, operator: Operator, now: datetime
) -> Receipt | None:
    """Read refused objects again; None where none of the keys is refused and still there.

    Raises:
        ConfigError: the dataset's mode replaces its table: it reads all of its objects again, or none.
    """
    if dataset.mode.replaces:
        raise ConfigError(
            f"{dataset.name} is loaded as a whole ({dataset.mode}).",
            hint=f"run `etl-daemon once --dataset {dataset.name} --force`",
        )
    mine = claim(dataset, "replay", corridor, operator)
    refs = [ref for key, ref in _current(keys, corridor).items() if key in mine.known.refused]
    if not refs:
        return None
    receipt = load(BatchPlan(mine.dataset, tuple(sorted(refs))), corridor, lambda: mine.fence, now)
    loaded = sum(line.outcome is Outcome.LOADED for line in receipt.objects)
    detail = f"{loaded} of {len(refs)} refused objects were fit"
    operator.review.log(operator.line(now, "reload", dataset, detail))
    return receipt


def _current(keys: Sequence[str], corridor: Corridor) -> dict[str, ObjectRef]:
    """Objects by key, as the source has them now."""
    wanted = set(keys)
    prefix = os.path.commonprefix(sorted(wanted))  # noqa: RUF071 - a key's prefix is any text
    listing = corridor.intake.source.list(corridor.bucket, prefix) if wanted else ()
    return {ref.key: ref for ref in listing if ref.key in wanted}


def _wanted(rows: Sequence[QuarantinedRow], current: Mapping[str, ObjectRef]) -> Wanted:
    """Ordinals of the rows, by object; only of versions that are still there."""
    wanted: dict[ObjectRef, set[int]] = defaultdict(set)
    for row in rows:
        ref = current.get(row.key)
        if ref and ref.version == row.version:
            wanted[ref].add(row.row)
    return {ref: frozenset(numbers) for ref, numbers in wanted.items()}


def _staged(plan: BatchPlan, wanted: Wanted, corridor: Corridor) -> StagedBatch:
    """The wanted rows of the objects after the rules; all other rows are let go."""
    clean = transform(read(plan, corridor.intake), corridor.intake)
    return stage(CleanBatch(plan, _narrowed(clean.results, wanted)), corridor)


def _narrowed(
    results: Iterator[CleanSlice | Refusal | Deferral], wanted: Wanted
) -> Iterator[CleanSlice | Refusal | Deferral]:
    for result in results:
        yield _among(result, wanted[result.ref]) if isinstance(result, CleanSlice) else result


def _among(part: CleanSlice, numbers: frozenset[int]) -> CleanSlice:
    return replace(
        part,
        accepted=_rows(part.accepted, "_OBJECT_ROW", numbers),
        quarantined=_rows(part.quarantined, "OBJECT_ROW", numbers),
        anomalies=_rows(part.anomalies, "_OBJECT_ROW", numbers),
    )


def _rows(table: pa.Table, column: str, numbers: frozenset[int]) -> pa.Table:
    marks = np.isin(table[column].to_numpy(), np.fromiter(numbers, np.int64, len(numbers)))
    return table.filter(pa.array(marks))


def _leaving(staged: StagedBatch, wanted: Wanted) -> dict[ObjectRef, tuple[int, ...]]:
    """The wanted rows that were read again and are not rejected any more."""
    leaving: dict[ObjectRef, set[int]] = defaultdict(set)
    for part in staged.slices:
        seen = range(part.first_row, part.first_row + part.counts.read)
        unfit = set(part.quarantined["OBJECT_ROW"].to_pylist())
        leaving[part.ref] |= {number for number in wanted[part.ref] if number in seen} - unfit
    return {ref: tuple(sorted(numbers)) for ref, numbers in leaving.items() if numbers}


def _only(staged: StagedBatch, leaving: Mapping[ObjectRef, Sequence[int]]) -> StagedBatch:
    """The batch with the objects that rows leave for, and nothing to quarantine."""
    slices = tuple(
        replace(part, quarantined=part.quarantined.slice(0, 0)) for part in staged.slices if part.ref in leaving
    )
    plan = replace(staged.plan, objects=tuple(ref for ref in staged.plan.objects if ref in leaving))
    return StagedBatch(plan, slices, (), ())
