"""A daemon and what it is fed from: the upstreams of its datasets, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etl_daemon.bootstrap.api_upstream import api_upstream
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.sql_upstream import upstream
from etl_daemon.core.datasets import Dataset
from etl_daemon.daemon import Daemon
from etl_daemon.ports import Upstream


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Several upstreams as one; each knows its own datasets."""

    parts: Sequence[Upstream]

    def pull(self, dataset: Dataset) -> Dataset:
        """As the port says."""
        for each in self.parts:
            dataset = each.pull(dataset)
        return dataset


def fed(daemon: Daemon, runtime: Runtime, *, extracting: bool) -> Daemon:
    """The daemon with what its datasets are taken from."""
    lease = daemon.lease
    found = (upstream(runtime, lease, extracting=extracting), api_upstream(runtime, lease, extracting=extracting))
    parts = [each for each in found if each]
    daemon.upstream = Upstreams(parts) if parts else None
    return daemon
