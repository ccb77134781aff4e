"""A ledger of many lines is read page by page: what is in memory meanwhile is hardly more than what is kept."""

from __future__ import annotations

import tracemalloc
from contextlib import closing

from benchmarks.ledger import BUCKET, PER_HOUR, destination, fill, listed, planned
from etl_daemon.config import Settings
from etl_daemon.core.configure import datasets

LINES = 60_000


def test_reading_a_long_ledger_takes_little_more_than_is_kept_of_it(tmp_path):
    fill(tmp_path / "ledger.duckdb", LINES)
    tracemalloc.start()
    try:
        with closing(destination(tmp_path / "ledger.duckdb")) as made:
            known = made.recall(datasets(Settings()), BUCKET)["price_data"]
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(known.versions) == LINES
    print(f"{kept / LINES:.0f} bytes a version are kept, {peak / LINES:.0f} at the peak")
    assert kept / LINES < 400
    assert peak < 1.6 * kept
    assert planned(known, listed(LINES, 4)) == 0, "it knows what was loaded, as a listing shows it"
    known.versions.popitem()
    assert planned(known, listed(LINES, LINES // PER_HOUR)) == 1
