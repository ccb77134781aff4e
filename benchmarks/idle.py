"""`python -m benchmarks.idle`: what an idle cycle costs, with a million objects in a bucket that pretends to hold them.

The daemon's own CPU alone: the store is another process. boto3's own reading of the same pages is timed in turn.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from etl_daemon.bootstrap.runtime import build
from etl_daemon.cli import KEPT_OBJECTS
from etl_daemon.core.model import Fence
from etl_daemon.core.planning.discovery import static_prefix
from etl_daemon.ports import Source
from etl_daemon.vault import settings_from
from tests.conftest import AWS_ENVIRONMENT
from tests.support.listed_store import BUCKET, PREFIX

PAGES = 20


@contextmanager
def store(objects: int, per_hour: int) -> Iterator[None]:
    """In a process of its own; AWS_ENDPOINT_URL names it."""
    command = [sys.executable, "-m", "tests.support.listed_store", str(objects // per_hour), str(per_hour)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        os.environ.update(AWS_ENVIRONMENT, AWS_ENDPOINT_URL=process.stdout.readline().strip())
        try:
            yield
        finally:
            process.terminate()


def computed(work: Callable[[], object]) -> float:
    """Milliseconds of this process's CPU."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3


def per_page(source: Source, runs: int) -> tuple[float, float]:
    """Milliseconds per page of 1,000 objects: ours, boto3's; medians of runs in turn."""
    prefix = static_prefix(PREFIX)
    plain = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    pages = plain.get_paginator("list_objects_v2")

    def ours() -> None:
        listing = source.list(BUCKET, prefix)
        for _ in range(PAGES * 1_000):
            next(listing)

    def theirs() -> None:
        for page, _ in zip(pages.paginate(Bucket=BUCKET, Prefix=prefix), range(PAGES), strict=False):
            assert len(page["Contents"]) == 1_000

    taken = [(computed(ours) / PAGES, computed(theirs) / PAGES) for _ in range(runs + 1)][1:]
    mine, others = (statistics.median(each) for each in zip(*taken, strict=True))
    return mine, others


def measured(folder: Path, runs: int) -> Iterator[tuple[str, str]]:
    """Lines of the report."""
    settings = {
        "S3_BUCKET": BUCKET,
        "PRICE_DATA_PREFIX": PREFIX,
        "ETL_DUCKDB_PATH": folder / "etl.duckdb",
        "ETL_STATE_DIR": folder / "state",
        "ETL_LEASE_URL": "none",
    }
    with build(settings_from({name: str(value) for name, value in settings.items()})) as runtime:
        corridor, source = runtime.corridor, runtime.corridor.intake.source
        corridor.destination.prepare(runtime.datasets)
        for dataset in runtime.datasets:  # as if a sweep had been not long ago
            corridor.destination.mark_swept(dataset, Fence(1, "earlier"), runtime.clock.now())
        daemon = runtime.daemon()
        while any(report.settled for report in daemon.cycle()):
            pass
        before, sent = source.list_requests, runtime.statements()
        idle = statistics.median(computed(daemon.cycle) for _ in range(runs))
        yield "LIST requests of an idle cycle", f"{(source.list_requests - before) / runs:g}"
        yield "statements of an idle cycle", f"{runtime.statements() - sent}"
        yield "CPU of an idle cycle", f"{idle:.1f} ms"
        mine, others = per_page(source, runs)
        yield "CPU of a page of 1,000 objects", f"{mine:.1f} ms (boto3: {others:.1f} ms, {others / mine:.1f} x)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--per-hour", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    gc.set_threshold(KEPT_OBJECTS)  # as the command does
    print(f"| {given.objects:,} objects, {given.per_hour} an hour | |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder, store(given.objects, given.per_hour):
        for what, figure in measured(Path(folder), given.runs):
            print(f"| {what} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
