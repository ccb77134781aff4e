"""`python -m benchmarks.spark`: a backfill by this machine alone and by executors of Spark on the same cores, in turn.

Run it with the Python of `.venv-spark`. CPU seconds are those of all processes of a run: the driver, Java, the workers.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from benchmarks.data import write_prices
from benchmarks.processes import ROOT, environment

TICKS = os.sysconf("SC_CLK_TCK")
WORDS = ("backfill", "--dataset", "price_data", "--since", "2020-01-01", "--until", "2100-01-01", "--json")


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took: seconds from start to end, of CPU, and resident memory of all its processes (MiB)."""

    wall: float
    cpu: float
    peak_mib: float


def measured(command: Sequence[str], folder: Path, settings: dict[str, str]) -> Run:
    """Run it in a session of its own; processes that end are counted as they were last seen, at most 0.1 s before."""
    seconds: dict[int, float] = {}
    peaks = [0.0]
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment(**settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run, _watching(run.pid, seconds, peaks):  # fmt: skip
        if run.wait():
            raise SystemExit(f"{' '.join(command)} ended with {run.returncode}")
        wall = time.perf_counter() - started
    return Run(wall, sum(seconds.values()), max(peaks))


@contextmanager
def _watching(session: int, seconds: dict[int, float], peaks: list[float]) -> Iterator[None]:
    ended = Event()

    def look() -> None:
        while not ended.wait(0.1):
            resident = 0.0
            for stat in Path("/proc").glob("[0-9]*/stat"):
                try:
                    fields = stat.read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[3]) == session:
                    seconds[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) / TICKS
                    resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            peaks.append(resident)

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def settings(folder: Path, name: str, cores: int) -> dict[str, str]:
    return {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": str(folder / "bucket"),
        "ETL_DUCKDB_PATH": str(folder / f"{name}.duckdb"),
        "ETL_STATE_DIR": str(folder / "state"),
        "ETL_BATCH_SIZE": "30000000",
        "CPU_LIMIT_CORES": str(cores),
        "LOG_LEVEL": "ERROR",
    }


def main() -> None:
    asking = argparse.ArgumentParser(description=__doc__)
    asking.add_argument("--rows", type=int, default=8_000_000)
    asking.add_argument("--objects", type=int, default=16)
    asking.add_argument("--runs", type=int, default=3)
    asking.add_argument("--cores", type=int, default=2)
    asked = asking.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="benchmark-spark-") as made:
        folder = Path(made)
        prices = folder / "bucket" / "processed" / "price_data"
        prices.mkdir(parents=True)
        for number in range(asked.objects):
            write_prices(prices / f"{number}.json", asked.rows // asked.objects, seed=(number + 1) / 100)
        size = sum(path.stat().st_size for path in prices.iterdir()) / 2**20
        print(f"{asked.rows:,} rows, {size:,.0f} MiB in {asked.objects} objects, {asked.cores} cores, runs in turn")
        took: dict[str, list[Run]] = {"alone": [], "spark": []}
        engines = {"alone": (), "spark": ("--engine", "spark", "--master", f"local[{asked.cores}]")}
        command = (sys.executable, "-m", "etl_daemon", *WORDS)
        for _ in range(asked.runs):
            for name, more in engines.items():
                for old in folder.glob("*.duckdb*"):
                    old.unlink()
                run = measured((*command, *more), ROOT, settings(folder, name, asked.cores))
                took[name].append(run)
                print(f"{name}: {run.wall:.1f} s, {run.cpu:.1f} s of CPU, {run.peak_mib:,.0f} MiB", flush=True)
    for what in ("wall", "cpu"):
        ratios = [getattr(a, what) / getattr(b, what) for a, b in zip(*took.values(), strict=True)]
        print(f"spark over alone, rows per second of {what}: {statistics.median(ratios):.2f} ({ratios})")


if __name__ == "__main__":
    main()
