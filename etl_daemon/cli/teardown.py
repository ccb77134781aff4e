"""``etl-daemon teardown``: takes away what a target has in AWS and Snowflake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from etl_daemon.bootstrap.teardown import steps
from etl_daemon.cli.options.warehouse import TeardownOptions
from etl_daemon.cli.printing import console, emit, say, table
from etl_daemon.cli.verdict import deliver
from etl_daemon.cli.verify import settings_of
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.teardown import Step
from etl_daemon.errors import EtlError

USAGE = 2


def teardown(options: TeardownOptions) -> None:
    """Tell what would go; with ``--yes`` take it away.

    Raises:
        typer.Exit: with 2 without ``--yes``, with 1 where something could not be taken away.
        EtlError: settings are wrong, the daemon runs, or AWS did not answer.
    """
    with steps(settings_of(options.target), options.stacks) as found:
        if not options.yes:
            _refuse(found, options)
        deliver(_taken(found), as_json=options.json, target=options.target)


def _refuse(found: Sequence[Step], options: TeardownOptions) -> None:
    """Nothing happens by a slip."""
    if options.json:
        emit(
            {"ok": False, "target": options.target, "steps": [{"name": each.name, "what": each.what} for each in found]}
        )
    else:
        console().print(table("to be taken away", ["kind", "what"], [[each.name, each.what] for each in found]))
    say("Nothing was changed. To take all of it away, with all data and for good, say --yes.", "bold")
    raise typer.Exit(USAGE)


def _taken(found: Sequence[Step]) -> Iterator[Finding]:
    """Each step in turn; where one fails, the others go on, and the command can be run again."""
    if not found:
        yield Finding("teardown", State.OK, "There is nothing to take away.")
    for step in found:
        try:
            yield Finding(step.name, State.OK, f"{step.what}: {step.act()}.")
        except EtlError as error:
            yield Finding(step.name, State.FAIL, f"{step.what}: {error.detail}", error.hint)
