"""What runs on an executor: the corridor's own reading and rules over a share of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Self

import pyarrow as pa

from etl_daemon.adapters.spark.sheaf import Sheaf
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import BatchPlan, CleanSlice, Deferral, ObjectRef, Refusal
from etl_daemon.core.planning.sections import Portion, Section, Traits
from etl_daemon.core.planning.shares import Report, Share, reported
from etl_daemon.core.rules.origin import beside, row_by_row, version
from etl_daemon.core.rules.target import widened
from etl_daemon.errors import EtlError
from etl_daemon.ports.fleet import Depot

Result = CleanSlice | Refusal | Deferral

COLUMNS = "share bigint, place bigint, object bigint, report string"
"""What a task gives: which share, in which order, of which of its objects, and the report as JSON."""

SCHEMA = pa.schema([("share", pa.int64()), ("place", pa.int64()), ("object", pa.int64()), ("report", pa.string())])


@dataclass(frozen=True, slots=True)
class Bench:
    """What an executor works with: reading and rules for the objects of a plan, and where rows are left.

    Of one object ``results`` may be those of a portion, whose traits come last. ``section`` looks for one in an object.
    """

    results: Callable[[BatchPlan, Portion | None], Iterator[Result | Traits]]
    depot: Depot
    section: Callable[[ObjectRef, int], Section | None]


OpenBench = Callable[[], AbstractContextManager[Bench]]
"""Makes a bench where it is called; it travels to the executors, so it holds no connections, and no secrets."""


@dataclass(frozen=True, slots=True)
class Task:
    """Reads the shares that it is given the numbers of; ``folder`` of the depot takes their rows, ``shown`` or not."""

    open: OpenBench
    dataset: Dataset
    shares: tuple[Share, ...]
    folder: str
    shown: bool = False

    def __call__(self, numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """For ``mapInArrow``: nothing is told of a share before all its rows are in the depot."""
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield self._told(number, list(self._done(self.shares[number])))

    def _done(self, share: Share) -> Iterator[tuple[int, Report]]:
        places: dict[ObjectRef | None, int] = {ref: place for place, ref in enumerate(share.objects)}
        with self.open() as bench, Sheaves(bench.depot, self.folder, self.shown) as sheaves:
            results = bench.results(BatchPlan(self.dataset, share.objects), share.portion)
            for ref, found in groupby(results, lambda each: None if isinstance(each, Traits) else each.ref):
                for result in sheaves.apart(found):
                    yield places.get(ref, 0), reported(result, sheaves.bound(result))
                    del result  # or it would be held while the next is made
            sheaves.close()

    def _told(self, number: int, reports: list[tuple[int, Report]]) -> pa.RecordBatch:
        rows = [
            {"share": number, "place": place, "object": of, "report": report.text()}
            for place, (of, report) in enumerate(reports)
        ]
        return pa.RecordBatch.from_pylist(rows, SCHEMA)


FOUND = "number bigint, readable boolean, begin bigint, end bigint, rows bigint"
"""What a survey gives of each place that it looks at; nulls where no line begins."""

FOUND_SCHEMA = pa.schema(
    [("number", pa.int64()), ("readable", pa.bool_()), *[(name, pa.int64()) for name in ("begin", "end", "rows")]]
)


@dataclass(frozen=True, slots=True)
class Survey:
    """Looks for sections of objects, at the places that it is given the numbers of."""

    open: OpenBench
    places: tuple[tuple[ObjectRef, int], ...]

    def __call__(self, numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """For ``mapInArrow``."""
        with self.open() as bench:
            for batch in numbers:
                found = [self._found(bench, number) for number in batch.column(0).to_pylist()]
                yield pa.RecordBatch.from_pylist(found, FOUND_SCHEMA)

    def _found(self, bench: Bench, number: int) -> dict[str, int | bool]:
        try:
            section = bench.section(*self.places[number])
        except (EtlError, OSError, MemoryError):
            return {"number": number, "readable": False}  # whoever reads the object as a whole says what is wrong
        return {"number": number, "readable": True, **(asdict(section) if section else {})}


class Sheaves:
    """The three kinds of rows of a share; a context manager that leaves no temporary file behind."""

    def __init__(self, depot: Depot, folder: str, shown: bool) -> None:
        kinds = ("accepted", "quarantined", "anomalies")
        self._made = {kind: Sheaf(depot, f"{folder}/{kind}", shown) for kind in kinds}

    def apart(self, found: Iterator[Result | Traits]) -> Iterator[Result | Traits]:
        """An object's results; what it is refused for in the end must leave no row of it among those of others.

        So one slice waits until it is known that nothing follows, and an object of more has files of its own.
        """
        first, second = next(found), next(found, None)
        if second is None:
            yield first
        elif not isinstance(second, CleanSlice):
            yield second
        else:
            self.close()
            yield first
            del first
            yield second
            del second
            yield from found
            self.close()

    def bound(self, result: Result | Traits) -> dict[str, str]:
        """The names of the files that take a slice's rows; its columns are told even where there are no rows."""
        if not isinstance(result, CleanSlice):
            return {}
        rows = {"accepted": beside([(result.ref, widened(result.accepted))])}
        if result.quarantined.num_rows:
            rows["quarantined"] = version([(result.ref, result.quarantined)])
        if result.anomalies.num_rows:
            rows["anomalies"] = beside([(result.ref, result.anomalies)])
        return {name: self._made[name].add(row_by_row(table)) for name, table in rows.items()}

    def close(self) -> None:
        """Have all of them in the depot."""
        for sheaf in self._made.values():
            sheaf.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for sheaf in self._made.values():
                stack.callback(sheaf.drop)
