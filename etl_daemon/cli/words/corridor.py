"""The words that take the corridor's steps, or some of them; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from etl_daemon.cli.options import Json, taking
from etl_daemon.cli.options.corridor import DemoOptions, OnceOptions, ValidateOptions


def _demo(options: DemoOptions) -> None:
    """Load real prices from an S3 in this process into a DuckDB file: no account, no settings."""
    from etl_daemon.cli.demo import demo

    demo(options)


def _once(options: OnceOptions) -> None:
    """Load what has arrived, once: for cron."""
    from etl_daemon.cli.once import once

    once(options)


def _plan(options: OnceOptions) -> None:
    """Tell what `once` would do, and what it would take; nothing is made or changed."""
    from etl_daemon.cli.plan import plan

    plan(options)


def _run() -> None:
    """Load what arrives, until SIGTERM or Ctrl-C: the daemon."""
    from etl_daemon.cli.run import run

    run()


def _check(
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Send a test alert through every channel instead, and say how it went.")
    ] = False,
    json: Json = False,
) -> None:
    """Try settings, source, destination, disk and clock, each with a hint."""
    from etl_daemon.cli.check import check, check_alerts

    (check_alerts if alerts else check)(as_json=json)


def _monitor(json: Json = False) -> None:
    """Tell whether it is at work and goes well, and the data is as it uses to be: for cron."""
    from etl_daemon.cli.monitor import monitor

    monitor(as_json=json)


def _init(
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the SQL that does it; the destination is not opened.")
    ] = False,
    json: Json = False,
) -> None:
    """Create the control tables and the targets that do not exist yet."""
    from etl_daemon.cli.init import init

    init(print_only=print_only, as_json=json)


def _status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep it up to date until Ctrl-C; the daemon has to run.")
    ] = False,
    json: Json = False,
) -> None:
    """Tell how far each dataset is."""
    from etl_daemon.cli.status import status

    status(as_json=json, watch=watch)


def _validate(options: ValidateOptions) -> None:
    """Apply the rules to local files and tell what they would make of them; nothing is loaded."""
    from etl_daemon.cli.validate import validate

    validate(options)


def add(app: typer.Typer) -> None:
    """Give the application these words."""
    app.command("demo")(taking(DemoOptions, _demo))
    app.command("once")(taking(OnceOptions, _once))
    app.command("plan")(taking(OnceOptions, _plan))
    app.command("run")(_run)
    app.command("check")(_check)
    app.command("monitor")(_monitor)
    app.command("init")(_init)
    app.command("status")(_status)
    app.command("validate")(taking(ValidateOptions, _validate))
