"""The hourly check: what is known of a daemon goes in, findings come out."""

from __future__ import annotations

from collections.abc import Iterator

from etl_daemon.core.findings import Finding
from etl_daemon.core.monitor.disk import room
from etl_daemon.core.monitor.drift import drift
from etl_daemon.core.monitor.errors import cycle_errors, dataset_errors
from etl_daemon.core.monitor.freshness import freshness
from etl_daemon.core.monitor.presence import process, stands_by
from etl_daemon.core.monitor.rejects import rejects
from etl_daemon.core.monitor.seen import Limits, Seen


def judged(seen: Seen, limits: Limits) -> Iterator[Finding]:
    """A finding for each check. While another process has the lease, its own monitor judges the data."""
    yield process(seen, limits)
    for space in seen.spaces:
        yield room(space, limits.free_bytes)
    if stands_by(seen, limits):
        return
    yield cycle_errors(seen, limits)
    for dataset in seen.datasets:
        yield dataset_errors(seen, limits, dataset)
        yield freshness(seen, limits, dataset)
        yield rejects(seen, limits, dataset)
        yield drift(seen, limits, dataset)
