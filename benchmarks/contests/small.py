"""Many small objects over HTTP, from a lean S3 and from moto, against the same code with boto3 GETs in one thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.data import write_prices
from benchmarks.file_store import file_store
from benchmarks.processes import Cycle
from benchmarks.race import Bound, Given, Heat
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
        lean = stack.enter_context(file_store(given.folder / "s3"))
        write_objects(given.folder / "s3" / BUCKET / PREFIX, objects)
        yield _heat(given, "a lean S3", lean, objects)
        os.environ.update(KEYS)  # which our own client reads
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of every request
        moto = stack.enter_context(moto_server())
        client = s3_client(moto)
        client.create_bucket(Bucket=BUCKET)
        for path in (given.folder / "s3" / BUCKET / PREFIX).iterdir():
            client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path.name}", Body=path.read_bytes())
        yield _heat(given, "moto", moto, objects)


def write_objects(folder: Path, objects: int, *, dirty: bool = True) -> None:
    """So many files of ``OBJECT_ROWS`` lines of JSON, cut from one."""
    folder.mkdir(parents=True)
    whole = folder.with_name("all.json")
    write_prices(whole, objects * OBJECT_ROWS, dirty=dirty)
    with whole.open("rb") as lines:
        for number in range(objects):
            (folder / f"{number:06}.json").write_bytes(b"".join(next(lines) for _ in range(OBJECT_ROWS)))
    whole.unlink()


def s3_settings(endpoint: str) -> dict[str, str]:
    """What a cycle is told of a store."""
    return {"ETL_SOURCE": "s3", "S3_BUCKET": BUCKET, "AWS_ENDPOINT_URL": endpoint, **KEYS}


def _heat(given: Given, store: str, endpoint: str, objects: int) -> Heat:
    rows, settings = objects * OBJECT_ROWS, s3_settings(endpoint)
    ours = Cycle(given.folder / "ours", rows, given.threads, settings)
    plain = {**settings, "MAX_CONCURRENT_JOBS": "1"}
    boto3 = Cycle(given.folder / "boto3", rows, given.threads, plain, BOTO3, "benchmarks.boto3_once")

    def check() -> None:
        assert ours.counts() == boto3.counts(), (ours.counts(), boto3.counts())

    contenders = (ours.contender(), boto3.contender())
    return Heat(f"{objects:,} objects of {OBJECT_ROWS} rows, {store}", contenders, (Bound(BOTO3, 5.0),), check)
