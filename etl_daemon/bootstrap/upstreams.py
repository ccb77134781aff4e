"""A daemon and what it is fed from: the upstreams of its datasets, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from etl_daemon.bootstrap.api_upstream import api_upstream
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.sql_upstream import sql_upstream
from etl_daemon.core.datasets import Dataset
from etl_daemon.daemon import Daemon
from etl_daemon.extraction import Put
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.ports import Upstream


class Extracting(Upstream, Protocol):
    """An upstream that commands use."""

    lease: LeaseKeeper | None

    @property
    def names(self) -> Collection[str]:
        """The datasets that it knows."""

    def at_home(self, dataset: Dataset) -> Dataset:
        """The dataset as what extraction puts is to be found by it."""

    def extract(self, dataset: Dataset, *, anew: bool = False) -> tuple[Put, ...]:
        """Extract it, due or not; raises EtlError."""

    def cursor(self, dataset: Dataset) -> str | None:
        """How far it has come, where there is such a thing."""


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
    found = (sql_upstream(runtime, lease, extracting=extracting), api_upstream(runtime, lease, extracting=extracting))
    parts = [each for each in found if each]
    daemon.upstream = Upstreams(parts) if parts else None
    return daemon
