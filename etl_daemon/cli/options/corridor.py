"""Options of the words that take the corridor's steps, or some of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from etl_daemon.cli import completion
from etl_daemon.cli.options import Dataset, Json


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
    dataset: Dataset = None
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
