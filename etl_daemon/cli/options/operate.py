"""Options of the words for operators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from etl_daemon.cli import completion
from etl_daemon.cli.options import INSTANT, Dataset, Json


@dataclass(frozen=True, slots=True)
class Filters:
    """Which quarantined rows."""

    dataset: Dataset = None
    reason: Annotated[
        str | None, typer.Option(metavar="CODE", autocompletion=completion.reasons, help="Rows with this reason.")
    ] = None
    key: Annotated[str | None, typer.Option("--object", metavar="KEY", help="Rows of this object.")] = None
    since: Annotated[str | None, typer.Option(metavar="T", help=f"Quarantined from then on. {INSTANT}")] = None
    until: Annotated[str | None, typer.Option(metavar="T", help=f"Quarantined before. {INSTANT}")] = None
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="The row with this id, or beginning; repeatable.")
    ] = None


State = Annotated[
    str,
    typer.Option(
        "--state", metavar="STATE", autocompletion=completion.states, help="open, replayed, discarded or any."
    ),
]


@dataclass(frozen=True, slots=True)
class ListOptions(Filters):
    """What `quarantine list` is asked to show."""

    state: State = "open"
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many rows, the latest first.")] = 50
    objects: Annotated[bool, typer.Option("--objects", help="List refused objects instead.")] = False
    json: Json = False


@dataclass(frozen=True, slots=True)
class ExportOptions(Filters):
    """What `quarantine export` is asked to write; ``out`` has no default, so it is checked."""

    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file: .parquet, .csv or .ndjson.")] = Path()
    state: State = "open"
    json: Json = False


@dataclass(frozen=True, slots=True)
class ReplayOptions(Filters):
    """What `quarantine replay` is asked to try again."""

    refused: Annotated[bool, typer.Option("--refused", help="Read refused objects again, not rows.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would become of them; change nothing.")] = False
    json: Json = False


@dataclass(frozen=True, slots=True)
class DiscardOptions(Filters):
    """What `quarantine discard` is asked to mark."""

    everything: Annotated[bool, typer.Option("--all", help="All open rows, without a filter.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
    json: Json = False


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What `audit` is asked to compare."""

    since: Annotated[str, typer.Option(metavar="T", help=f"Objects modified from then on. {INSTANT}")] = "14d"
    dataset: Dataset = None
    json: Json = False


class Engine(StrEnum):
    """What reads objects and applies the rules."""

    LOCAL = "local"
    SPARK = "spark"


class Output(StrEnum):
    """Where rows go."""

    DESTINATION = "destination"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """What `backfill` is asked to load."""

    dataset: Annotated[str, typer.Option(metavar="NAME", autocompletion=completion.datasets, help="The dataset.")]
    since: Annotated[str, typer.Option(metavar="T", help=f"Objects modified from then on. {INSTANT}")]
    until: Annotated[str, typer.Option(metavar="T", help=f"Objects modified before. {INSTANT}")]
    engine: Annotated[
        Engine, typer.Option(help="What reads and applies the rules: this machine, or the executors of Spark.")
    ] = Engine.LOCAL
    master: Annotated[
        str | None, typer.Option(metavar="URL", help="Spark's master. [default: SPARK_MASTER, or this machine's cores]")
    ] = None
    output: Annotated[
        Output, typer.Option(help="Where rows go: the destination, or files; files know no ledger, and need Spark.")
    ] = Output.DESTINATION
    to: Annotated[str | None, typer.Option(metavar="PLACE", help="The files' folder, or s3://BUCKET/PREFIX.")] = None
    json: Json = False


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What `upload` is asked to put where."""

    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, folders, patterns, or - with --name.")]
    dataset: Annotated[
        str,
        typer.Option(
            metavar="NAME", autocompletion=completion.datasets, help="The dataset; its prefix is where they go."
        ),
    ]
    layout: Annotated[
        str,
        typer.Option(
            "--key-layout", metavar="FOLDERS", help="Between prefix and name; may hold {year} {month} {day} {hour}."
        ),
    ] = ""
    date: Annotated[str | None, typer.Option(metavar="T", help=f"The date in the key. {INSTANT} [default: now]")] = None
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What the one file is to be called.")] = None
    replace: Annotated[bool, typer.Option("--replace", help="Put it also where there is an object already.")] = False
    check: Annotated[bool, typer.Option("--check", help="Apply the rules first; what is unfit is not put.")] = False
    wait: Annotated[bool, typer.Option("--wait", help="Until the ledger has them all, loaded or refused.")] = False
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0, max=604_800, help="How long to wait at most.")] = (
        900
    )
    json: Json = False
