"""A queue as bad as they come, and a process killed between commit and deletion: the table equals the bucket."""

from __future__ import annotations

import random
import signal
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from moto.s3.models import s3_backends
from moto.sqs.models import SQSBackend, sqs_backends

from etl_daemon.config import settings_from
from tests.support.command import COMMAND, Shell
from tests.support.corridor import ndjson
from tests.support.event_daemon import FOLDER, Heard, Place, attending, place
from tests.support.faultproxy import Fault, fault_proxy
from tests.support.messages import put, through_eventbridge, through_sns
from tests.support.rows import price
from tests.support.s3_servers import moto_server, s3_client
from tests.support.sqs import arn, held, notify, sqs_client

PATIENCE_SECONDS = 60.0
ACCOUNT = "123456789012"
FORMS = (put, lambda key, bucket: through_sns(put(key, bucket)), through_eventbridge)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def site(moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto_url)
    # For the age of each message that moto gives, it counts all that there are: thousands would take it minutes.
    monkeypatch.setattr(SQSBackend, "is_message_valid_based_on_retention_period", lambda *_: True)
    return place(moto_url, tmp_path)


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"Waited in vain until {what}."
        time.sleep(0.02)


def filled(site: Place, objects: int) -> dict[str, int]:
    """Objects in the bucket, none of them told of by the server; how many rows each has."""
    backend = s3_backends[ACCOUNT]["aws"]  # in process: through HTTP that many would take minutes
    rows = {f"{FOLDER}/{number:05} +ü.json": 1 + number % 3 for number in range(objects)}
    stamp = count()
    for key, each in rows.items():
        lines = [price(timestamp=1_700_000_000 + next(stamp)) for _ in range(each)]
        backend.put_object(site.bucket, key, ndjson(lines))
    return rows


def told(site: Place, keys: list[str], events: int, chance: random.Random) -> None:
    """Of the events a fifth come again, one in twenty is for an object that is gone, one in a hundred is garbage."""
    gone = [f"{FOLDER}/gone{number}.json" for number in range(events // 20)]
    bodies = [chance.choice(FORMS)(key, site.bucket) for key in (*keys, *gone)]
    bodies += chance.sample(bodies, events // 5)
    bodies += [f"garbage {number}" for number in range(events // 100)]
    assert len(bodies) == events
    chance.shuffle(bodies)
    backend = sqs_backends[ACCOUNT]["us-east-1"]
    for body in bodies:
        backend.send_message(site.queue.rpartition("/")[2], body)


@pytest.mark.parametrize("events", [200, pytest.param(5_000, marks=[pytest.mark.chaos, pytest.mark.timeout(1800)])])
def test_whatever_the_queue_says_the_table_equals_the_bucket(site, events):
    heard = Heard()
    keys = events - events // 5 - events // 20 - events // 100
    with attending(settings_from(site.settings()), heard):
        rows = filled(site, keys)
        began = time.monotonic()
        told(site, list(rows), events, random.Random(20_260_105))
        heard.until(lambda: len(heard.committed) == len(rows))
        heard.until(lambda: heard.moved["deleted"] + heard.moved["dead_lettered"] >= events)
        print(f"{events} events in {time.monotonic() - began:.1f} s")
    assert held(site.url, site.queue) == 0
    assert dict(site.ask("SELECT _OBJECT_KEY, COUNT(*) FROM MARKET_DATA.PRICE_DATA GROUP BY ALL")) == rows
    ledger = site.ask("SELECT KEY, OUTCOME FROM ETL_CONTROL.ETL_OBJECTS")
    assert Counter(ledger) == Counter((key, "loaded") for key in rows)
    assert held(site.url, site.dead) == heard.moved["dead_lettered"] == events // 100


def test_an_object_is_in_the_table_soon_after_it_was_put(site, record_property):
    """Through the bucket's own notifications, on the embedded destination; 2 s is what is promised."""
    heard, client = Heard(), s3_client(site.url)
    notify(client, site.bucket, arn(site.url, site.queue))
    seconds = []
    with attending(settings_from(site.settings()), heard):
        for number in range(15):
            key = f"{FOLDER}/{number}.json"
            began = time.monotonic()
            client.put_object(Bucket=site.bucket, Key=key, Body=ndjson([price(timestamp=1_700_000_000 + number)]))
            heard.until(lambda key=key: key in heard.committed)
            assert site.ask(f"SELECT COUNT(*) FROM MARKET_DATA.PRICE_DATA WHERE _OBJECT_KEY = '{key}'") == [(1,)]
            seconds.append(time.monotonic() - began)
    median = statistics.median(seconds)
    print(f"put to queryable: median {median:.3f} s, most {max(seconds):.3f} s")
    record_property("freshness", f"{median:.3f} s")
    assert median < 2.0


@contextmanager
def running(site: Place, **more: object) -> Iterator[subprocess.Popen[str]]:
    shell = Shell(site.folder, {**site.settings(), "AWS_ENDPOINT_URL_S3": site.url, **more})
    with (site.folder / "log").open("a") as log:
        command = [str(COMMAND), "run"]
        process = subprocess.Popen(command, cwd=site.folder, env=shell.environment(), stderr=log, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE_SECONDS)


def test_killed_between_commit_and_deletion_nothing_is_loaded_twice(site):
    key = f"{FOLDER}/a.json"
    quick = {"ETL_EVENTS_VISIBILITY_SECONDS": 3, "ETL_LEASE_URL": "none"}
    with fault_proxy(site.url) as proxy:
        through = replace(site, queue=site.queue.replace(site.url, proxy.url))
        proxy.faults = [Fault("DeleteMessageBatch", times=9_999, status=503)]
        with running(through, **quick) as process:
            until(lambda: any("ReceiveMessage" in each for each in list(proxy.requests)), "it attends to the queue")
            s3_client(site.url).put_object(Bucket=site.bucket, Key=key, Body=ndjson([price()]))
            sqs_client(site.url).send_message(QueueUrl=site.queue, MessageBody=put(key, site.bucket))
            until(lambda: any("DeleteMessage" in each for each in list(proxy.requests)), "it is committed")
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE_SECONDS)
    assert site.ask("SELECT COUNT(*) FROM MARKET_DATA.PRICE_DATA") == [(1,)]
    assert held(site.url, site.queue) == 1
    with running(site, **quick):
        until(lambda: held(site.url, site.queue) == 0, "the message is deleted")
    assert site.ask("SELECT COUNT(*) FROM MARKET_DATA.PRICE_DATA") == [(1,)]
    assert site.ask("SELECT KEY, OUTCOME FROM ETL_CONTROL.ETL_OBJECTS") == [(key, "loaded")]
    assert '"messages_moved"' in (site.folder / "log").read_text()
