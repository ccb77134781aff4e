"""``etl-daemon once``: one cycle, for cron."""

from __future__ import annotations

import typer

from etl_daemon.adapters.observers.memory import expect_short_run
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.cli import outcome
from etl_daemon.cli.options.corridor import OnceOptions
from etl_daemon.cli.printing import console, emit
from etl_daemon.cli.start import check_force, in_other_modes, narrowed, working_runtime
from etl_daemon.core import configure
from etl_daemon.core.events import WorkFailed
from etl_daemon.daemon import DatasetReport
from etl_daemon.errors import BusyError, EtlError
from etl_daemon.vault import load_settings


def once(options: OnceOptions) -> None:
    """Load what has arrived.

    Raises:
        typer.Exit: with 1 where something was left undone.
        EtlError: settings are wrong, or someone else is at work.
    """
    settings = load_settings()
    expect_short_run()
    tally = outcome.Tally()
    with working_runtime(settings, "once", tally) as runtime:
        reports = _cycle(runtime, options)
    documents = [outcome.document(report, tally) for report in reports]
    failed = any(report.failed for report in reports)
    if options.json:
        emit({"failed": failed, "datasets": documents})
    else:
        outcome.show(documents, console())
    if failed:
        raise typer.Exit(1)


def asked(runtime: Runtime, options: OnceOptions) -> Runtime:
    """The runtime with the datasets, windows and modes that the options name.

    Raises:
        typer.BadParameter: they do not fit the datasets.
    """
    taken = configure.tables(runtime.settings, runtime.datasets)
    runtime = in_other_modes(narrowed(runtime, options.dataset, options.since), options.obj, taken)
    if options.force:
        check_force(runtime.datasets)
    return runtime


def _cycle(runtime: Runtime, options: OnceOptions) -> list[DatasetReport]:
    runtime = asked(runtime, options)
    lease = runtime.lease()
    try:
        if lease:
            lease.take(runtime.stop)
        daemon = runtime.daemon(again=options.since is not None, force=options.force, lease=lease)
        return fed(daemon, runtime, extracting=False).cycle()
    except EtlError as error:
        if not (isinstance(error, BusyError) and lease and not lease.held):  # somebody else is at work, as should be
            runtime.corridor.tell(WorkFailed("", error))
        raise
