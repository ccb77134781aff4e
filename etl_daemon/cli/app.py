"""``etl-daemon``: ``words`` has its commands, ``options`` what they are asked; each is done in a module of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from etl_daemon.cli import completion, examples
from etl_daemon.cli.words import bring, corridor, operate, warehouse

app = typer.Typer(
    help="Brings market-data objects from S3 into DuckDB or Snowflake, each object version exactly once.",
    epilog="Settings come from the environment and from etl-config.env, or the file that ETL_CONFIG_FILE names.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


corridor.add(app)
operate.add(app)
bring.add(app)
warehouse.add(app)
examples.give(app)
