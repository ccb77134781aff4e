"""Models: what makes tables and views of those that were loaded, one kind after the other."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Event as Signal

from etl_daemon.adapters.dbt.project import DbtProject
from etl_daemon.adapters.dbt.results import DBT
from etl_daemon.adapters.local.models import run_models as run_beside
from etl_daemon.adapters.observers.after_load import AfterLoad
from etl_daemon.adapters.retry import Retries
from etl_daemon.bootstrap.destination import open_engine
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Event, Retried, SettingDiscouraged
from etl_daemon.core.events.side import ModelRan
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.medallion.modelling import ModelOutcome, summary
from etl_daemon.core.medallion.silver import Run
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


def run_models(settings: Settings, tell: Callable[[Event], None], clock: Clock) -> Iterator[ModelOutcome]:
    """Make what there is to make, silver first; one model that fails leaves the others alone.

    Raises:
        ConfigError: the datasets are wrong.
    """
    for kind, make in kinds(settings, tell, clock).items():
        began, done = time.perf_counter(), list[ModelOutcome]()
        for outcome in make():
            tell(ModelRan(outcome.model, outcome.kind, dict(outcome.counts), round(outcome.seconds, 3), outcome.error))
            done.append(outcome)
            yield outcome
        tell(summary(kind, done, time.perf_counter() - began))


def kinds(
    settings: Settings, tell: Callable[[Event], None], clock: Clock
) -> Mapping[str, Callable[[], Iterator[ModelOutcome]]]:
    """What makes models, in order, as far as there is something for it to make.

    Raises:
        ConfigError: the datasets are wrong.
    """
    found: dict[str, Callable[[], Iterator[ModelOutcome]]] = {}
    if any(each.silver for each in configure.datasets(settings)):
        found[SILVER] = partial(silver_models, settings, tell, clock)
    if settings.dbt_executable:
        found[DBT] = partial(dbt_models, dbt_project(settings, tell))
    return found


def models_after_load(settings: Settings, tell: Callable[[Event], None], clock: Clock) -> AfterLoad | None:
    """What has models made after loading, closed at the end; None: there are none, of which ``tell`` hears."""
    names = tuple(kinds(settings, tell, clock))
    if not names:
        hint = "there are no models: give a dataset a table silver, or set DBT_EXECUTABLE"
        tell(SettingDiscouraged("", "MODELS_AFTER_LOAD_SECONDS", hint))
        return None

    def work(stop: Signal) -> None:
        for event in run_beside(stop, names):
            tell(event)

    return AfterLoad(work, settings.models_after_load_seconds, settings.etl_state_dir / "models-due")


def dbt_models(project: DbtProject) -> Iterator[ModelOutcome]:
    """All that dbt builds; one line where it did not come to that."""
    began = time.perf_counter()
    try:
        yield from project.build()
    except EtlError as failure:
        yield ModelOutcome(DBT, "build", time.perf_counter() - began, {}, failure)


def dbt_project(settings: Settings, tell: Callable[[Event], None] = lambda _: None) -> DbtProject:
    """The project, which reads the settings as the daemon has them, secrets from stores included."""
    policy = configure.retry_policy(settings)
    return DbtProject(
        (settings.dbt_executable or Path("dbt")).absolute(),
        settings.dbt_project_dir.absolute(),
        settings.dbt_target or f"{settings.etl_destination}_prod",
        settings.dbt_args,
        _environment(settings),
        settings.etl_state_dir.absolute() / "dbt",
        settings.dbt_timeout,
        Retries(policy, on_retry=lambda attempt, error: tell(Retried("", DBT, attempt, str(error)))),
    )


def _environment(settings: Settings) -> dict[str, str]:
    """Settings by which the profile finds the database and logs in; paths hold from wherever dbt works."""
    named = [name for name in type(settings).model_fields if name.startswith("snowflake_")]
    found = {name.upper(): getattr(settings, name) for name in named}
    paths = {name: value.absolute() for name, value in found.items() if isinstance(value, Path)}
    given = {name: str(value) for name, value in {**found, **paths}.items() if value is not None}
    built = os.environ.get("DBT_DUCKDB_DIR")
    folder = {"DBT_DUCKDB_DIR": str(Path(built).absolute())} if built else {}
    return {**given, **folder, "ETL_DUCKDB_PATH": str(settings.etl_duckdb_path.absolute())}


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
    """Hold each model against what it is made of; silver is not changed by it, and of dbt only tests are run.

    Raises:
        ConfigError: the datasets are wrong.
    """
    if any(each.silver for each in configure.datasets(settings)):
        yield from _silver_findings(settings)
    if settings.dbt_executable:
        yield from _dbt_findings(dbt_project(settings))


def _dbt_findings(project: DbtProject) -> Iterator[Finding]:
    try:
        tests, told = project.test()
    except EtlError as error:
        yield Finding(DBT, State.FAIL, error.detail, error.hint)
        return
    for each in told:
        state = State.FAIL if each.error else State.WARN
        detail = (
            each.error.detail if each.error else f"{each.counts.get('failures', 0):,} rows are not as they should be."
        )
        yield Finding(f"{DBT} {each.model}", state, detail, each.error.hint if each.error else "")
    well = tests - len(told)
    yield Finding(DBT, State.OK, f"{well:,} of {tests:,} tests pass.")


def _silver_findings(settings: Settings) -> Iterator[Finding]:
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
