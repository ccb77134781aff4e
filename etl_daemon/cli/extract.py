"""``etl-daemon extract sql|api``: what is new in databases and HTTP APIs, into the bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import typer

from etl_daemon.bootstrap.api_upstream import api_upstream
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.sql_upstream import sql_upstream
from etl_daemon.bootstrap.upstreams import Extracting, fed
from etl_daemon.cli import outcome
from etl_daemon.cli.options.bring import ExtractOptions, SqlExtractOptions
from etl_daemon.cli.options.operate import Engine
from etl_daemon.cli.orders import stopping
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.progress import Far, Show, bar
from etl_daemon.cli.runbook import described, told
from etl_daemon.cli.start import chosen, in_other_modes, working_runtime
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import DatasetFailed, Event, ObjectExtracted
from etl_daemon.daemon import DatasetReport
from etl_daemon.errors import ConfigError, EtlError, LeaseLostError
from etl_daemon.extraction import Put
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.vault import load_settings

Kind = Callable[[Runtime, LeaseKeeper | None], Extracting | None]
Engaged = Callable[[Runtime], Runtime]
"""The runtime with another engine, or as it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one dataset; ``cursor``: how far it has come, where there is such a thing."""

    dataset: str
    put: tuple[Put, ...] = ()
    cursor: str | None = None
    error: EtlError | None = None

    @property
    def document(self) -> dict[str, Any]:
        """All of it."""
        return {
            "dataset": self.dataset,
            "objects": [asdict(each) for each in self.put],
            "rows": sum(each.rows for each in self.put),
            "cursor": self.cursor,
            "error": described(self.error) if self.error else None,
        }


def extract_sql(options: SqlExtractOptions) -> None:
    """Extract from databases; with ``load`` perhaps by the executors of Spark.

    Raises:
        typer.BadParameter: an engine is named, and nothing is to be loaded. Others are those of ``_extract``.
    """
    if options.engine is Engine.SPARK and not options.load:
        raise typer.BadParameter("It is for loading: give --load too.", param_hint="--engine")
    engine = _here if options.engine is Engine.LOCAL else partial(_on_spark, options.master)
    _extract(sql_upstream, "docs/extract.md has examples of [datasets.NAME.sql]", options, options.obj, engine)


def _here(runtime: Runtime) -> Runtime:
    return runtime


def _on_spark(master: str | None, runtime: Runtime) -> Runtime:
    from etl_daemon.bootstrap.spark import on_spark, spark_session  # PySpark is an extra

    return on_spark(runtime, spark_session(runtime, master))


def extract_api(options: ExtractOptions) -> None:
    """Extract from HTTP APIs. Errors are those of ``_extract``."""
    _extract(api_upstream, "docs/api.md has examples of [datasets.NAME.api]", options)


def _extract(
    kind: Kind, examples: str, options: ExtractOptions, obj: str | None = None, engine: Engaged = _here
) -> None:
    """Extract, and tell what was put; with ``--load``, load it by that engine.

    Raises:
        typer.Exit: with 1 where a dataset failed.
        typer.BadParameter: options do not fit the datasets.
        EtlError: settings are wrong, or someone else is at work.
    """
    tally, way = outcome.Tally(), _Way()
    with working_runtime(load_settings(), "extract", tally, way) as whole, stopping(whole.stop):
        source = kind(whole, None)
        if source is None:
            hint = f"add a table to the file that ETL_DATASETS_FILE names; {examples}"
            raise ConfigError("No dataset is taken from there.", hint=hint)
        runtime = _chosen(whole, source, options.dataset, obj)
        source.lease = runtime.lease()
        if source.lease:
            source.lease.take(runtime.stop)
        with bar("rows", as_json=options.json) as way.show:
            lines = _lines(runtime, source, way, anew=options.full)
        reports = _loaded(engine(runtime), source) if options.load else []
    loaded = [outcome.document(report, tally) for report in reports]
    failed = any(line.error for line in lines) or any(report.failed for report in reports)
    if options.json:
        emit({"failed": failed, "extracted": [line.document for line in lines], "loaded": loaded})
    else:
        _show(lines, loaded)
    if failed:
        raise typer.Exit(1)


def _loaded(runtime: Runtime, source: Extracting) -> list[DatasetReport]:
    return fed(runtime.daemon(lease=source.lease), runtime, extracting=False).cycle(runtime.stop)


def _chosen(whole: Runtime, source: Extracting, names: Sequence[str] | None, obj: str | None) -> Runtime:
    """Raises typer.BadParameter where there is no such dataset or table."""
    having = tuple(each for each in whole.datasets if each.name in source.names)
    named = tuple(chosen(having, name) for name in dict.fromkeys(names or ())) or having
    taken = configure.tables(whole.settings, whole.datasets)
    runtime = in_other_modes(replace(whole, datasets=named), obj, taken)
    return replace(runtime, datasets=tuple(map(source.at_home, runtime.datasets)))


@dataclass(slots=True)
class _Way:
    """An observer that shows how far an extraction is: datasets are known before, their rows are not."""

    show: Show = lambda _: None
    datasets: int = 0
    ended: int = 0
    objects: int = 0
    rows: int = 0

    def notice(self, event: Event) -> None:
        """Count what was put."""
        if isinstance(event, ObjectExtracted):
            self.objects += 1
            self.rows += event.rows
            self.moved()

    def moved(self) -> None:
        """Show where it is."""
        told = f"{self.ended:,}/{self.datasets:,} datasets, {self.objects:,} objects, {self.rows:,} rows"
        self.show(Far(self.ended, self.datasets, told, self.rows))


def _lines(runtime: Runtime, source: Extracting, way: _Way, *, anew: bool) -> list[Line]:
    """All datasets, one after the other; one that fails costs itself only."""
    lines: list[Line] = []
    way.datasets = len(runtime.datasets)
    way.moved()
    for dataset in runtime.datasets:
        if runtime.stop.is_set():
            break
        lines.append(_line(runtime, source, dataset, anew=anew))
        way.ended += 1
        way.moved()
    return lines


def _line(runtime: Runtime, source: Extracting, dataset: Dataset, *, anew: bool) -> Line:
    try:
        put = source.extract(dataset, anew=anew)
        return Line(dataset.name, put, source.cursor(dataset))
    except (LeaseLostError, ConfigError):
        raise
    except EtlError as error:
        runtime.corridor.tell(DatasetFailed(dataset.name, error))
        return Line(dataset.name, error=error)


def _show(lines: Sequence[Line], loaded: Sequence[dict[str, Any]]) -> None:
    out = console()
    rows = [
        [each.dataset, len(each.put), sum(put.rows for put in each.put), sum(put.size for put in each.put), each.cursor]
        for each in lines
    ]
    out.print(table("", ["dataset", "#objects", "#rows", "#bytes", "up to"], rows))
    for line in lines:
        for each in line.put:
            counted = f"{each.rows:,} rows, " if each.rows else ""
            out.print(f"{line.dataset}: {each.key}: {counted}{each.size:,} bytes", soft_wrap=True)
        if line.error:
            out.print(f"{line.dataset}: failed: {told(line.document['error'])}", soft_wrap=True)
        elif not line.put:
            out.print(f"{line.dataset}: nothing new.", soft_wrap=True)
    if loaded:
        outcome.show(loaded, out, "loaded")
    elif any(line.put for line in lines):
        out.print("To load it: etl-daemon once, or a running daemon in its next cycle", soft_wrap=True)
