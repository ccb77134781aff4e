"""Looks at a dataset: at all that is due, or at objects whose keys are known and at nothing that lies beside them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import CyclePlanned
from etl_daemon.core.model import BatchPlan, Known, ObjectRef
from etl_daemon.core.planning import discovery
from etl_daemon.core.planning.discovery import BatchLimits, Discovery
from etl_daemon.pipeline.timing import Timed

if TYPE_CHECKING:
    from etl_daemon.pipeline import Corridor


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a dataset: at everything that is due, or only at the objects of some ``keys``."""

    dataset: Dataset
    known: Known
    now: datetime
    keys: Sequence[str] = ()
    listed: bool = True
    sweep: bool = False

    def plans(self, found: Discovery, limits: BatchLimits) -> list[BatchPlan]:
        """What to load; a batch of named objects carries the watermark that the last listing allows."""
        plans = list(discovery.plan_batches(self.dataset, found, limits, self.known.cursor, self.now))
        return plans if self.listed else [replace(plan, watermark=self.known.confirmed) for plan in plans]

    def told(self, kind: type[CyclePlanned], found: Discovery, requests: int) -> CyclePlanned:
        """The event that says what was found."""
        pending = found.pending
        oldest, size = pending[0].modified if pending else None, sum(ref.size for ref in pending)
        counts = (len(pending), size, found.ignored)
        return kind(self.dataset.name, *counts, oldest, self.sweep, self.known.cursor.watermark, requests)


def look_up(look: Look, known: Known, corridor: Corridor) -> Discovery:
    """Compare the objects of the look's keys with what is ``known``; what is gone by now is nothing to load.

    Raises:
        TransientError, SetupError: as in listing.
    """
    name = look.dataset.name
    since = discovery.lower_bound(look.dataset, known.cursor, look.now, corridor.reach.lookback)
    with Timed(corridor.tell, name, "list"), ThreadPoolExecutor(corridor.intake.fetchers, "look") as pool:
        looking = [pool.submit(copy_context().run, _found, key, corridor) for key in sorted(look.keys)]
        found = [each.result() for each in looking]
    return discovery.pending(filter(None, found), known.versions, since)


def _found(key: str, corridor: Corridor) -> ObjectRef | None:
    """By a listing, which has the key first if it is there: another call may show its LastModified less exactly."""
    ref = next(iter(corridor.intake.source.list(corridor.bucket, key)), None)
    return ref if ref and ref.key == key else None
