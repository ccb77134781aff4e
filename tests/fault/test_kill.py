"""kill -9 in the middle of a cycle: one kill for each step, over modes and destinations; `make chaos` has them all."""

from __future__ import annotations

import pytest

from tests.support.chaos.kills import DUCKDB, SNOWFLAKE, STEPS
from tests.support.chaos.runs import RIVAL, SAME, case

SCENES = [
    ("UPSERT", DUCKDB),
    ("APPEND", SNOWFLAKE),
    ("INCREMENTAL", DUCKDB),
    ("FULL", SNOWFLAKE),
    ("TRUNCATE_INSERT", DUCKDB),
    ("UPSERT", SNOWFLAKE),
]


def spread():
    """A case for each line of the table; a worker keeps to its scenes."""
    for number, step in enumerate(STEPS):
        fitting = [(mode, destination) for mode, destination in SCENES if destination in step.destinations]
        mode, destination = fitting[number % len(fitting)]
        moment = step.moments[number // 2 % len(step.moments)]
        chosen = case(mode, step, moment, destination, (SAME, RIVAL)[number // 3 % 2])
        yield pytest.param(chosen, id=str(chosen), marks=pytest.mark.xdist_group(f"kill-{mode}-{destination}"))


@pytest.mark.parametrize("case", list(spread()))
def test_killed_and_taken_over(case, killed):
    killed(case)
