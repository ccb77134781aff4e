"""Everything at once, for a while: `make chaos` has short storms, `make soak` such as last as long as it is told."""

from __future__ import annotations

import os

import pytest

from tests.storm.run import Storm, play

SEED = int(os.environ.get("STORM_SEED", "1"))
STORES, DESTINATIONS = ("moto", "rados"), ("duckdb", "snowflake")
SHARE = 1 / (len(STORES) * len(DESTINATIONS))
MINUTES = {
    "chaos": SHARE * float(os.environ.get("STORM_MINUTES", "20")),
    "soak": SHARE * float(os.environ.get("SOAK_MINUTES", "20")),
}
PATIENCE_SECONDS = 1500


@pytest.mark.timeout(max(MINUTES.values()) * 60 + PATIENCE_SECONDS)
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param(
            long, marks=[getattr(pytest.mark, mark), pytest.mark.timeout(long * 60 + PATIENCE_SECONDS)], id=mark
        )
        for mark, long in MINUTES.items()
    ],
)
def test_after_a_storm_each_row_is_there_once_and_as_written(tmp_path, record_property, destination, store, minutes):
    report = play(Storm(destination, store, minutes * 60, SEED), tmp_path)
    print(f"\n{report}")
    record_property("storm", report)
