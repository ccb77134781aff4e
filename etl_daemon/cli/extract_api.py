"""``etl-daemon extract api``: what HTTP APIs answer, into the bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import typer

from etl_daemon.bootstrap.api_upstream import ApiUpstream, api_upstream
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.cli import outcome
from etl_daemon.cli.bring import ApiExtractOptions
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.run import stopping
from etl_daemon.cli.start import chosen, working_runtime
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import DatasetFailed
from etl_daemon.daemon import DatasetReport
from etl_daemon.errors import ConfigError, EtlError, LeaseLostError
from etl_daemon.extraction.responses import Put
from etl_daemon.vault import load_settings


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one dataset."""

    dataset: str
    put: tuple[Put, ...] = ()
    error: EtlError | None = None

    @property
    def document(self) -> dict[str, Any]:
        """All of it."""
        error = self.error
        return {
            "dataset": self.dataset,
            "objects": [asdict(each) for each in self.put],
            "error": {"kind": type(error).__name__, "detail": error.detail, "hint": error.hint} if error else None,
        }


def extract_api(options: ApiExtractOptions) -> None:
    """Extract, and tell what was put; with ``--load``, load it.

    Raises:
        typer.Exit: with 1 where a dataset failed.
        EtlError: settings are wrong, or someone else is at work.
    """
    tally = outcome.Tally()
    with working_runtime(load_settings(), "extract", tally) as whole, stopping(whole.stop):
        source = api_upstream(whole, None)
        if source is None:
            hint = "add a table [datasets.NAME.api] to the file that ETL_DATASETS_FILE names; docs/api.md has examples"
            raise ConfigError("No dataset has an API to be taken from.", hint=hint)
        runtime = replace(whole, datasets=_chosen(whole, source, options.dataset))
        source.lease = whole.lease()
        if source.lease:
            source.lease.take(whole.stop)
        lines = _extracted(runtime, source, anew=options.full)
        reports = _loaded(runtime, source) if options.load else []
    loaded = [outcome.document(report, tally) for report in reports]
    failed = any(line.error for line in lines) or any(report.failed for report in reports)
    if options.json:
        emit({"failed": failed, "extracted": [line.document for line in lines], "loaded": loaded})
    else:
        _show(lines, loaded)
    if failed:
        raise typer.Exit(1)


def _chosen(whole: Runtime, source: ApiUpstream, names: Sequence[str] | None) -> tuple[Dataset, ...]:
    """Raises typer.BadParameter where there is no such dataset."""
    having = tuple(each for each in whole.datasets if each.name in source.endpoints)
    return tuple(chosen(having, name) for name in dict.fromkeys(names or ())) or having


def _extracted(runtime: Runtime, source: ApiUpstream, *, anew: bool) -> list[Line]:
    """All datasets, one after the other; one that fails costs itself only."""
    lines: list[Line] = []
    for dataset in runtime.datasets:
        if runtime.stop.is_set():
            break
        try:
            lines.append(Line(dataset.name, source.extract(dataset, anew=anew)))
        except (LeaseLostError, ConfigError):
            raise
        except EtlError as error:
            runtime.corridor.tell(DatasetFailed(dataset.name, error))
            lines.append(Line(dataset.name, error=error))
    return lines


def _loaded(runtime: Runtime, source: ApiUpstream) -> list[DatasetReport]:
    return fed(runtime.daemon(lease=source.lease), runtime, extracting=False).cycle(runtime.stop)


def _show(lines: Sequence[Line], loaded: Sequence[dict[str, Any]]) -> None:
    out = console()
    rows = [[line.dataset, len(line.put), sum(each.size for each in line.put)] for line in lines]
    out.print(table("", ["dataset", "#objects", "#bytes"], rows))
    for line in lines:
        for each in line.put:
            out.print(f"{line.dataset}: {each.key}: {each.size:,} bytes", soft_wrap=True)
        if line.error:
            hint = line.error.hint or "try again"
            out.print(f"{line.dataset}: failed: {line.error.detail} Hint: {hint}", soft_wrap=True)
        elif not line.put:
            out.print(f"{line.dataset}: nothing new.", soft_wrap=True)
    if loaded:
        outcome.show(loaded, out, "loaded")
    elif any(line.put for line in lines):
        out.print("To load it: etl-daemon once, or a running daemon in its next cycle", soft_wrap=True)
