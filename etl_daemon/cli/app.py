"""The words of ``etl-daemon`` and their options; each imports what it needs when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from etl_daemon.cli import bring, completion, examples, operate, warehouse
from etl_daemon.cli.options import taking

app = typer.Typer(
    help="Brings market-data objects from S3 into DuckDB or Snowflake, each object version exactly once.",
    epilog="Settings come from the environment and from etl-config.env, or the file that ETL_CONFIG_FILE names.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@dataclass(frozen=True, slots=True)
class OnceOptions:
    """What `once` is asked to do, or `plan` to foresee."""

    since: Annotated[
        float | None,
        typer.Option(
            "--since",
            "--hours-back",
            metavar="HOURS",
            min=0,
            max=876_000,
            help="Look back this far, not a window only.",
        ),
    ] = None
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", autocompletion=completion.datasets, help="This dataset only.")
    ] = None
    obj: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='Other modes for this run: {"SCHEMA.TABLE": "MODE"} or "MODE;TABLE_SUFFIX".'),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Mode FULL: read everything again, changed or not.")] = False
    json: Json = False


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `demo` is asked to do."""

    keep: Annotated[bool, typer.Option("--keep", help="Leave the database and settings there, to explore.")] = False
    serve: Annotated[bool, typer.Option("--serve", help="Go on: new objects arrive until Ctrl-C.")] = False
    dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Work here, not in a temporary folder; implies --keep.")
    ] = None


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """What `validate` is asked to do."""

    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Local files; the content tells the format.")]
    dataset: Annotated[
        str, typer.Option(metavar="NAME", autocompletion=completion.datasets, help="The dataset whose rules apply.")
    ]
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="SOURCE=COLUMN", help="Which column a source's column is; may be repeated."),
    ] = None
    symbol_from_key: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Take the symbol from the file's path by this group.")
    ] = None
    records_path: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the records are in nested JSON, keys joined by dots.")
    ] = None
    timestamp_format: Annotated[
        list[str] | None, typer.Option(metavar="FORMAT", help="A strptime format to try; may be repeated.")
    ] = None
    rejects: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the bad rows there: .parquet, .csv or .json.")
    ] = None
    json: Json = False


@app.callback(invoke_without_command=True)
def _ending(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and end.")] = False,
    show_completion: Annotated[
        completion.Shell | None,
        typer.Option(metavar="SHELL", is_eager=True, help="Print the script for bash, zsh or fish, and end."),
    ] = None,
) -> None:
    if version:
        from etl_daemon import __version__

        print(__version__)
        raise typer.Exit
    if show_completion:
        print(completion.script(show_completion))
        raise typer.Exit


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


app.command("demo")(taking(DemoOptions, _demo))
app.command("once")(taking(OnceOptions, _once))
app.command("plan")(taking(OnceOptions, _plan))
app.command("run")(_run)
app.command("check")(_check)
app.command("monitor")(_monitor)
app.command("init")(_init)
app.command("status")(_status)
app.command("validate")(taking(ValidateOptions, _validate))
operate.add(app)
bring.add(app)
warehouse.add(app)
examples.give(app)
