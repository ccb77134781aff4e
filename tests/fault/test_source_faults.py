"""What the S3 source makes of a network and a store that fail."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.parts import Large
from etl_daemon.adapters.s3.source import S3Source
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.errors import DataError, ObjectChangedError, SetupError, TransientError
from tests.support.faultproxy import Fault, FaultProxy, fault_proxy
from tests.support.s3_servers import moto_server, s3_client

BUCKET = "faults"
SMALL = {"plain.csv": os.urandom(300_000), "rewritten//by//paths.csv": os.urandom(300_000)}
IN_PARTS = {"large": os.urandom(2**21 - 1), "rewritten//large": os.urandom(2**21 - 1)}
KEYS = SMALL | IN_PARTS
PART = 2**19
LARGE = Large(from_bytes=2**20, part_bytes=PART)
PARTS = {f"bytes={begin}-{min(begin + PART, 2**21 - 1) - 1}" for begin in range(0, 2**21, PART)}
QUICK = RetryPolicy(attempts=3, delay_seconds=0.01, max_delay_seconds=0.02, timeout_seconds=20)
GET = r"^GET /faults/(?!\?)\S"
LIST = r"^GET /faults/?\?list"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        client = s3_client(url)
        client.create_bucket(Bucket=BUCKET)
        for key, body in KEYS.items():
            client.put_object(Bucket=BUCKET, Key=key, Body=body)
        client.put_object(Bucket=BUCKET, Key="archived", Body=b"x", StorageClass="GLACIER")
        yield url


@pytest.fixture
def proxy(moto_url: str) -> Iterator[FaultProxy]:
    with fault_proxy(moto_url) as running:
        yield running


@pytest.fixture
def heard() -> list[tuple[int, Exception]]:
    return []


@pytest.fixture
def source(proxy: FaultProxy, heard: list[tuple[int, Exception]]) -> Iterator[S3Source]:
    retries = Retries(QUICK, on_retry=lambda attempt, error: heard.append((attempt, error)))
    made = S3Source(retries, Endpoint(url=proxy.url), LARGE)
    yield made
    made.close()


def listed(source: S3Source, key: str) -> ObjectRef:
    return next(ref for ref in source.list(BUCKET, "") if ref.key == key)


@pytest.mark.parametrize("key", KEYS)
def test_a_peek_takes_one_byte(source: S3Source, proxy: FaultProxy, key: str) -> None:
    ref = listed(source, key)
    proxy.requests.clear()
    source.peek(ref)
    assert [line.rpartition(" ")[2] for line in proxy.requests] == ["bytes=0-0"]


@pytest.mark.parametrize("key", SMALL)
def test_a_body_cut_twice_is_read_again_until_it_is_whole(
    source: S3Source, proxy: FaultProxy, heard: list[tuple[int, Exception]], key: str
) -> None:
    ref = listed(source, key)
    proxy.faults = [Fault(GET, times=2, cut_after=100_000)]
    assert source.fetch(ref) == KEYS[key]
    assert [attempt for attempt, _ in heard] == [1, 2]
    assert all(isinstance(error, TransientError) for _, error in heard)


@pytest.mark.parametrize("key", KEYS)
def test_a_body_that_is_always_cut_is_given_up_as_often_as_the_policy_says(
    source: S3Source, proxy: FaultProxy, key: str
) -> None:
    ref = listed(source, key)
    proxy.requests.clear()
    proxy.faults = [Fault(GET, times=99, cut_after=100_000)]
    with pytest.raises(TransientError) as caught:
        source.fetch(ref)
    assert not isinstance(caught.value, ObjectChangedError)
    parts = Counter(line.partition(" bytes=")[2] for line in proxy.requests)
    assert max(parts.values()) == QUICK.attempts
    assert len(parts) <= (4 if key in IN_PARTS else 1)


@pytest.mark.parametrize("key", KEYS)
def test_a_short_body_that_looks_whole_is_never_handed_out(source: S3Source, proxy: FaultProxy, key: str) -> None:
    ref = listed(source, key)
    proxy.faults = [Fault(GET, times=2, short_by=10)]
    assert source.fetch(ref) == KEYS[key]
    proxy.faults = [Fault(GET, times=99, short_by=10)]
    with pytest.raises(TransientError, match=r"299990 of 300000|(524278 of 524288|524277 of 524287) bytes from \d"):
        source.fetch(ref)


@pytest.mark.parametrize("key", IN_PARTS)
@pytest.mark.parametrize("fault", [{"cut_after": 100_000}, {"short_by": 9}, {"short_by": -9}, {"status": 503}])
def test_a_part_that_fails_is_asked_for_again_and_the_others_are_not(
    source: S3Source,
    proxy: FaultProxy,
    heard: list[tuple[int, Exception]],
    key: str,
    fault: dict[str, Any],
) -> None:
    ref = listed(source, key)
    proxy.requests.clear()
    proxy.faults = [Fault(GET + f".* bytes={PART}-", times=2, **fault)]
    view = source.fetch(ref)
    assert view == KEYS[key]
    assert view.readonly
    asked = Counter(line.split()[-1] for line in proxy.requests)
    assert asked == Counter({part: 3 if part.startswith(f"bytes={PART}-") else 1 for part in PARTS})
    assert [attempt for attempt, _ in heard] == [1, 2]


@pytest.mark.parametrize("careless", [(), ("if-",)])
@pytest.mark.parametrize("key", IN_PARTS)
def test_parts_of_two_versions_are_never_handed_out_as_one(
    moto_url: str, proxy: FaultProxy, key: str, careless: tuple[str, ...]
) -> None:
    client, other = s3_client(moto_url), f"overwritten-{key}"
    client.put_object(Bucket=BUCKET, Key=other, Body=KEYS[key])

    def overwrite(*_: object) -> None:
        client.put_object(Bucket=BUCKET, Key=other, Body=KEYS[key][::-1])

    large = replace(LARGE, part_bytes=PART // 16, at_once=1)
    source = S3Source(Retries(QUICK, on_retry=overwrite), Endpoint(url=proxy.url), large)
    ref = listed(source, other)
    proxy.faults = [Fault(GET + f".* bytes={PART // 8}-", status=503), Fault(GET, times=99, careless=careless)]
    with pytest.raises(ObjectChangedError):
        source.fetch(ref)
    assert len(proxy.requests) < 64, "the parts behind are not asked for any more"


@pytest.mark.parametrize("careless", [("range",), ("range", "if-"), ("etag",), ("content-range",)])
@pytest.mark.parametrize("key", IN_PARTS)
def test_where_a_store_gives_no_parts_or_does_not_say_of_which_version_the_whole_is_read_at_once(
    source: S3Source, proxy: FaultProxy, key: str, careless: tuple[str, ...]
) -> None:
    ref = listed(source, key)
    proxy.faults = [Fault(GET, times=99, careless=careless)]
    assert source.fetch(ref) == KEYS[key]
    assert "bytes=" not in proxy.requests[-1]
    assert source.part(ref, 3, 2_000) == KEYS[key][3:2_000]


@pytest.mark.parametrize("key", KEYS)
def test_a_store_that_takes_no_notice_of_conditions_gives_no_other_version(
    source: S3Source, proxy: FaultProxy, key: str
) -> None:
    ref = listed(source, key)
    proxy.faults = [Fault(GET, times=99, careless=("if-",))]
    assert source.fetch(ref) == KEYS[key]
    with pytest.raises(ObjectChangedError):
        source.fetch(replace(ref, etag="0" * 32))


def test_a_part_behind_the_end_of_what_the_object_is_by_now_is_a_change(source: S3Source, proxy: FaultProxy) -> None:
    ref = listed(source, "plain.csv")
    proxy.faults = [Fault(GET, times=99, careless=("if-",))]
    with pytest.raises(ObjectChangedError):
        source.fetch(replace(ref, size=2**21, etag="0" * 32))


@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (504, ""), (429, ""), (400, "RequestTimeout")]
)
def test_a_storm_of_refusals_is_sat_out(source: S3Source, proxy: FaultProxy, status: int, code: str) -> None:
    proxy.faults = [Fault(LIST, times=2, status=status, code=code)]
    ref = listed(source, "plain.csv")
    proxy.faults = [Fault(GET, times=2, status=status, code=code)]
    assert source.fetch(ref) == KEYS["plain.csv"]
    assert source.list_requests == 3


def test_a_store_that_stays_busy_is_a_passing_matter(source: S3Source, proxy: FaultProxy) -> None:
    proxy.faults = [Fault(LIST, times=99, status=503)]
    with pytest.raises(TransientError, match="503 SlowDown"):
        list(source.list(BUCKET, ""))
    assert len(proxy.requests) == QUICK.attempts


@pytest.mark.parametrize(
    ("code", "status", "hint"),
    [
        ("AccessDenied", 403, "s3:GetObject"),
        ("ExpiredToken", 400, "Renew"),
        ("PermanentRedirect", 301, "S3_REGION"),
        ("RequestTimeTooSkewed", 403, "clock"),
        ("NeverHeardOf", 403, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_what_only_the_operator_can_change_is_not_tried_again(
    source: S3Source, proxy: FaultProxy, code: str, status: int, hint: str
) -> None:
    ref = listed(source, "plain.csv")
    proxy.requests.clear()
    proxy.faults = [Fault(GET, times=99, status=status, code=code)]
    with pytest.raises(SetupError, match=hint):
        source.fetch(ref)
    assert len(proxy.requests) == 1
    proxy.faults = [Fault(LIST, times=99, status=status, code=code)]
    with pytest.raises(SetupError, match=hint):
        list(source.list(BUCKET, ""))


def test_an_archived_object_is_refused_with_its_reason(source: S3Source) -> None:
    with pytest.raises(DataError, match="restore the object") as caught:
        source.fetch(listed(source, "archived"))
    assert caught.value.reason == "archived"


@pytest.mark.parametrize("key", KEYS)
def test_an_overwritten_object_is_not_asked_for_again(source: S3Source, proxy: FaultProxy, key: str) -> None:
    ref = listed(source, key)
    proxy.requests.clear()
    with pytest.raises(ObjectChangedError):
        source.fetch(ObjectRef(ref.modified, ref.key, "old", BUCKET, "0" * 32, ref.size))
    assert len(proxy.requests) == len(set(proxy.requests))


@pytest.mark.parametrize("size", [1, 2**21])
def test_a_deleted_object_is_not_asked_for_again(source: S3Source, proxy: FaultProxy, size: int) -> None:
    with pytest.raises(ObjectChangedError):
        source.fetch(ObjectRef(datetime.now(UTC), "gone", "old", BUCKET, "0" * 32, size))
    assert len(proxy.requests) == len(set(proxy.requests))


def test_a_full_disk_is_a_passing_matter(proxy: FaultProxy, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    source = S3Source(Retries(QUICK), Endpoint(url=proxy.url), Large(missing, 2**20))
    with pytest.raises(TransientError, match=f"Free space in {missing}"):
        source.fetch(listed(source, "large"))


def test_a_refused_connection_is_transient_within_bounded_time() -> None:
    source = S3Source(Retries(QUICK), Endpoint(url="http://127.0.0.1:1"))
    began = time.monotonic()
    with pytest.raises(TransientError, match="AWS_ENDPOINT_URL"):
        source.fetch(ObjectRef(datetime.now(UTC), "a", "v", BUCKET, "0", 1))
    with pytest.raises(TransientError):
        list(source.list(BUCKET, ""))
    assert time.monotonic() - began < 5


def test_a_store_that_never_answers_is_given_up(proxy: FaultProxy) -> None:
    source = S3Source(Retries(RetryPolicy(attempts=1, timeout_seconds=0.2)), Endpoint(url=proxy.url))
    proxy.faults = [Fault(times=99, silent=True)]
    began = time.monotonic()
    with pytest.raises(TransientError):
        source.fetch(ObjectRef(datetime.now(UTC), "a", "v", BUCKET, "0", 1))
    with pytest.raises(TransientError):
        list(source.list(BUCKET, ""))
    assert time.monotonic() - began < 10


def test_a_stop_ends_the_wait(proxy: FaultProxy) -> None:
    stop = threading.Event()
    patient = RetryPolicy(attempts=100, delay_seconds=60, timeout_seconds=20)
    source = S3Source(Retries(patient, stop, lambda _attempt, _error: stop.set()), Endpoint(url=proxy.url))
    proxy.faults = [Fault(times=99, status=503)]
    began = time.monotonic()
    with pytest.raises(TransientError):
        list(source.list(BUCKET, ""))
    assert time.monotonic() - began < 5


def test_without_a_region_both_clients_still_work(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    source = S3Source(Retries(QUICK), Endpoint(url=proxy.url))
    assert source.fetch(listed(source, "plain.csv")) == KEYS["plain.csv"]
    assert source._clients.store(BUCKET).config["region"] == "us-east-1"


def test_without_credentials_the_operator_is_told(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    source = S3Source(Retries(QUICK), Endpoint(url=proxy.url))
    with pytest.raises(SetupError, match="AWS_ACCESS_KEY_ID"):
        list(source.list(BUCKET, ""))
    with pytest.raises(SetupError, match="AWS_ACCESS_KEY_ID"):
        source.fetch(ObjectRef(datetime.now(UTC), "a", "v", BUCKET, "0", 1))
