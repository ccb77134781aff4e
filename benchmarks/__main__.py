"""`python -m benchmarks`: throughput against DuckDB in one run, as ratios; absolute figures depend on the machine."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.data import write_ndjson
from benchmarks.statement import bare_read, one_statement

BOUNDS = {"validate / bare read": ("at most", 2.0), "one statement / whole cycle": ("at least", 1.0)}


def timed(work: Callable[[], object]) -> float:
    """Seconds that a piece of work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Contest:
    """Ours and DuckDB's, on the same files. Every measurement is a process of its own, from start to exit."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self.threads = threads
        self.files = sorted((folder / "bucket").rglob("*.json"))
        self.pattern = str(folder / "bucket" / "**" / "*.json")

    def validate(self) -> None:
        self._ours("validate", *map(str, self.files), "--dataset", "price_data", "--json")

    def cycle(self) -> None:
        target = self.folder / "ours.duckdb"
        target.unlink(missing_ok=True)
        self._ours("once", "--json", ETL_DUCKDB_PATH=str(target))

    def bare(self) -> None:
        self._sql(bare_read(self.pattern), ":memory:")

    def statement(self) -> None:
        target = self.folder / "theirs.duckdb"
        target.unlink(missing_ok=True)
        self._sql(one_statement(self.pattern, "prices"), str(target))

    def _ours(self, *words: str, **more: str) -> None:
        settings = {
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": str(self.folder / "bucket"),
            "ETL_STATE_DIR": str(self.folder / "state"),
            "ETL_BATCH_SIZE": "100000000",
            "CPU_LIMIT_CORES": str(self.threads),
            "LOG_LEVEL": "ERROR",
            **more,
        }
        command = [sys.executable, "-m", "etl_daemon", *words]
        subprocess.run(command, env={**os.environ, **settings}, check=True, stdout=subprocess.DEVNULL)

    def _sql(self, query: str, database: str) -> None:
        code = (
            "import duckdb, sys; "
            "c = duckdb.connect(sys.argv[1], config={'threads': int(sys.argv[3])}); "
            "c.execute('SET enable_progress_bar = false'); "
            "r = c.sql(sys.argv[2]); r is None or r.to_arrow_table(); c.close()"
        )
        subprocess.run([sys.executable, "-c", code, database, query, str(self.threads)], check=True)


def measure(contest: Contest, runs: int) -> dict[str, list[float]]:
    """Seconds per contender, in turn, so that a change of the machine's speed meets all alike; one warm-up."""
    names = ("bare", "validate", "statement", "cycle")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for run in range(runs + 1):
        for name in names:
            took = timed(getattr(contest, name))
            if run:
                seconds[name].append(took)
    return seconds


def report(seconds: dict[str, list[float]], rows: int) -> list[str]:
    """Lines of a Markdown table, ratios taken run by run, medians shown."""
    lines = ["| work (whole process) | seconds, median | M rows/s |", "|---|---|---|"]
    for name, took in seconds.items():
        median = statistics.median(took)
        lines.append(f"| {name} | {median:.2f} | {rows / median / 1e6:.2f} |")
    pairs = {"validate / bare read": ("validate", "bare"), "one statement / whole cycle": ("statement", "cycle")}
    lines += ["", "| ratio | min | median | max | bound |", "|---|---|---|---|---|"]
    for name, (over, under) in pairs.items():
        ratios = [a / b for a, b in zip(seconds[over], seconds[under], strict=True)]
        word, bound = BOUNDS[name]
        shown = " | ".join(f"{value:.2f}" for value in (min(ratios), statistics.median(ratios), max(ratios)))
        lines.append(f"| {name} | {shown} | {word} {bound} |")
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=4, help="objects that the rows are spread over")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prefix = folder / "bucket" / "processed" / "price_data"
        prefix.mkdir(parents=True)
        for number in range(given.files):
            write_ndjson(prefix / f"{number}.json", given.rows // given.files, seed=0.1 + number / 100)
        seconds = measure(Contest(folder, given.threads), given.runs)
    print(f"{given.rows} rows in {given.files} objects, {given.threads} threads, DuckDB {duckdb.__version__}\n")
    print("\n".join(report(seconds, given.rows)))


if __name__ == "__main__":
    main()
