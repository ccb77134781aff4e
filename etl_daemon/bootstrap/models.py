"""Models: what makes tables and views of those that were loaded, one kind after the other."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict

from etl_daemon.adapters.local.clock import SystemClock
from etl_daemon.bootstrap.destination import open_engine
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Event
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.modelling import ModelOutcome
from etl_daemon.core.side_events import ModelRan
from etl_daemon.core.silver import Run
from etl_daemon.errors import EtlError
from etl_daemon.ports import Clock

SILVER = "silver"

FAULTS = {
    "keys_twice": "keys have more than one row",
    "without_key": "rows have no key",
    "missing": "keys of bronze are not there",
    "not_the_latest": "rows are not the latest that bronze has",
    "not_in_the_view": "rows are not in the view",
}
"""What may be wrong with silver, in words."""


def run_models(
    settings: Settings, tell: Callable[[Event], None] = lambda _: None, clock: Clock | None = None
) -> Iterator[ModelOutcome]:
    """Make what there is to make; one model that fails leaves the others alone.

    Raises:
        ConfigError: the datasets are wrong.
    """
    for outcome in silver_models(settings, tell, clock or SystemClock()):
        tell(ModelRan(outcome.model, outcome.kind, dict(outcome.counts), round(outcome.seconds, 3), outcome.error))
        yield outcome


def silver_models(settings: Settings, tell: Callable[[Event], None], clock: Clock) -> Iterator[ModelOutcome]:
    """Bronze to silver and gold, for each dataset that has a table ``silver``."""
    from etl_daemon.adapters.destination.silver import SqlSilver

    with closing(open_engine(settings, tell)) as engine:
        merger, name = SqlSilver(engine), f"etl_daemon {socket.gethostname()}"
        for dataset in configure.datasets(settings):
            if dataset.silver is None:
                continue
            began, run = time.perf_counter(), Run(name, secrets.token_hex(8), clock.now())
            try:
                merged, error = asdict(merger.merge(dataset, dataset.silver, run)), None
            except EtlError as failure:
                merged, error = {}, failure
            yield ModelOutcome(SILVER, dataset.name, time.perf_counter() - began, merged, error)


def check_models(settings: Settings) -> Iterator[Finding]:
    """Hold each model against what it is made of; nothing is changed.

    Raises:
        ConfigError: the datasets are wrong.
    """
    from etl_daemon.adapters.destination.silver import SqlSilver

    with closing(open_engine(settings)) as engine:
        merger = SqlSilver(engine)
        for dataset in configure.datasets(settings):
            if dataset.silver is None:
                continue
            name = f"{SILVER} {dataset.name}"
            try:
                faults, pending = merger.inspect(dataset, dataset.silver)
            except EtlError as error:
                yield Finding(name, State.FAIL, error.detail, error.hint, dataset.name)
                continue
            yield _verdict(name, dataset.silver.table, faults, pending)


def _verdict(name: str, table: str, faults: dict[str, int], pending: int) -> Finding:
    """What was found; rows that are to be merged yet cannot be in silver."""
    lasting = {what: rows for what, rows in faults.items() if rows and not (pending and what in LATE)}
    if lasting:
        said = ", ".join(f"{rows:,} {FAULTS[what]}" for what, rows in lasting.items())
        return Finding(name, State.FAIL, f"{table}: {said}.", "see docs/medallion.md, What silver holds")
    if pending:
        return Finding(name, State.WARN, f"{table}: {pending:,} commits are not merged yet.", "etl-daemon models run")
    return Finding(name, State.OK, f"{table} has the latest row of each key.")


LATE = {"missing", "not_the_latest"}
"""What is as it should be while there is something to merge."""
