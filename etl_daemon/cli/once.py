"""``etl-daemon once``: one cycle, for cron."""

from __future__ import annotations

import typer

from etl_daemon.cli import outcome
from etl_daemon.cli.app import OnceOptions
from etl_daemon.cli.printing import console, emit
from etl_daemon.cli.start import logging_runtime, narrowed
from etl_daemon.config import load_settings


def once(options: OnceOptions) -> None:
    """Load what has arrived.

    Raises:
        typer.Exit: with 1 where something was left undone.
        EtlError: settings are wrong, or someone else is at work.
    """
    tally = outcome.Tally()
    with logging_runtime(load_settings(), tally) as runtime:
        work = narrowed(runtime, options.dataset, options.since)
        lease = work.lease()
        if lease:
            lease.take(work.stop)
        reports = work.daemon(again=options.since is not None, lease=lease).cycle()
    documents = [outcome.document(report, tally) for report in reports]
    failed = any(report.failed for report in reports)
    if options.json:
        emit({"failed": failed, "datasets": documents})
    else:
        outcome.show(documents, console())
    if failed:
        raise typer.Exit(1)
