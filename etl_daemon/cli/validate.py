"""``etl-daemon validate``: the rules on local files. No settings are needed; those that are there count."""

from __future__ import annotations

import mmap
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from etl_daemon import bootstrap
from etl_daemon.cli.app import ValidateOptions
from etl_daemon.cli.finding import Finding, show, total
from etl_daemon.cli.printing import console, emit
from etl_daemon.cli.rejects import Rejects
from etl_daemon.cli.start import chosen
from etl_daemon.config import Settings, load_settings
from etl_daemon.core import configure
from etl_daemon.core.clean import clean
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef, RawSlice
from etl_daemon.errors import DataError
from etl_daemon.ports import Decoder


def validate(options: ValidateOptions) -> None:
    """Apply the rules and print what they make of the files.

    Raises:
        typer.Exit: with 1 where a file is missing or would be refused.
        typer.BadParameter: an option does not fit the dataset.
        ConfigError: a setting is wrong.
    """
    settings = load_settings(needs_source=False)
    dataset = _dataset(options, settings)
    rejects = Rejects(options.rejects) if options.rejects else nullcontext()
    with closing(bootstrap.decoder(settings)) as decoder, rejects as out:
        task = _Task(dataset, settings, decoder, out)
        findings = [task.examine(path) for path in options.files]
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


@dataclass(frozen=True, slots=True)
class _Task:
    dataset: Dataset
    settings: Settings
    decoder: Decoder
    rejects: Rejects | None

    def examine(self, path: Path) -> Finding:
        finding = Finding(str(path))
        started = time.perf_counter()
        try:
            self._apply_rules(path, finding)
        except DataError as error:
            finding.refused, finding.detail = error.reason, str(error)
        except OSError as error:
            finding.refused, finding.detail = "unreadable", error.strerror or str(error)
        finding.seconds = time.perf_counter() - started
        return finding

    def _apply_rules(self, path: Path, finding: Finding) -> None:
        rules = configure.rules(self.settings)
        ref, body = _opened(path)
        for raw in decoded_ahead(self.decoder.decode(ref, body, self.dataset)):
            part = clean(raw, self.dataset, rules)
            finding.add(part)
            if self.rejects:
                self.rejects.write(part)
        limit, counts = self.settings.refuse_above_share, finding.counts
        if limit is not None and counts.read and counts.quarantined / counts.read > limit:
            share = f"{counts.quarantined / counts.read:.1%} of its rows are unfit; the limit is {limit:.1%}"
            raise DataError("reject_share", share)


def _opened(path: Path) -> tuple[ObjectRef, memoryview]:
    with path.open("rb") as file:
        facts = path.stat()
        body = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if facts.st_size else b"")
    modified = datetime.fromtimestamp(facts.st_mtime, UTC)
    return ObjectRef(modified, path.as_posix(), f"{facts.st_size}-{facts.st_mtime_ns}", size=facts.st_size), body


def decoded_ahead(slices: Iterator[RawSlice]) -> Iterator[RawSlice]:
    """The slices; while one is in use the next is being decoded."""
    with ThreadPoolExecutor(1, "decode-ahead") as pool:
        coming = pool.submit(next, slices, None)
        while (part := coming.result()) is not None:
            coming = pool.submit(next, slices, None)
            yield part


def _dataset(options: ValidateOptions, settings: Settings) -> Dataset:
    dataset = chosen(configure.datasets(settings), options.dataset)
    given: dict[str, Any] = {
        "columns": {**dataset.columns, **_columns(options.columns or [], dataset)},
        "symbol_from_key": _pattern(options.symbol_from_key) if options.symbol_from_key else dataset.symbol_from_key,
        "records_path": options.records_path or dataset.records_path,
        "timestamp_formats": (*dataset.timestamp_formats, *(options.timestamp_format or ())),
    }
    return replace(dataset, **given)


def _columns(pairs: list[str], dataset: Dataset) -> Mapping[str, str]:
    columns = {}
    for pair in pairs:
        source, equals, column = pair.rpartition("=")
        if not (source and equals and column in dataset.schema.names):
            there = ", ".join(dataset.schema.names)
            raise typer.BadParameter(f"{pair!r} is no SOURCE=COLUMN; the columns are {there}.", param_hint="--map")
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
