"""Options of the words for what is in the warehouse beside what was loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from etl_daemon.cli import completion
from etl_daemon.cli.options import INSTANT, Dataset, Json

TARGET = "Settings of etl-config.NAME.env, such as prod; left out: the usual ones."


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What `verify` is asked to look into."""

    target: Annotated[str | None, typer.Option(metavar="NAME", autocompletion=completion.targets, help=TARGET)] = None
    dataset: Dataset = None
    since: Annotated[
        str, typer.Option(metavar="T", help="Objects modified from then on: date, instant, or an age like 14d.")
    ] = "14d"
    objects: Annotated[
        int, typer.Option(min=0, max=1_000, help="So many of each dataset's latest objects are read again.")
    ] = 3
    json: Json = False


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What `report` is asked to look at, and where it is to go."""

    since: Annotated[str, typer.Option(metavar="T", help=f"Rows and commits from then on. {INSTANT}")] = "30d"
    until: Annotated[
        str | None, typer.Option(metavar="T", help=f"Rows and commits before. {INSTANT} [default: now]")
    ] = None
    dataset: Dataset = None
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with plots there.")] = None
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all figures there, one a line.")] = None
    json: Json = False


@dataclass(frozen=True, slots=True)
class TeardownOptions:
    """What `teardown` is asked to take away."""

    target: Annotated[
        str,
        typer.Option(
            metavar="NAME", autocompletion=completion.targets, help="Settings of etl-config.NAME.env, such as dev."
        ),
    ]
    stacks: Annotated[str, typer.Option(metavar="PREFIX", help="Stacks of deploy/aws whose names begin so.")] = "etl-"
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it only tells what would go.")] = False
    json: Json = False
