"""``etl-daemon quarantine replay``: rejected rows and refused objects, tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import typer

from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.sql_upstream import with_types
from etl_daemon.cli.options.operate import ReplayOptions
from etl_daemon.cli.orders import stopping
from etl_daemon.cli.printing import console, emit, say, table
from etl_daemon.cli.progress import counting
from etl_daemon.cli.quarantine import refused_objects
from etl_daemon.cli.selecting import selection, who
from etl_daemon.cli.start import watched_runtime
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import Deferral
from etl_daemon.core.review import LedgerLine, Selection
from etl_daemon.operations.claim import Operator
from etl_daemon.operations.reload import ReloadReport
from etl_daemon.operations.reload import reload as read_again
from etl_daemon.operations.replay import ReplayReport
from etl_daemon.operations.replay import replay as try_again
from etl_daemon.vault import load_settings

ROW_HEADS = ["dataset", "#replayed", "#loaded", "#still unfit", "#changed", "#unread"]
OBJECT_HEADS = ["dataset", "#objects loaded", "#rows", "#refused again", "#gone", "#unread"]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Doing:
    """With what a replay works."""

    runtime: Runtime
    operator: Operator
    dry_run: bool
    as_json: bool

    @contextmanager
    def counting(self, unit: str, total: int) -> Iterator[Doing]:
        """The same, with a bar."""
        with counting(unit, total, as_json=self.as_json) as heard:
            yield replace(self, operator=replace(self.operator, heard=heard))

    def rows(self, dataset: Dataset, selected: Selection) -> ReplayReport:
        """Try the dataset's rows again."""
        return try_again(dataset, selected, self.runtime.corridor, self.operator, dry_run=self.dry_run)

    def objects(self, dataset: Dataset, lines: list[LedgerLine]) -> ReloadReport:
        """Read the dataset's refused objects again."""
        return read_again(dataset, lines, self.runtime.corridor, self.operator, dry_run=self.dry_run)


def replay(options: ReplayOptions) -> None:
    """Try again what the options mean, dataset by dataset.

    Raises:
        typer.Exit: with 1 where an object could not be read.
        EtlError: settings are wrong, or someone else is at work.
    """
    with watched_runtime(load_settings(), as_json=options.json) as bare:
        runtime = with_types(bare)
        named = {each.name: each for each in runtime.datasets}
        selected = selection(options, named)
        doing = Doing(runtime, runtime.operator(who()), options.dry_run, options.json)
        with stopping(doing.operator.stop):
            objects = _objects(doing, named, selected) if options.refused or options.key else []
            rows, left = ([], Counter[str]()) if options.refused else _rows(doing, named, selected)
    stopped = doing.operator.stop.is_set()
    failed = stopped or any(report.rows.unread for report in rows) or any(report.unread for report in objects)
    if options.json:
        emit(
            {
                "dry_run": options.dry_run,
                "failed": failed,
                "datasets": [_row_document(report) for report in rows],
                "objects": [_object_document(report) for report in objects],
                "not_configured": dict(left),
            }
        )
    else:
        _show(rows, objects, left)
    if stopped:
        say("Stopped after the batch in hand. Run the same command again: what is loaded is not loaded twice.", "bold")
    if failed:
        raise typer.Exit(1)


def _rows(doing: Doing, named: dict[str, Dataset], selected: Selection) -> tuple[list[ReplayReport], Counter[str]]:
    """Reports by dataset, and how many rows belong to datasets that are not configured."""
    counts: Counter[str] = Counter()
    for name, _, rows in doing.operator.review.counted(selected):
        counts[name] += rows
    left = Counter({name: rows for name, rows in counts.items() if name not in named})
    with doing.counting("rows", counts.total() - left.total()) as counted:
        reports = [counted.rows(named[name], selected) for name in counts if name in named]
    return reports, left


def _objects(doing: Doing, named: dict[str, Dataset], selected: Selection) -> list[ReloadReport]:
    found = refused_objects(doing.runtime, selected)
    with doing.counting("objects", sum(map(len, found.values()))) as counted:
        return [counted.objects(named[name], lines) for name, lines in found.items() if lines]


def _row_document(report: ReplayReport) -> Document:
    troubles = [
        {"key": each.ref.key, "kind": "unread" if isinstance(each, Deferral) else "refused", "detail": each.detail}
        for each in report.troubles
    ]
    return {"dataset": report.dataset, **asdict(report.rows), "troubles": troubles}


def _object_document(report: ReloadReport) -> Document:
    return {
        "dataset": report.dataset,
        "loaded": report.loaded,
        "rows": report.rows,
        "gone": report.gone,
        "refused": [{"key": key, "reason": reason} for key, reason in report.refused],
        "unread": [{"key": key, "detail": detail} for key, detail in report.unread],
    }


def _show(rows: list[ReplayReport], objects: list[ReloadReport], left: Counter[str]) -> None:
    out = console()
    if objects:
        cells = [
            (each.dataset, each.loaded, each.rows, len(each.refused), each.gone, len(each.unread)) for each in objects
        ]
        out.print(table("", OBJECT_HEADS, cells))
    if rows:
        out.print(table("", ROW_HEADS, [(each.dataset, *asdict(each.rows).values()) for each in rows]))
    if not rows and not objects:
        out.print("Nothing is selected. To see what there is: etl-daemon quarantine list")
    for line in _notes(rows, objects, left):
        out.print(line, soft_wrap=True)


def _notes(rows: list[ReplayReport], objects: list[ReloadReport], left: Counter[str]) -> Iterable[str]:
    for report in rows:
        yield from (f"{report.dataset}: {each.ref.key}: {each.detail}" for each in report.troubles)
        if report.rows.changed:
            yield (
                f"{report.dataset}: {report.rows.changed:,} rows are of frames, or of object versions that are no "
                "longer there. To be done with them: etl-daemon quarantine discard"
            )
    for each in objects:
        yield from (f"{each.dataset}: {key} is refused again: {reason}" for key, reason in each.refused)
        yield from (f"{each.dataset}: {key}: {detail}" for key, detail in each.unread)
    for name, count in left.items():
        yield f"{name}: {count:,} rows are left alone: no dataset of that name is configured here."
