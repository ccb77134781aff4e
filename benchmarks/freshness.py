"""`python -m benchmarks.freshness`: from putting an object until its rows can be queried, by polling and by events.

A real daemon, one object after the other at random times. When the daemon says that a batch is committed, the DuckDB
file is asked for the row; looking before that would keep the daemon out of its own file.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np

from tests.conftest import AWS_ENVIRONMENT
from tests.support.command import Shell
from tests.support.event_daemon import FOLDER, place
from tests.support.s3_servers import moto_server, s3_client
from tests.support.sqs import arn, notify

ROW = '{"symbol":"%s","timestamp":"2026-01-02","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
Put = Callable[[str, str], None]


def symbol(number: int) -> str:
    return "".join(chr(65 + number // base % 26) for base in (676, 26, 1))


def until(daemon: subprocess.Popen[str], event: str) -> None:
    """Read the daemon's log up to that event."""
    assert daemon.stderr
    for line in daemon.stderr:
        if json.loads(line)["event"] == event:
            return
    raise RuntimeError(f"The daemon ended with {daemon.wait()}.")


@contextmanager
def running(shell: Shell, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """From its first complete cycle on."""
    with shell.start("run", LOG_FORMAT="json", LOG_LEVEL="DEBUG", **settings) as daemon:
        try:
            until(daemon, "cycle_ended")
            yield daemon
        finally:
            daemon.terminate()


def seconds(daemon: subprocess.Popen[str], path: Path, put: Put, count: int, pause_seconds: float) -> list[float]:
    """How long each object took."""
    taken = []
    for number in range(count):
        time.sleep(random.uniform(0, pause_seconds))
        name = symbol(number)
        started = time.perf_counter()
        put(f"{name}.ndjson", ROW % name)
        until(daemon, "batch_committed")
        with duckdb.connect(str(path), read_only=True) as file:
            query = "SELECT count(*) FROM MARKET_DATA.PRICE_DATA WHERE SYMBOL = ?"
            assert file.execute(query, [name]).fetchall() == [(1,)]
        taken.append(time.perf_counter() - started)
    return taken


def polled(folder: Path, count: int, interval: float) -> list[float]:
    """A local folder, listed every ``interval`` seconds."""
    shell = Shell.embedded(folder)

    def put(name: str, text: str) -> None:
        unfinished = folder / f"{name}.tmp"
        unfinished.write_text(text)
        unfinished.rename(folder / "bucket" / FOLDER / name)

    with running(shell, ETL_POLL_INTERVAL_SECONDS=interval) as daemon:
        return seconds(daemon, folder / "etl.duckdb", put, count, interval)


def told(folder: Path, count: int) -> list[float]:
    """A bucket that tells a queue of what is put, and no listing after the first."""
    os.environ.update(AWS_ENVIRONMENT)
    with moto_server() as url:
        made, client = place(url, folder), s3_client(url)
        notify(client, made.bucket, arn(url, made.queue))
        shell = Shell(folder, {**made.settings(), "AWS_ENDPOINT_URL": url})

        def put(name: str, text: str) -> None:
            client.put_object(Bucket=made.bucket, Key=f"{FOLDER}/{name}", Body=text.encode())

        with running(shell) as daemon:
            return seconds(daemon, folder / "market.duckdb", put, count, 0.5)


def line(how: str, taken: Sequence[float]) -> str:
    shares = np.quantile(taken, [0.5, 0.9, 0.99, 1])
    return f"| {how} | {len(taken)} | {' | '.join(f'{share:.2f}' for share in shares)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freshness", description=__doc__)
    parser.add_argument("--objects", type=int, default=100, help="of each way")
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two polls")
    given = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's server, which tells of each request
    random.seed(7)
    print("| seconds from put to queryable | objects | median | p90 | p99 | max |")
    print("|---|---|---|---|---|---|", flush=True)
    for how, measure in (
        (f"polling every {given.interval:g} s", lambda folder: polled(folder, given.objects, given.interval)),
        ("events", lambda folder: told(folder, given.objects)),
    ):
        with tempfile.TemporaryDirectory() as name:
            print(line(how, measure(Path(name))), flush=True)


if __name__ == "__main__":
    main()
