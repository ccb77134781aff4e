"""What jobs a batch takes: one that counts the lines of objects that are too large for one task, one that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from etl_daemon.adapters.spark.task import COLUMNS, FOUND, OpenBench, Survey, Task
from etl_daemon.core.model import BatchPlan, ObjectRef
from etl_daemon.core.planning.sections import Section
from etl_daemon.core.planning.shares import Report, oversized, rejoined
from etl_daemon.ports import Divider

Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""What ``mapInArrow`` takes."""

Run = Callable[[Work, int, str], Sequence[Mapping[str, Any]]]
"""Has work done on numbers from 0 up to that, each perhaps elsewhere, and gives what came of it in these columns."""

Told = list[tuple[ObjectRef, Report]]
"""What became of each part of a batch's objects, in the order of the plan."""


def surveyed(
    plan: BatchPlan, most: int, divider: Divider, open_bench: OpenBench, run: Run
) -> Mapping[ObjectRef, Sequence[Section]]:
    """The sections of those objects that are more than one of ``most`` tasks should have, if they can be divided."""
    told = {ref: divider.sections(ref, plan.dataset) for ref in oversized(plan.objects, most)}
    found = {ref: list(sections) for ref, sections in told.items() if len(sections) > 1}
    places = tuple((ref, at) for ref, some in found.items() for at, section in enumerate(some) if section is None)
    rows = run(Survey(open_bench, places), len(places), FOUND) if places else []
    for row in rows:
        ref, at = places[row["number"]]
        found[ref][at] = Section(row["begin"], row["end"], row["rows"]) if row["begin"] is not None else None
    unreadable = {places[row["number"]][0] for row in rows if not row["readable"]}
    return {ref: [each for each in some if each] for ref, some in found.items() if ref not in unreadable}


def told(task: Task, divider: Divider, run: Run) -> Told:
    """What the tasks say, as if nothing had been divided."""
    rows = sorted(run(task, len(task.shares), COLUMNS), key=lambda row: (row["share"], row["place"]))
    reports = ((task.shares[row["share"]].objects[row["object"]], Report.of(row["report"])) for row in rows)
    return list(rejoined(reports, partial(divider.verdict, task.dataset)))
