"""The words for what is in the warehouse beside what was loaded; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def _run(json: Json = False) -> None:
    """Bring what is new into silver tables and their views; again, it changes nothing."""
    from etl_daemon.cli.models import run

    run(as_json=json)


def _test(json: Json = False) -> None:
    """Hold silver and gold against what they are made of; ends with 1 where they do not agree."""
    from etl_daemon.cli.models import test

    test(as_json=json)


def add(app: typer.Typer) -> None:
    """Give the application these words."""
    models = typer.Typer(no_args_is_help=True, help="Tables and views made of those that were loaded.")
    models.command("run")(_run)
    models.command("test")(_test)
    app.add_typer(models, name="models")
