"""Options of the words that bring rows from elsewhere into the bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from etl_daemon.cli import completion
from etl_daemon.cli.options import Json
from etl_daemon.cli.options.operate import Engine


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
    json: Json = False


@dataclass(frozen=True, slots=True)
class SqlExtractOptions(ExtractOptions):
    """What `extract sql` is asked to do."""

    obj: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='Other modes for this run: {"SCHEMA.TABLE": "MODE"} or "MODE;TABLE_SUFFIX".'),
    ] = None
    engine: Annotated[
        Engine, typer.Option(help="With --load: what reads and applies the rules, this machine or executors of Spark.")
    ] = Engine.LOCAL
    master: Annotated[
        str | None, typer.Option(metavar="URL", help="Spark's master. [default: SPARK_MASTER, or this machine's cores]")
    ] = None
