"""Many small objects over HTTP, from nginx and from moto, against the same code with boto3 GETs in one thread.

Once with processes that run already, as a daemon does, and once from start to exit.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.data import write_prices
from benchmarks.processes import Cycle, Worker, staying
from benchmarks.race import Bound, Contender, Given, Heat, Took
from benchmarks.static_store import StaticStore, static_store
from tests.support.s3_servers import moto_server, s3_client

OBJECT_ROWS = 100
BUCKET = "bench"
PREFIX = "processed/price_data"
BOTO3 = "boto3 in one thread"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


def heats(given: Given) -> Iterator[Heat]:
    """Both stores hold the same objects."""
    objects = given.size(2_000 * OBJECT_ROWS, 300 * OBJECT_ROWS) // OBJECT_ROWS
    with ExitStack() as stack:
        store = stack.enter_context(static_store(given.folder / "nginx", BUCKET))
        yield _running(given, store, objects, stack)
        write_objects(store.path(PREFIX), objects)
        store.list_anew()
        yield _heat(given, "nginx", store.url, objects)
        os.environ.update(KEYS)  # which our own client reads
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of every request
        moto = stack.enter_context(moto_server())
        client = s3_client(moto)
        client.create_bucket(Bucket=BUCKET)
        for path in store.path(PREFIX).iterdir():
            client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path.name}", Body=path.read_bytes())
        yield _heat(given, "moto", moto, objects)


def write_objects(folder: Path, objects: int, *, dirty: bool = True, seed: float = 0.42) -> None:
    """So many files of ``OBJECT_ROWS`` lines of JSON, cut from one; none else are in the folder then."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    whole = folder.with_name("all.json")
    write_prices(whole, objects * OBJECT_ROWS, seed, dirty=dirty)
    with whole.open("rb") as lines:
        for number in range(objects):
            (folder / f"{number:06}.json").write_bytes(b"".join(next(lines) for _ in range(OBJECT_ROWS)))
    whole.unlink()


def s3_settings(endpoint: str) -> dict[str, str]:
    """What a cycle is told of a store; nobody else works on it, so it needs no lease there."""
    return {"ETL_SOURCE": "s3", "S3_BUCKET": BUCKET, "AWS_ENDPOINT_URL": endpoint, "ETL_LEASE_URL": "none", **KEYS}


@dataclass(slots=True)
class Running:
    """A daemon that is up, for which new objects take the place of those before; the same ones for each daemon."""

    cycle: Cycle
    store: StaticStore
    objects: int
    worker: Worker
    numbers: count[int] = field(default_factory=count)

    def contender(self) -> Contender:
        """A cycle over new objects."""
        return Contender(self.cycle.name, self.cycle.rows, self.work, self.arrive)

    def arrive(self) -> None:
        number = next(self.numbers)
        shutil.rmtree(self.store.path(PREFIX), ignore_errors=True)
        write_objects(self.store.path(f"{PREFIX}/{number:04}"), self.objects, seed=0.1 + number / 100)
        self.store.list_anew()

    def work(self) -> Took:
        wall, cpu, loaded = self.worker.ask()
        assert loaded == self.objects, loaded
        return Took(wall, cpu)


def _running(given: Given, store: StaticStore, objects: int, stack: ExitStack) -> Heat:
    cycles = _cycles(given, "running", store.url, objects)
    contenders = []
    for cycle, words in zip(cycles, ([], ["boto3"]), strict=True):
        command = [sys.executable, "-m", "benchmarks.cycles", *words]
        worker = stack.enter_context(staying(command, cycle.environment()))
        contenders.append(Running(cycle, store, objects, worker).contender())
    return _raced(f"{objects:,} objects of {OBJECT_ROWS} rows, nginx, running", tuple(contenders), cycles)


def _heat(given: Given, store: str, endpoint: str, objects: int) -> Heat:
    cycles = _cycles(given, store, endpoint, objects)
    contenders = tuple(cycle.contender() for cycle in cycles)
    return _raced(f"{objects:,} objects of {OBJECT_ROWS} rows, {store}", contenders, cycles)


def _cycles(given: Given, what: str, endpoint: str, objects: int) -> tuple[Cycle, Cycle]:
    rows, settings = objects * OBJECT_ROWS, s3_settings(endpoint)
    plain = {**settings, "MAX_CONCURRENT_JOBS": "1"}
    folder = given.folder / f"cycles-{what}"
    folder.mkdir()
    return (
        Cycle(folder / "ours", rows, given.threads, settings),
        Cycle(folder / "boto3", rows, given.threads, plain, BOTO3, "benchmarks.boto3_once"),
    )


def _raced(work: str, contenders: tuple[Contender, ...], cycles: tuple[Cycle, Cycle]) -> Heat:
    def check() -> None:
        ours, boto3 = (cycle.counts() for cycle in cycles)
        assert ours == boto3, (ours, boto3)

    return Heat(work, contenders, (Bound(BOTO3, 5.0),), check)
