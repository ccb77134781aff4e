"""``etl-daemon validate``: the rules on local files. No settings are needed; those that are there count."""

from __future__ import annotations

import mmap
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from etl_daemon import bootstrap
from etl_daemon.cli.app import ValidateOptions
from etl_daemon.cli.finding import Finding, show, total
from etl_daemon.cli.memory import expect_short_run
from etl_daemon.cli.printing import console, emit
from etl_daemon.cli.rejects import Rejects
from etl_daemon.cli.start import chosen
from etl_daemon.config import Settings, load_settings
from etl_daemon.config.checks import timestamp_format
from etl_daemon.core import configure
from etl_daemon.core.clean import tally
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import BatchPlan, CleanSlice, ObjectRef
from etl_daemon.errors import DataError
from etl_daemon.pipeline import Intake, read, transform


def validate(options: ValidateOptions) -> None:
    """Apply the rules and print what they make of the files.

    Raises:
        typer.Exit: with 1 where a file is missing or would be refused.
        typer.BadParameter: an option does not fit the dataset.
        ConfigError: a setting is wrong.
    """
    expect_short_run()
    settings = load_settings(needs_source=False)
    dataset = _dataset(options, settings)
    rejects = Rejects(options.rejects) if options.rejects else nullcontext()
    with closing(bootstrap.decoder(settings)) as decoder, rejects as out:
        findings = _examine(bootstrap.intake(settings, _Files(options.files), decoder), dataset, out)
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


class _Files:
    """The files of the command line as a source. ``unreadable`` says which could not be opened, and why."""

    list_requests = 0

    def __init__(self, paths: Sequence[Path]) -> None:
        self.refs = [self._ref(path) for path in dict.fromkeys(paths)]

    def _ref(self, path: Path) -> ObjectRef:
        try:
            facts = path.stat()
        except OSError:
            return ObjectRef(datetime.now(UTC), str(path), "")
        modified = datetime.fromtimestamp(facts.st_mtime, UTC)
        return ObjectRef(modified, str(path), f"{facts.st_size}-{facts.st_mtime_ns}", size=facts.st_size)

    def list(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """The files in the order given."""
        return iter(self.refs)

    def fetch(self, ref: ObjectRef) -> memoryview:
        """The file's bytes, mapped."""
        try:
            with Path(ref.key).open("rb") as file:
                empty = os.fstat(file.fileno()).st_size == 0
                return memoryview(b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise DataError("unreadable", error.strerror or str(error)) from error

    def peek(self, ref: ObjectRef) -> None:
        """As the port says."""
        self.fetch(ref)

    def close(self) -> None:
        """Nothing stays open."""


def _examine(intake: Intake, dataset: Dataset, rejects: Rejects | None) -> list[Finding]:
    """The corridor up to the rules; the time of a file runs until its last row is judged."""
    refs = tuple(intake.source.list("", ""))
    findings = {ref.key: Finding(ref.key) for ref in refs}
    started = time.perf_counter()
    for part in transform(read(BatchPlan(dataset, refs), intake), intake, tally).results:
        finding = findings[part.ref.key]
        if isinstance(part, CleanSlice):
            finding.add(part)
            if rejects:
                rejects.write(part)
        else:
            finding.refused, finding.detail = getattr(part, "reason", "unreadable"), part.detail
        finding.seconds += time.perf_counter() - started
        started = time.perf_counter()
    return list(findings.values())


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
