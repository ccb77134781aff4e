"""``etl-daemon audit``: what is in the source, the ledger and the target, compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import typer

from etl_daemon.cli.options.operate import AuditOptions
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.selecting import moment, reviewing
from etl_daemon.cli.start import narrowed
from etl_daemon.operations.audit import Audit, Gap
from etl_daemon.operations.audit import audit as compare

TO_DO = {
    Gap.MISSING: "load it: etl-daemon backfill --dataset {dataset} --since {since} --until 0m",
    Gap.CHANGED: "load it as it is now: etl-daemon backfill --dataset {dataset} --since {since} --until 0m",
    Gap.ORPHANED: "put the object back, or delete its rows",
    Gap.MISCOUNTED: "see docs/operations.md, Audit",
}


def audit(options: AuditOptions) -> None:
    """Compare every dataset, and print what does not agree.

    Raises:
        typer.Exit: with 1 where something does not.
        EtlError: settings are wrong, or source or destination did not answer.
    """
    since = moment(options.since, "--since")
    with reviewing(needs_source=True) as runtime:
        datasets = narrowed(runtime, options.dataset, None).datasets
        reports = [compare(each, runtime.corridor, runtime.review, since) for each in datasets]
    agrees = not any(report.findings for report in reports)
    if options.json:
        emit({"ok": agrees, "since": since.isoformat(), "datasets": [asdict(report) for report in reports]})
    else:
        _show(reports, options.since)
    if not agrees:
        raise typer.Exit(1)


def _show(reports: Sequence[Audit], since: str) -> None:
    out = console()
    heads = ["dataset", "#listed", "#loaded", "#refused", "#rows", *(f"#{gap}" for gap in Gap)]
    out.print(table(f"since {since}", heads, map(_row, reports)))
    findings = [each for report in reports for each in report.findings]
    if findings:
        out.print(table("", ["dataset", "gap", "object", "detail"], [list(asdict(each).values()) for each in findings]))
    for dataset, gap in dict.fromkeys((each.dataset, each.gap) for each in findings):
        out.print(f"{dataset}, {gap}: {TO_DO[gap].format(dataset=dataset, since=since)}", soft_wrap=True)


def _row(report: Audit) -> Iterable[object]:
    gaps = (sum(each.gap is gap for each in report.findings) for gap in Gap)
    return [report.dataset, report.listed, report.loaded, report.refused, report.rows, *gaps]
