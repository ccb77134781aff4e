"""``etl-daemon backfill``: older objects, with a bar that says how far it is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import typer

from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.sql_upstream import with_types
from etl_daemon.cli.options.operate import BackfillOptions, Engine, Output
from etl_daemon.cli.orders import stopping
from etl_daemon.cli.outcome import Tally, totals
from etl_daemon.cli.printing import console, emit, say
from etl_daemon.cli.progress import Far, bar
from etl_daemon.cli.selecting import span, who
from etl_daemon.cli.start import chosen, watched_runtime
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import Outcome
from etl_daemon.operations.backfill import Progress, Span
from etl_daemon.operations.backfill import backfill as load_older
from etl_daemon.operations.claim import Operator
from etl_daemon.operations.deliver import deliver
from etl_daemon.vault import load_settings

AGAIN = "Run the same command again: it goes on where it was."


def backfill(options: BackfillOptions) -> None:
    """Load what is due; the first Ctrl-C ends it after the batch in hand.

    Raises:
        typer.Exit: with 1 where something was left undone.
        EtlError: settings are wrong, or another backfill of the dataset has begun.
    """
    since, until = span(options.since, options.until)
    if since is None or until is None:
        raise typer.BadParameter("Both ends are needed.", param_hint="--since, --until")
    if (options.output is Output.PARQUET) != bool(options.to):
        raise typer.BadParameter("One needs the other.", param_hint="--output parquet, --to")
    if options.to and options.engine is Engine.LOCAL:
        raise typer.BadParameter("Files are written by --engine spark only.", param_hint="--output parquet")
    tally = Tally()
    with watched_runtime(load_settings(), tally, as_json=options.json) as runtime:
        dataset, operator = chosen(with_types(runtime).datasets, options.dataset), runtime.operator(who())
        steps = _steps(runtime, options, dataset, Span(since, until), operator)
        with stopping(operator.stop), closing(steps), bar(as_json=options.json) as show:
            progress = Progress(0, 0)
            for progress in steps:
                show(_far(progress))
    found = _document(progress, tally) | {"dataset": dataset.name, "since": since, "until": until}
    if options.json:
        emit(found)
    else:
        _show(found, progress)
    if found["failed"]:
        raise typer.Exit(1)


def _steps(
    runtime: Runtime, options: BackfillOptions, dataset: Dataset, span: Span, operator: Operator
) -> Generator[Progress, None, None]:
    """The work, by this machine or by Spark, into the destination or into files."""
    if options.engine is Engine.LOCAL:
        return load_older(dataset, span, runtime.corridor, operator)
    from etl_daemon.bootstrap.spark import in_large_batches, on_spark, outlet, spark_session  # PySpark is an extra

    session = spark_session(runtime, options.master)
    if options.output is Output.PARQUET:
        to = outlet(runtime, session, options.to or "")
        return deliver(dataset, span, in_large_batches(runtime.corridor, runtime.settings), to, operator.stop)
    return load_older(dataset, span, on_spark(runtime, session).corridor, operator)


def _far(now: Progress) -> Far:
    return Far(now.bytes_tried, now.bytes, f"{now.objects_tried:,}/{now.objects:,} objects")


def _document(progress: Progress, tally: Tally) -> dict[str, Any]:
    lines = [line for receipt in progress.receipts for line in receipt.objects]
    late = [item for receipt in progress.receipts for item in receipt.deferrals]
    loaded = sum(line.outcome is Outcome.LOADED for line in lines)
    return {
        "failed": bool(late) or not progress.complete,
        "complete": progress.complete,
        "objects": {
            "due": progress.objects,
            "tried": progress.objects_tried,
            "loaded": loaded,
            "refused": len(lines) - loaded,
            "unread": len(late),
        },
        "rows": asdict(totals(progress.receipts)),
        "refused": [{"key": each.ref.key, "reason": each.reason, "detail": each.detail} for each in tally.refused],
        "unread": [{"key": each.ref.key, "detail": each.detail} for each in late],
    }


def _show(found: dict[str, Any], progress: Progress) -> None:
    objects, rows, out = found["objects"], found["rows"], console()
    left = objects["tried"] - objects["loaded"] - objects["refused"] - objects["unread"]
    out.print(
        f"{found['dataset']}: {objects['loaded']:,} of {objects['due']:,} objects loaded, {rows['loaded']:,} of "
        f"{rows['read']:,} rows; {rows['quarantined']:,} quarantined, {rows['superseded']:,} superseded, "
        f"{rows['filtered']:,} filtered.",
        soft_wrap=True,
    )
    if left:
        out.print(f"{left:,} objects were loaded by another process meanwhile, or changed.")
    for each in (*found["refused"], *found["unread"]):
        out.print(f"{'refused' if 'reason' in each else 'not read'} {each['key']}: {each['detail']}", soft_wrap=True)
    if not progress.complete:
        say(f"Stopped after {objects['tried']:,} of {objects['due']:,} objects. {AGAIN}", "bold")
    elif found["unread"]:
        say(AGAIN, "bold")
