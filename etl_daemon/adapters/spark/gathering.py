"""What tasks have told of a batch, as slices again: rows are read from the depot when their turn comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from etl_daemon.adapters.spark.sheaf import Reading
from etl_daemon.core.model import BatchPlan, CleanSlice, Deferral, ObjectRef, Refusal
from etl_daemon.core.origin import OBJECT, VERSION
from etl_daemon.core.shares import Report
from etl_daemon.ports.fleet import Depot

Result = CleanSlice | Refusal | Deferral

BESIDE = {"accepted": OBJECT, "quarantined": VERSION, "anomalies": OBJECT}
"""Columns that the files have and slices have not."""


def gathered(shares: Sequence[BatchPlan], told: Iterable[tuple[int, int, Report]], depot: Depot) -> Iterator[Result]:
    """The results of a batch in plan order.

    Raises:
        TransientError: the depot did not answer.
    """
    shelves = {kind: _Shelf(kind, depot) for kind in BESIDE}
    for share, of, report in told:
        yield _result(shares[share].objects[of], report, shelves)


def _result(ref: ObjectRef, report: Report, shelves: dict[str, _Shelf]) -> Result:
    if report.kind == "refusal":
        return Refusal(ref, report.reason, report.detail)
    if report.kind == "deferral":
        return Deferral(ref, report.detail, report.changed)
    rows = {"accepted": report.counts.loaded, "quarantined": report.counts.quarantined, "anomalies": report.anomalies}
    return CleanSlice(
        ref,
        **{kind: shelf.take(report.files.get(kind), rows[kind]) for kind, shelf in shelves.items()},
        counts=report.counts,
        reasons=report.reasons,
        rounded=report.rounded,
        truncated=report.truncated,
        extra=report.extra,
        first_row=report.first_row,
    )


@dataclass(slots=True)
class _Shelf:
    """The files of one kind, one open at a time."""

    kind: str
    depot: Depot
    _name: str = ""
    _reading: Reading | None = field(default=None)

    def take(self, name: str | None, rows: int) -> pa.Table:
        if name is None:
            return pa.table({})
        if self._reading is None or name != self._name:
            self._name, self._reading = name, Reading(self.depot.fetch(name), BESIDE[self.kind])
        return self._reading.take(rows)
