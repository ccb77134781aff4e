"""What the settings say of a dataset's silver table, as the core has it; and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.medallion.refinement import Refinement, Tidying
from etl_daemon.core.tables.naming import target_name


def refinement(values: Mapping[str, Any], full: Callable[[str], str]) -> Refinement | None:
    """The refinement under target names; ``full`` gives the full name of a table. None: there is to be none."""
    given = values.get("silver")
    if not given:
        return None
    columns = values.get("columns", {}) if values.get("kind", "table") == "table" else {}
    table = full(given["table"])
    return Refinement(
        table,
        full(given["view"]) if given.get("view") else f"{table}_VIEW",
        tuple(dict.fromkeys(target_name(name, columns) for name in given["primary_key"])),
        {target_name(name, columns): tuple(map(Tidying, steps)) for name, steps in given.get("tidy", {}).items()},
    )


def silver_problems(datasets: Sequence[Dataset]) -> list[str]:
    """A line for each that cannot work; each table and view is somebody's alone."""
    taken = {dataset.table: dataset.name for dataset in datasets}
    problems = []
    for dataset in datasets:
        refined = dataset.silver
        if refined is None:
            continue
        if dataset.mode is not Mode.APPEND or dataset.raw:
            problems.append(f'{dataset.name}: silver: is made of all rows that came; say mode = "APPEND", without raw.')
        for name in (refined.table, refined.view):
            if name in taken:
                problems.append(f"{dataset.name}: silver: {name} is a table of {taken[name]}; name another one.")
            taken[name] = dataset.name
    return problems
