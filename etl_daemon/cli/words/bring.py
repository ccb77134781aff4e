"""The words that bring rows from elsewhere into the bucket; each imports what it needs when it is called."""

from __future__ import annotations

import typer

from etl_daemon.cli.options import taking
from etl_daemon.cli.options.bring import ExtractOptions, SqlExtractOptions


def _sql(options: SqlExtractOptions) -> None:
    """Put what is new in databases into the bucket, once."""
    from etl_daemon.cli.extract import extract_sql

    extract_sql(options)


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
