"""A daemon that stays, `python -m benchmarks.cycles`: a cycle for each line that it is sent, and what that took.

With the word ``boto3`` it fetches objects by boto3.
"""

from __future__ import annotations

import sys
import time

from benchmarks import boto3_once
from etl_daemon.adapters.s3 import source
from etl_daemon.bootstrap.runtime import build
from etl_daemon.cli.start import at_work, narrowed
from etl_daemon.vault import load_settings


def main(way: str = "") -> None:
    """Answer with seconds by the clock, those of processors, and how many objects were loaded."""
    if way == "boto3":
        source.S3Source = boto3_once.Boto3Source  # type: ignore[misc]
    with at_work(build(load_settings())) as runtime:
        daemon = narrowed(runtime, "price_data", None).daemon()
        for _ in sys.stdin:
            started, computed = time.perf_counter(), time.process_time()
            reports = daemon.cycle()
            took = time.perf_counter() - started, time.process_time() - computed
            print(*took, sum(report.settled for report in reports), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
