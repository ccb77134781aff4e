"""How many rows came in the last whole hour, held against the same hour of earlier days."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.monitor.earlier import Earlier, earlier, floor
from etl_daemon.core.monitor.seen import HOUR, Limits, Seen

NEEDED = 3
"""A median of fewer says little."""

FEW_ROWS = 20
WIDE_HOURS = 3
"""Rows that came a little earlier than usual are no loss: it is bad only if these hours together have too few."""

LOOK = "see whether objects are missing: etl-daemon audit; MONITOR_DRIFT_SHARE is the bound"


def drift(seen: Seen, limits: Limits, dataset: Dataset) -> Finding:
    """Whether about as many rows came as usual: too many are a warning, too few may be bad."""
    name, hour = f"rows {dataset.name}", floor(seen.now) - HOUR
    read = {each.at: each.tally.read for each in seen.hours if each.dataset == dataset.name}
    watched = {each.at for each in seen.hours if each.dataset == dataset.name and each.tally.well}
    if hour not in watched:
        return Finding(name, State.OK, "No cycle went well in the last whole hour.", dataset=dataset.name)
    found = earlier(hour, watched.__contains__, NEEDED, NEEDED)
    came = read[hour]
    if not found.instants:
        detail = f"{came:,} rows came; there is no history to compare that with yet."
        return Finding(name, State.OK, detail, dataset=dataset.name)
    usual = median(read[at] for at in found.instants)
    detail = f"{came:,} rows came in the hour from {hour:%H:%M} UTC; {usual:,.0f} are usual by {found.what}."
    state = _state(came, usual, limits.drift_share)
    if state is State.FAIL and not (found.alike and _wide(read, hour, found, limits.drift_share)):
        state = State.WARN
    return Finding(name, state, detail, "" if state is State.OK else LOOK, dataset.name)


def _state(came: float, usual: float, share: float) -> State:
    if max(came, usual) < FEW_ROWS:
        return State.OK
    if came < (1 - share) * usual:
        return State.FAIL
    return State.WARN if came * (1 - share) > usual else State.OK


def _wide(read: dict[datetime, int], hour: datetime, found: Earlier, share: float) -> bool:
    """Whether the last hours together have too few."""

    def total(until: datetime) -> int:
        return sum(read.get(until - timedelta(hours=each), 0) for each in range(WIDE_HOURS))

    usual = median(total(at) for at in found.instants)
    return _state(total(hour), usual, share) is State.FAIL
