"""The words for what is in the warehouse beside what was loaded; each imports what it needs when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from etl_daemon.cli import completion
from etl_daemon.cli.options import taking

INSTANT = "Date or instant (UTC), or an age like 14d, 36h, 90m."
TARGET = "Settings of etl-config.NAME.env, such as prod; left out: the usual ones."

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What `verify` is asked to look into."""

    target: Annotated[str | None, typer.Option(metavar="NAME", autocompletion=completion.targets, help=TARGET)] = None
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", autocompletion=completion.datasets, help="This dataset only.")
    ] = None
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
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", autocompletion=completion.datasets, help="This dataset only.")
    ] = None
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


def _run(
    json: Json = False,
    alerts: Annotated[bool, typer.Option("--alerts/--no-alerts", help="Tell operators of models that failed.")] = True,
) -> None:
    """Bring what is new into silver tables and their views, then have dbt build; again, silver does not change."""
    from etl_daemon.cli.models import run

    run(as_json=json, alerting=alerts)


def _test(json: Json = False) -> None:
    """Hold silver and gold against what they are made of, and run dbt's tests; ends with 1 where something is wrong."""
    from etl_daemon.cli.models import test

    test(as_json=json)


def _verify(options: VerifyOptions) -> None:
    """Tell after a deployment whether tables, counts and contents are as they should be; ends with 1 if not."""
    from etl_daemon.cli.verify import verify

    verify(options)


def _report(options: ReportOptions) -> None:
    """Tell how good the data is: completeness, rejects, duplicates, restatements, anomalies, freshness, volumes."""
    from etl_daemon.cli.report import report

    report(options)


def _teardown(options: TeardownOptions) -> None:
    """Take away what a target has in AWS and Snowflake, with all data; refuses without --yes."""
    from etl_daemon.cli.teardown import teardown

    teardown(options)


def add(app: typer.Typer) -> None:
    """Give the application these words."""
    models = typer.Typer(no_args_is_help=True, help="Tables and views made of those that were loaded.")
    models.command("run")(_run)
    models.command("test")(_test)
    app.add_typer(models, name="models")
    app.command("verify")(taking(VerifyOptions, _verify))
    app.command("report")(taking(ReportOptions, _report))
    app.command("teardown")(taking(TeardownOptions, _teardown))
