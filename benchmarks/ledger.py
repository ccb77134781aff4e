"""`python -m benchmarks.ledger`: what a ledger of a million object versions costs a process, and each cycle after that.

Each measurement is a process of its own: reading the ledger (`once` does so every time, a daemon once), and what that
leaves in memory; then discovery and planning against it, over the pages that an idle cycle lists; then the same with a
backlog of as many objects, none of which is known.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path

from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.model import Known, ObjectRef
from etl_daemon.core.planning import discovery
from etl_daemon.core.planning.discovery import BatchLimits

BUCKET, DATABASE = "market-data", "FINANCIAL_DATA"
PER_HOUR = 100
FILL = """
    INSERT INTO FINANCIAL_DATA.ETL_CONTROL.ETL_OBJECTS
    SELECT 'price_data', '{table}', '{bucket}',
           strftime(hour, 'processed/price_data/%Y/%m/%d/%H/') || printf('%05d.json', i % {per_hour}),
           etag || '-' || strftime(hour, '%Y-%m-%dT%H:%M:%S+00:00'), etag, 4096, hour, md5('b' || i // 2000), 'loaded',
           '', 40, 40, 0, 0, 0, 0, hour + INTERVAL 1 MINUTE
    FROM (SELECT i, md5('o' || i) AS etag, TIMESTAMP '2026-01-01' + to_hours(i // {per_hour}) AS hour
          FROM range({rows}) AS t(i))
"""


def destination(path: Path) -> SqlDestination:
    datasets = configure.datasets(Settings())
    return SqlDestination(DuckDBFile(path, DATABASE), configure.anomalies_dataset(Settings(), datasets))


def fill(path: Path, rows: int) -> None:
    """Control tables, and a line of the ledger per object, as many an hour as the store of tests pretends to have."""
    datasets = configure.datasets(Settings())
    with closing(destination(path)) as made:
        made.prepare(datasets)
    with DuckDBFile(path, DATABASE).connection() as connection:
        connection.execute(FILL.format(table=datasets[0].table, bucket=BUCKET, per_hour=PER_HOUR, rows=rows))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def listed(rows: int, hours: int) -> list[ObjectRef]:
    """The objects of the last hours, as a listing shows them."""
    refs = []
    for number in range(rows - hours * PER_HOUR, rows):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number // PER_HOUR)
        key = f"{at:processed/price_data/%Y/%m/%d/%H/}{number % PER_HOUR:05d}.json"
        etag = md5(f"o{number}".encode()).hexdigest()
        refs.append(ObjectRef(at, key, f"{etag}-{at.isoformat()}", BUCKET, etag, 4096))
    return refs


def timed(work: Callable[[], object], runs: int = 5) -> float:
    """Seconds of CPU, the median."""
    taken = []
    for _ in range(runs):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def planned(known: Known, refs: list[ObjectRef]) -> int:
    """Discovery and the batches that follow: how many."""
    dataset = configure.datasets(Settings())[0]
    now = max(ref.modified for ref in refs) + timedelta(minutes=5)
    since = discovery.lower_bound(dataset, known.cursor, now, timedelta(hours=2))
    found = discovery.pending(iter(refs), known.versions, since)
    limits = BatchLimits(128 * 2**20, 2_000)
    return sum(1 for _ in discovery.plan_batches(dataset, found, limits, known.cursor, now))


def measured(path: Path, rows: int) -> Iterator[tuple[str, str]]:
    """Lines of the report."""
    datasets = configure.datasets(Settings())
    before, started, spent = resident_bytes(), time.perf_counter(), time.process_time()
    with closing(destination(path)) as made:
        known = made.recall(datasets, BUCKET)["price_data"]
    seconds, computed = time.perf_counter() - started, time.process_time() - spent
    kept, peak = resident_bytes() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert len(known.versions) == rows
    yield "recall", f"{seconds:.2f} s, {computed:.2f} s of CPU"
    yield "memory at its peak, and after", f"{peak / 2**20:.0f} MiB, {kept / 2**20:.0f} MiB"
    refs = listed(rows, 4)
    yield (
        f"an idle cycle's planning ({len(refs)} objects listed)",
        f"{timed(lambda: planned(known, refs)) * 1e3:.2f} ms",
    )
    backlog = [replace(ref, key=f"new/{ref.key}") for ref in listed(rows, rows // PER_HOUR)]
    random.Random(7).shuffle(backlog)
    empty = replace(known, versions={})
    yield f"planning a backlog of {len(backlog):,}", f"{timed(lambda: planned(empty, backlog), 1):.2f} s"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--within", type=Path, help=argparse.SUPPRESS)  # the measuring process itself
    given = parser.parse_args()
    if given.within:
        for what, figure in measured(given.within, given.rows):
            print(f"| {what} | {figure} |", flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.duckdb"
        fill(path, given.rows)
        print(f"| a ledger of {given.rows:,} versions | |\n|---|---|", flush=True)
        command = [sys.executable, "-m", "benchmarks.ledger", "--rows", str(given.rows), "--within", str(path)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
