"""``etl-daemon report``: the quality of what was loaded, for people, programs and spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import typer

from etl_daemon.bootstrap.report import report as made
from etl_daemon.cli.files import whole
from etl_daemon.cli.options.warehouse import ReportOptions
from etl_daemon.cli.printing import console, emit, say, table
from etl_daemon.cli.selecting import span
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.quality.documents import COLUMNS, document, lines
from etl_daemon.core.quality.report import Report, Verdict
from etl_daemon.core.quality.sessions import Span
from etl_daemon.vault import load_settings

HEADS = "dataset,#rows,latest row,#sessions,#missing,#partial,#read,#rejected,#superseded,#restated,#anomalies"


def report(options: ReportOptions) -> None:
    """Look, then write the files that are asked for; the terminal gets a short form unless there are some.

    Raises:
        typer.BadParameter: no such dataset, or no such time.
        EtlError: settings are wrong, or the destination or a file cannot be opened.
    """
    now = datetime.now(UTC)
    since, until = span(options.since, options.until)
    settings = load_settings(needs_source=False)
    chosen = _chosen(configure.datasets(settings), options.dataset)
    end = min(until or now, now)  # what is to come is not missing
    if since is None or since >= end:
        raise typer.BadParameter("It is not before the end.", param_hint="--since")
    found = made(settings, chosen, Span(since, end), now)
    if options.html:
        from etl_daemon.server.report import page

        _write(options.html, page(found))
    if options.csv:
        _write(options.csv, _lines(found))
    if options.json:
        emit(document(found))
    elif not (options.html or options.csv):
        _show(found)


def _chosen(datasets: Sequence[Dataset], name: str | None) -> list[Dataset]:
    chosen = [each for each in datasets if name in {None, each.name}]
    if not chosen:
        known = ", ".join(each.name for each in datasets)
        raise typer.BadParameter(f"There is no {name!r}; there are {known}.", param_hint="--dataset")
    return chosen


def _lines(found: Report) -> bytes:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines(found))
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    with whole(path) as part:
        part.write_bytes(content)
    say(f"The report is in {path}.")


def _show(found: Report) -> None:
    out = console()
    title = f"{found.place}, {found.span.since:%Y-%m-%d %H:%M} to {found.span.until:%Y-%m-%d %H:%M} UTC"
    out.print(table(title, HEADS.split(","), map(_row, found.datasets)))
    for one in found.datasets:
        for finding in one.findings:
            out.print(f"{one.facts.name}: {finding}", soft_wrap=True)
        for reason in one.reasons:
            share = "" if reason.share is None else f" ({reason.share:.2%} of the rows read)"
            out.print(f"{one.facts.name}: {reason.code} {reason.rows:,}{share}", soft_wrap=True)
    if not any(one.calendar for one in found.datasets):
        out.print("No sessions are expected: ETL_CALENDAR names no exchange.", soft_wrap=True)


def _row(one: Verdict) -> Iterable[object]:
    facts, filled, totals = one.facts, one.completeness, one.totals
    sessions: list[int | None] = [None, None, None]
    if filled and filled.expected is not None:
        sessions = [filled.expected, filled.missing, len(filled.partial)]
    latest = facts.latest.strftime("%Y-%m-%d %H:%M") if facts.latest else None
    counts = [totals.read, totals.rejected, totals.superseded, facts.restatements.objects, facts.anomalies.rows]
    return [facts.name, facts.rows, latest, *sessions, *counts]
