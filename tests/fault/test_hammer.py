"""Two daemons, killed at random, load the same objects: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import pytest

from tests.support.chaos.hammer import Load, hammer
from tests.support.chaos.kills import DUCKDB, SNOWFLAKE
from tests.support.chaos.runs import Stopwatch
from tests.support.chaos.sites import DuckDBSite, SnowflakeSite

SMALL = Load(objects=40, per_batch=3, kills=2, bound_seconds=180)
LARGE = [Load(objects=500, per_batch=8, kills=12, bound_seconds=900, mode=mode) for mode in ("APPEND", "UPSERT")]


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("destination", [DUCKDB, SNOWFLAKE])
@pytest.mark.parametrize("load", [SMALL, *(pytest.param(load, marks=pytest.mark.chaos) for load in LARGE)], ids=str)
def test_two_daemons_killed_at_random(request, tmp_path, record_property, load, destination):
    watch, seed = Stopwatch.start(), 20_260_105
    if destination == SNOWFLAKE:
        site = SnowflakeSite(request.getfixturevalue("impatient_snowflake"))
    else:
        site = DuckDBSite(tmp_path)
    kills = hammer(load, site, tmp_path, seed)
    record_property(
        "hammer",
        f"{load.mode:<15} {destination:<9} {load.objects} objects, {kills} kills: each once {watch.seconds:5.1f} s",
    )
