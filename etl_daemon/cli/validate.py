"""``etl-daemon validate``: the rules on local files. No settings are needed; those that are there count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import typer

from etl_daemon.adapters.observers.memory import expect_short_run, keep_freed
from etl_daemon.bootstrap.machine import limit_cores
from etl_daemon.bootstrap.source import decoder, intake
from etl_daemon.cli.examining import Files, Heard, examine
from etl_daemon.cli.finding import show, total
from etl_daemon.cli.options.corridor import ValidateOptions
from etl_daemon.cli.printing import console, emit
from etl_daemon.cli.progress import Far, bar
from etl_daemon.cli.rejects import Rejects
from etl_daemon.cli.start import chosen
from etl_daemon.config import Settings, load_settings
from etl_daemon.config.checks import timestamp_format
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset, Kind


def validate(options: ValidateOptions) -> None:
    """Apply the rules and print what they make of the files.

    Raises:
        typer.Exit: with 1 where a file is missing or would be refused.
        typer.BadParameter: an option does not fit the dataset.
        ConfigError: a setting is wrong.
    """
    settings = load_settings(needs_source=False)
    expect_short_run()
    keep_freed()
    limit_cores(settings)
    dataset = _dataset(options, settings)
    rejects = Rejects(options.rejects) if options.rejects else nullcontext()
    files = Files({str(path): path for path in options.files})
    with closing(decoder(settings)) as reader, rejects as out, _bar(files, as_json=options.json) as heard:
        findings = examine(intake(settings, files, reader), dataset, out, heard)
    if options.json:
        emit(
            {
                "dataset": dataset.name,
                "files": [each.document() for each in findings],
                "total": total(findings).document(),
            }
        )
    else:
        show(findings, console())
        if options.rejects:
            console().print(f"The bad rows are in {options.rejects}.", soft_wrap=True)
    if any(each.refused for each in findings):
        raise typer.Exit(1)


@contextmanager
def _bar(files: Files, *, as_json: bool) -> Iterator[Heard]:
    """A file's rows are not known before its end: the bar moves from file to file, and rows are counted beside it."""
    total = sum(ref.size for ref in files.refs)
    with bar("rows", as_json=as_json) as show:
        yield lambda done, rows: show(Far(done, total if done else None, f"{rows:,} rows", rows))


def _dataset(options: ValidateOptions, settings: Settings) -> Dataset:
    dataset = chosen(configure.datasets(settings), options.dataset)
    given: dict[str, Any] = {
        "columns": {**dataset.columns, **_columns(options.columns or [], dataset)},
        "symbol_from_key": _pattern(options.symbol_from_key) if options.symbol_from_key else dataset.symbol_from_key,
        "records_path": options.records_path or dataset.records_path,
        "timestamp_formats": (*dataset.timestamp_formats, *map(_format, options.timestamp_format or ())),
    }
    return replace(dataset, **given)


def _columns(pairs: list[str], dataset: Dataset) -> Mapping[str, str]:
    columns = {}
    for pair in pairs:
        source, equals, column = pair.rpartition("=")
        known = dataset.kind is Kind.TABLE or column in dataset.schema.names
        if not (source and equals and column and known):
            there = f"; the columns are {', '.join(dataset.schema.names)}" if dataset.schema.names else ""
            raise typer.BadParameter(f"{pair!r} is no SOURCE=COLUMN{there}.", param_hint="--map")
        columns[source] = column
    return columns


def _pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise typer.BadParameter(f"{text!r}: {error}.", param_hint="--symbol-from-key") from error
    if not groups:
        raise typer.BadParameter(f"{text!r} needs a group, as in ([A-Z]+).", param_hint="--symbol-from-key")
    return text


def _format(text: str) -> str:
    try:
        return timestamp_format(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}.", param_hint="--timestamp-format") from error
