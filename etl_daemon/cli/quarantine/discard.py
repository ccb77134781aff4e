"""``etl-daemon quarantine discard``: rejected rows that are done with."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import typer

from etl_daemon.cli.options.operate import DiscardOptions
from etl_daemon.cli.printing import console, emit
from etl_daemon.cli.selecting import described, reviewing, selection, who


def discard(options: DiscardOptions) -> None:
    """Mark the selected open rows; nothing is deleted.

    Raises:
        typer.BadParameter: neither a filter nor --all is given.
        typer.Abort: the answer was no.
    """
    with reviewing() as runtime:
        selected = selection(options, [each.name for each in runtime.datasets])
        if selected.empty and not options.everything:
            raise typer.BadParameter("Give a filter such as --dataset or --reason, or --all.", param_hint="--all")
        counts: Counter[str] = Counter()
        for name, _, rows in runtime.review.counted(selected):
            counts[name] += rows
        if counts and not options.yes:
            typer.confirm(f"Discard {counts.total():,} quarantined rows ({described(selected)})?", abort=True, err=True)
        operator = runtime.operator(who())
        done = {
            name: operator.review.discard(
                replace(selected, dataset=name), operator.line("discard", name, described(selected))
            )
            for name in counts
        }
    if options.json:
        emit({"discarded": done, "rows": sum(done.values())})
    else:
        console().print(
            f"{sum(done.values()):,} rows are discarded. To see them: etl-daemon quarantine list --state discarded"
        )
