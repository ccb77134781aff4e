"""What commands that work on the configured corridor begin with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import typer

from etl_daemon.adapters.observers.memory import Memory, keep_freed
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.cli.progress import drawn
from etl_daemon.config import Settings
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.overrides import overridden
from etl_daemon.ports import Observer


def logging_runtime(settings: Settings, *observers: Observer) -> Runtime:
    """A runtime that logs; the settings are its first line.

    Raises:
        ConfigError: the datasets are wrong.
    """
    return at_work(build(settings, [logging_observer(settings), *observers]))


def watched_runtime(settings: Settings, *observers: Observer, as_json: bool) -> Runtime:
    """A runtime for work with a bar: where it is drawn, it takes the place of log lines, unless these go to a file.

    Raises:
        ConfigError: the datasets are wrong.
    """
    if drawn(as_json=as_json) and settings.log_file is None:
        return at_work(build(settings, observers))
    return logging_runtime(settings, *observers)


@contextmanager
def working_runtime(settings: Settings, word: str, *observers: Observer) -> Iterator[Runtime]:
    """A runtime that logs, leaves a history behind, and tells operators of its troubles; ``word``: what it does.

    Raises:
        ConfigError: the datasets, or the channels of alerts, are wrong.
    """
    from etl_daemon.bootstrap.alerts import alerts
    from etl_daemon.bootstrap.observers import history

    log = logging_observer(settings)
    with at_work(build(settings, [log, *observers])) as runtime:
        kept = history(settings, word, runtime.clock, log.notice)
        runtime.attach(kept.close, kept)
        alerting = alerts(settings, word, [each.name for each in runtime.datasets], runtime.clock, log.notice)
        runtime.attach(alerting.close, alerting)
        yield runtime


def at_work(runtime: Runtime) -> Runtime:
    """The runtime of a command that loads: freed memory is kept for the next slice, until nothing is being read.

    Its counts per table are sent to CloudWatch, if the settings name a namespace there.
    """
    keep_freed()
    memory = Memory()
    runtime.attach(memory.close, memory)
    settings = runtime.settings
    if settings.cloudwatch_namespace:
        from etl_daemon.bootstrap.observers import counts

        observer = counts(settings, runtime.datasets, runtime.clock, runtime.corridor.tell)
        runtime.attach(observer.close, observer)
    return runtime


def logging_observer(settings: Settings) -> Observer:
    """What writes a line per event; the settings are the first one."""
    # structlog takes as long as a small file: only for commands that log
    from etl_daemon.adapters.observers.log import LogObserver, configure_logging, log_settings

    configure_logging(settings.log_level, settings.log_format, settings.log_file)
    log_settings(settings.redacted())
    return LogObserver()


def narrowed(runtime: Runtime, name: str | None, hours_back: float | None) -> Runtime:
    """The runtime with one dataset only, and with windows that reach back at least so far.

    Raises:
        typer.BadParameter: there is no such dataset.
    """
    datasets = (chosen(runtime.datasets, name),) if name else runtime.datasets
    if hours_back is not None:
        datasets = tuple(replace(each, window_hours=hours_back) for each in datasets)
    return replace(runtime, datasets=datasets)


def in_other_modes(runtime: Runtime, obj: str | None, taken: Collection[str]) -> Runtime:
    """The runtime with the modes and tables that ``--obj`` gives; ``taken`` tables are no place for a suffix.

    Raises:
        typer.BadParameter: there is no such table or mode, or it is no JSON.
    """
    if obj is None:
        return runtime
    try:
        return replace(runtime, datasets=overridden(runtime.datasets, obj, taken))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--obj") from error


def check_force(datasets: Sequence[Dataset]) -> None:
    """Forcing means something where everything is read.

    Raises:
        typer.BadParameter: no dataset of the run is in mode FULL.
    """
    if not any(dataset.mode is Mode.FULL for dataset in datasets):
        modes = ", ".join(f"{dataset.name} {dataset.mode}" for dataset in datasets)
        raise typer.BadParameter(f"It has a meaning in mode FULL only, and this run has {modes}.", param_hint="--force")


def chosen(datasets: Sequence[Dataset], name: str) -> Dataset:
    """The dataset of that name.

    Raises:
        typer.BadParameter: there is none.
    """
    named = {dataset.name: dataset for dataset in datasets}
    if name not in named:
        raise typer.BadParameter(f"There is no dataset {name}; there are {', '.join(named)}.", param_hint="--dataset")
    return named[name]
