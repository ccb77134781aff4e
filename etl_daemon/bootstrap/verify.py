"""What is looked into after a deployment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from etl_daemon.bootstrap.destination import open_engine
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.findings import Finding
from etl_daemon.operations.verify import Scope, verify


def findings(runtime: Runtime, datasets: Sequence[Dataset], scope: Scope) -> Iterator[Finding]:
    """Every check in turn; errors are those of ``verify``."""
    from etl_daemon.adapters.destination.inventory import SqlInventory

    with closing(open_engine(runtime.settings)) as engine:
        yield from verify(datasets, runtime.corridor, runtime.review, SqlInventory(engine), scope)
