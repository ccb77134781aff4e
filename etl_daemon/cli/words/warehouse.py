"""The words for what is in the warehouse beside what was loaded; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from etl_daemon.cli.options import Json, taking
from etl_daemon.cli.options.warehouse import ReportOptions, TeardownOptions, VerifyOptions


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
