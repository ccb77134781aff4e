"""How long ago a dataset had its last rows, held against what is usual at this time of the week."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.monitor.earlier import earlier, floor
from etl_daemon.core.monitor.seen import HOUR, NEVER, Limits, Seen, instant, spoken
from etl_daemon.core.status.history import Mark

WEEKS_NEEDED, DAYS_NEEDED = 1, 2
LOOK = "see whether objects still arrive; if such a pause is usual, set fresh_hours in ETL_DATASETS_FILE"


@dataclass(frozen=True, slots=True)
class Patience:
    """How old the last rows may be, why so, and how bad it is if they are older."""

    span: timedelta
    why: str
    beyond: State


def freshness(seen: Seen, limits: Limits, dataset: Dataset) -> Finding:
    """Whether its cycles go well, and new rows come as they use to, or as its ``fresh_hours`` demands."""
    name, rows = f"freshness {dataset.name}", seen.last(dataset.name, Mark.ROWS)
    if _left_behind(seen, limits, dataset):
        detail = "Cycles go well for other datasets, but none has for this one lately."
        return Finding(name, State.FAIL, detail, "etl-daemon status", dataset.name)
    if rows == NEVER:
        return Finding(name, State.OK, "It has had no rows yet.", dataset=dataset.name)
    gap, patience = seen.now - rows, _patience(seen, limits, dataset)
    told = f"The last rows came {spoken(gap)} ago, at {instant(rows)}"
    if gap <= patience.span:
        return Finding(name, State.OK, f"{told}.", dataset=dataset.name)
    return Finding(name, patience.beyond, f"{told}; {patience.why}.", LOOK, dataset.name)


def _left_behind(seen: Seen, limits: Limits, dataset: Dataset) -> bool:
    return seen.now - seen.any_alive <= limits.late < seen.now - seen.alive(dataset.name)


def _patience(seen: Seen, limits: Limits, dataset: Dataset) -> Patience:
    if dataset.fresh_hours:
        return Patience(timedelta(hours=dataset.fresh_hours), f"fresh_hours is {dataset.fresh_hours:g}", State.FAIL)
    least = max(timedelta(hours=dataset.window_hours), limits.late, HOUR)
    gaps = _Gaps(seen, limits, dataset)
    found = earlier(seen.now, lambda at: gaps.at(at) is not None, WEEKS_NEEDED, DAYS_NEEDED)
    past = [gap.total_seconds() for at in found.instants if (gap := gaps.at(at)) is not None]
    if not past:
        return Patience(least, "there is no history to compare that with yet", State.WARN)
    usual = timedelta(seconds=median(past))
    why = f"at {found.what} it was {spoken(usual)}"
    return Patience(usual + least, why, State.FAIL if found.alike else State.WARN)


class _Gaps:
    """How old the last rows of a dataset were in the past."""

    def __init__(self, seen: Seen, limits: Limits, dataset: Dataset) -> None:
        hours = [each for each in seen.hours if each.dataset == dataset.name]
        self._filled = [each.at for each in hours if each.tally.loaded]
        self._watched = [each.at for each in hours if each.tally.well]
        self._late = limits.late

    def at(self, moment: datetime) -> timedelta | None:
        """How old at that time; None: nobody watched then, or there had not been any rows."""
        hour = floor(moment)
        before = bisect_left(self._filled, hour)
        watched = bisect_right(self._watched, hour)
        if not before or not watched or hour - self._watched[watched - 1] > self._late:
            return None
        return moment - self._filled[before - 1] - HOUR
