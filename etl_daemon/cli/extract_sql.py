"""``etl-daemon extract sql``: what is new in databases, into the bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import typer

from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.sql_upstream import SqlUpstream, placed, upstream
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.cli import outcome
from etl_daemon.cli.bring import SqlExtractOptions
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.run import stopping
from etl_daemon.cli.start import chosen, in_other_modes, working_runtime
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import DatasetFailed
from etl_daemon.errors import ConfigError, EtlError, LeaseLostError
from etl_daemon.extraction import Extraction
from etl_daemon.pipeline import discover
from etl_daemon.vault import load_settings


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one dataset."""

    dataset: str
    extraction: Extraction | None = None
    error: EtlError | None = None
    pending: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """All of it."""
        error, made = self.error, self.extraction
        return {
            "dataset": self.dataset,
            "objects": [asdict(each) for each in made.objects] if made else [],
            "rows": sum(each.rows for each in made.objects) if made else 0,
            "cursor": made.mark.cursor if made else None,
            "pending": self.pending,
            "error": {"kind": type(error).__name__, "detail": error.detail, "hint": error.hint} if error else None,
        }


@dataclass(slots=True)
class Work:
    """A run over datasets that have a database."""

    runtime: Runtime
    source: SqlUpstream
    options: SqlExtractOptions
    lines: list[Line] = field(default_factory=list)

    def extract(self) -> None:
        """All datasets, one after the other; one that fails costs itself only."""
        for dataset in self.runtime.datasets:
            if self.runtime.stop.is_set():
                return
            self.lines.append(self._one(dataset))

    def _one(self, dataset: Dataset) -> Line:
        try:
            made = self.source.extract(dataset, anew=self.options.full)
        except (LeaseLostError, ConfigError):
            raise
        except EtlError as error:
            self.runtime.corridor.tell(DatasetFailed(dataset.name, error))
            return Line(dataset.name, error=error)
        return Line(dataset.name, made)

    def planned(self) -> list[Line]:
        """The lines, with how many objects the next cycle loads."""
        corridor = self.runtime.corridor
        known = corridor.destination.recall(self.runtime.datasets, corridor.bucket)
        now = self.runtime.clock.now()
        found = {
            dataset.name: discover(dataset, known[dataset.name], corridor, now, sweep=False)
            for dataset in self.runtime.datasets
        }
        return [replace(line, pending=len(found[line.dataset].pending)) for line in self.lines]


def extract_sql(options: SqlExtractOptions) -> None:
    """Extract, tell what was put and what ``once`` would load; or load it.

    Raises:
        typer.Exit: with 1 where a dataset failed.
        EtlError: settings are wrong, or someone else is at work.
    """
    tally = outcome.Tally()
    with working_runtime(load_settings(), "extract", tally) as whole, stopping(whole.stop):
        work = _work(whole, options)
        work.extract()
        reports = _loaded(work) if options.load else []
        lines = work.lines if options.load else work.planned()
    loaded = [outcome.document(report, tally) for report in reports]
    failed = any(line.error for line in lines) or any(report.failed for report in reports)
    if options.json:
        emit({"failed": failed, "extracted": [line.document for line in lines], "loaded": loaded})
    else:
        _show(lines, loaded)
    if failed:
        raise typer.Exit(1)


def _work(whole: Runtime, options: SqlExtractOptions) -> Work:
    """Raises ConfigError where no dataset has a database, typer.BadParameter where options do not fit the datasets."""
    source = upstream(whole, None)
    if source is None:
        hint = "add a table [datasets.NAME.sql] to the file that ETL_DATASETS_FILE names; docs/extract.md has examples"
        raise ConfigError("No dataset has a database to be taken from.", hint=hint)
    having = tuple(each for each in whole.datasets if each.name in source.origins)
    named = tuple(chosen(having, name) for name in dict.fromkeys(options.dataset or ())) or having
    taken = configure.tables(whole.settings, whole.datasets)
    runtime = in_other_modes(replace(whole, datasets=named), options.obj, taken)
    at_home = tuple(replace(each, prefix=placed(source.origins[each.name], each).folder) for each in runtime.datasets)
    lease = whole.lease()
    if lease:
        lease.take(whole.stop)
    source.lease = lease
    return Work(replace(runtime, datasets=at_home), source, options)


def _loaded(work: Work) -> Sequence[Any]:
    daemon = work.runtime.daemon(lease=work.source.lease)
    return fed(daemon, work.runtime, extracting=False).cycle(work.runtime.stop)


def _show(lines: Sequence[Line], loaded: Sequence[dict[str, Any]]) -> None:
    documents = [line.document for line in lines]
    rows = [
        [each["dataset"], len(each["objects"]), each["rows"], each["cursor"], each["pending"]] for each in documents
    ]
    out = console()
    out.print(table("", ["dataset", "#objects", "#rows", "up to", "#to be loaded"], rows))
    for each in documents:
        for item in each["objects"]:
            out.print(
                f"{each['dataset']}: {item['key']}: {item['rows']:,} rows, {item['size']:,} bytes", soft_wrap=True
            )
        if each["error"]:
            hint = each["error"]["hint"] or "try again"
            out.print(f"{each['dataset']}: failed: {each['error']['detail']} Hint: {hint}", soft_wrap=True)
    if loaded:
        outcome.show(loaded, out, "loaded")
    elif any(each["pending"] for each in documents):
        out.print("To load it: etl-daemon once, or a running daemon in its next cycle", soft_wrap=True)
