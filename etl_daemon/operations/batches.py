"""Objects that an operator names: as they are now, and in batches of the usual size."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import BatchPlan, Cursor, ObjectRef, Receipt
from etl_daemon.core.planning import discovery
from etl_daemon.core.planning.discovery import EPOCH, Discovery
from etl_daemon.errors import ObjectChangedError
from etl_daemon.pipeline import Corridor


def current(keys: Iterable[str], corridor: Corridor) -> dict[str, ObjectRef]:
    """Objects by key, as the source has them now; each folder is listed once, from what its keys have in common."""
    folders: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        folders[key.rpartition("/")[0]].add(key)
    found = {}
    for wanted in folders.values():
        prefix = os.path.commonprefix(sorted(wanted))  # noqa: RUF071 - a key's prefix is any text
        listing = corridor.intake.source.list(corridor.bucket, prefix)
        found.update({ref.key: ref for ref in listing if ref.key in wanted})
    return found


def planned(dataset: Dataset, refs: Iterable[ObjectRef], corridor: Corridor) -> Iterator[BatchPlan]:
    """The objects in batches, the oldest first; no batch moves a watermark."""
    due = Discovery(EPOCH, tuple(sorted(refs)))
    for plan in discovery.plan_batches(dataset, due, corridor.reach.batch, Cursor(), EPOCH):
        yield replace(plan, watermark=None)


def attempted(plan: BatchPlan, attempt: Callable[[BatchPlan], Receipt]) -> list[Receipt]:
    """A batch; where another process was quicker with one of its objects, each half of it."""
    try:
        return [attempt(plan)]
    except ObjectChangedError:
        if len(plan.objects) == 1:
            return []
        middle = len(plan.objects) // 2
        halves = (replace(plan, objects=half) for half in (plan.objects[:middle], plan.objects[middle:]))
        return [receipt for each in halves for receipt in attempted(each, attempt)]
