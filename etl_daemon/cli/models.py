"""``etl-daemon models``: tables and views made of those that were loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import typer

from etl_daemon.adapters.local.clock import SystemClock
from etl_daemon.adapters.observers.metrics import write_models
from etl_daemon.adapters.observers.progress import ProgressObserver
from etl_daemon.bootstrap.alerts import alerts
from etl_daemon.bootstrap.models import check_models, run_models
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.runbook import described, told
from etl_daemon.cli.start import logging_observer
from etl_daemon.cli.verdict import deliver
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Event
from etl_daemon.core.findings import Finding
from etl_daemon.core.medallion.modelling import ModelOutcome
from etl_daemon.core.status.progress import begun
from etl_daemon.errors import SetupError
from etl_daemon.ports import Clock, Observer
from etl_daemon.vault import load_settings


def run(*, as_json: bool, alerting: bool) -> None:
    """Make what is new, and tell what became of each model, operators too if ``alerting``.

    Raises:
        typer.Exit: with 1 where one failed, with 75 where another process was at it.
        EtlError: settings are wrong.
    """
    settings, clock = _settings(), SystemClock()
    heard = ProgressObserver(begun("", "", (), ()), clock)
    with _told(settings, clock, heard, alerting=alerting) as tell:
        outcomes = list(run_models(settings, tell, clock))
    if settings.models_metrics_file:
        write_models(heard.progress.models, settings.models_metrics_file)
    codes = [each.error.exit_code for each in outcomes if each.error]
    if as_json:
        emit({"ok": not codes, "models": [_document(each) for each in outcomes]})
    else:
        _show(outcomes, settings)
    if codes:
        raise typer.Exit(75 if set(codes) == {75} else 1)


@contextmanager
def _told(settings: Settings, clock: Clock, heard: Observer, *, alerting: bool) -> Iterator[Callable[[Event], None]]:
    """Who hears of what was made: the log, the metrics, and operators where it failed."""
    log = logging_observer(settings)
    with ExitStack() as stack:
        observers = [log, heard]
        if alerting:
            names = [each.name for each in configure.datasets(settings)]
            observers.append(stack.enter_context(closing(alerts(settings, "models", names, clock, log.notice))))

        def tell(event: Event) -> None:
            for observer in observers:
                observer.notice(event)

        yield tell


def test(*, as_json: bool) -> None:
    """Hold each model against what it is made of.

    Raises:
        typer.Exit: with 1 where one is not as it should be, with 78 where the settings are wrong.
    """
    deliver(_tested(), as_json=as_json)


def _tested() -> Iterable[Finding]:
    yield from check_models(_settings())


def _settings() -> Settings:
    settings = load_settings(needs_source=False)
    if settings.etl_destination == "duckdb" and not settings.etl_duckdb_path.exists():
        raise SetupError(f"{settings.etl_duckdb_path} does not exist yet.", hint="to make it: etl-daemon init")
    return settings


def _document(outcome: ModelOutcome) -> dict[str, object]:
    return {
        "model": outcome.model,
        "kind": outcome.kind,
        "seconds": round(outcome.seconds, 3),
        "counts": dict(outcome.counts),
        "error": described(outcome.error) if outcome.error else None,
    }


def _show(outcomes: Sequence[ModelOutcome], settings: Settings) -> None:
    out = console()
    if not outcomes:
        out.print(
            "There is no model: give a dataset a table silver (docs/medallion.md), or set DBT_EXECUTABLE (docs/dbt.md)."
        )
        return
    rows = [[each.kind, each.model, each.counts, f"{each.seconds:.2f}", state(each)] for each in outcomes]
    out.print(table(configure.place(settings), ["kind", "model", "counts", "#seconds", "state"], rows))
    for each in outcomes:
        if each.error:
            out.print(f"{each.model}: {told(described(each.error))}", soft_wrap=True)


def state(outcome: ModelOutcome) -> str:
    """What became of it, in a word."""
    if outcome.error:
        return "failed"
    idle = outcome.counts and not any(outcome.counts.values())  # without counts nobody knows
    return "nothing new" if idle else "made"
