"""How many of the cycles failed lately."""

from __future__ import annotations

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.monitor.seen import Limits, Seen, spoken
from etl_daemon.core.status.history import FailureLine

LOOK = "see the log: journalctl -u etl-pipeline -p warning; then etl-daemon check"


def cycle_errors(seen: Seen, limits: Limits) -> Finding:
    """Of cycles that failed as a whole, as when the destination is down."""
    failed = seen.lately("").failed
    ended = max((seen.lately(each.name).cycles for each in seen.datasets), default=0)
    return _judged("", failed, failed + ended, seen, limits)


def dataset_errors(seen: Seen, limits: Limits, dataset: Dataset) -> Finding:
    """Of the dataset's own."""
    tally = seen.lately(dataset.name)
    return _judged(dataset.name, tally.failed, tally.cycles, seen, limits)


def _judged(dataset: str, failed: int, cycles: int, seen: Seen, limits: Limits) -> Finding:
    name = f"errors {dataset}".strip()
    span = "hour" if limits.lately.total_seconds() == 3_600 else spoken(limits.lately)
    if not failed:
        return Finding(name, State.OK, f"None of {cycles} cycles failed in the last {span}.", dataset=dataset)
    state = State.FAIL if failed / cycles > limits.failed_share else State.WARN
    last = next((line for line in seen.failures if line.dataset == dataset), None)
    detail = f"{failed} of {cycles} cycles failed in the last {span}.{_told(last)}"
    return Finding(name, state, detail, (last and last.hint) or LOOK, dataset)


def _told(last: FailureLine | None) -> str:
    return f" The last one: {last.kind}: {last.detail}" if last else ""
