"""The words that bring rows from elsewhere into the bucket; each imports what it needs when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from etl_daemon.cli import completion
from etl_daemon.cli.options import taking


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """What `extract` is asked to do."""

    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset", metavar="NAME", autocompletion=completion.datasets, help="This dataset only; may be repeated."
        ),
    ] = None
    full: Annotated[bool, typer.Option("--full", help="Take all of it, whatever was taken before.")] = False
    load: Annotated[bool, typer.Option("--load", help="Load what was extracted at once.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False


@dataclass(frozen=True, slots=True)
class SqlExtractOptions(ExtractOptions):
    """What `extract sql` is asked to do."""

    obj: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='Other modes for this run: {"SCHEMA.TABLE": "MODE"} or "MODE;TABLE_SUFFIX".'),
    ] = None


def _sql(options: SqlExtractOptions) -> None:
    """Put what is new in databases into the bucket, once."""
    from etl_daemon.cli.extract import extract_sql

    extract_sql(options, options.obj)


def _api(options: ExtractOptions) -> None:
    """Put what HTTP APIs answer into the bucket, once, if it is new."""
    from etl_daemon.cli.extract import extract_api

    extract_api(options)


def add(app: typer.Typer) -> None:
    """Give the application these words."""
    extract = typer.Typer(no_args_is_help=True, help="Rows from elsewhere into the bucket, for the daemon to load.")
    extract.command("sql")(taking(SqlExtractOptions, _sql))
    extract.command("api")(taking(ExtractOptions, _api))
    app.add_typer(extract, name="extract")
