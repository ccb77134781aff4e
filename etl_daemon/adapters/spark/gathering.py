"""What tasks have told of a batch, as slices again: rows are read from the depot when their turn comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from etl_daemon.adapters.spark.sheaf import Reading
from etl_daemon.core.datasets import SCHEMAS, TEXT, Dataset, Kind
from etl_daemon.core.model import CleanSlice, Deferral, ObjectRef, Refusal
from etl_daemon.core.planning.shares import Report
from etl_daemon.core.rules.origin import OBJECT, VERSION
from etl_daemon.ports.fleet import Depot

Result = CleanSlice | Refusal | Deferral

BESIDE = {"accepted": OBJECT, "quarantined": VERSION, "anomalies": OBJECT}
"""Columns that the files have and slices have not."""

NONE = {
    "quarantined": pa.schema([("OBJECT_ROW", pa.int64()), ("REASONS", TEXT), ("RAW", TEXT)]).empty_table(),
    "anomalies": SCHEMAS[Kind.ANOMALIES].target.append(pa.field("_OBJECT_ROW", pa.int64())).empty_table(),
}
"""What a slice has of those kinds of rows that no file holds, since there are none."""


@dataclass(frozen=True, slots=True)
class Direct:
    """How a destination that reads the depot itself gets at it: names begin with ``prefix`` there."""

    prefix: str

    def only(self, dataset: Dataset) -> tuple[str, ...]:
        """The columns that tell which rows stay."""
        return (*dataset.key, *dataset.order, "_OBJECT_ROW")


def gathered(
    dataset: Dataset, told: Iterable[tuple[ObjectRef, Report]], depot: Depot, direct: Direct | None = None
) -> Iterator[Result]:
    """The results of a batch in plan order; with ``direct`` no more columns are read than are needed here.

    Datasets of any columns are read whole: what columns the table has comes out only when all rows are there.

    Raises:
        TransientError: the depot did not answer.
    """
    direct = direct if dataset.kind is not Kind.TABLE else None
    only = {"accepted": direct.only(dataset)} if direct else {}
    shelves = {kind: _Shelf(kind, depot, only.get(kind)) for kind in BESIDE}
    for ref, report in told:
        result = _result(ref, report, shelves)
        if direct and isinstance(result, CleanSlice):
            result = replace(result, file=direct.prefix + report.files["accepted"])
        yield result


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
    only: tuple[str, ...] | None = None
    _name: str = ""
    _reading: Reading | None = field(default=None)

    def take(self, name: str | None, rows: int) -> pa.Table:
        if name is None:
            return NONE[self.kind]
        if self._reading is None or name != self._name:
            self._name, self._reading = name, Reading(self.depot.fetch(name), BESIDE[self.kind], self.only)
        return self._reading.take(rows)
