"""What every source must do, whatever lies behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest

from etl_daemon.adapters.local.source import LocalSource
from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.parts import Large
from etl_daemon.adapters.s3.source import S3Source
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.errors import ObjectChangedError, SetupError
from etl_daemon.ports import Source
from tests.support.s3_servers import CEPH_INSTALL, ceph_gateway, s3_client

SPOOL_FROM_BYTES = 4 * 2**20
LARGE = Large(from_bytes=SPOOL_FROM_BYTES, part_bytes=2**20 + 1)
ODD_KEYS = [
    "a b",
    "a%20b",
    "a+b",
    "a;b",
    "a'b\"c",
    "a#b?c=1",
    "é/ü",
    "日本/データ",
    "a=1/b=2",
    "a[1]{2}~^`|\\",
    "a\x01b",
]
REWRITTEN_KEYS = ["/lead", "a//b", "x/../y", "x/./y", "tail/"]


class Store(Protocol):
    """A source, and the means to arrange what it sees."""

    source: Source
    bucket: str

    def put(self, key: str, body: bytes) -> None: ...

    def delete(self, key: str) -> None: ...

    def put_folder(self, key: str) -> None: ...


class MemoryStore:
    def __init__(self) -> None:
        self.source = MemorySource()
        self.bucket = "market-data"

    def put(self, key: str, body: bytes) -> None:
        self.source.put(key, body, bucket=self.bucket)

    def delete(self, key: str) -> None:
        self.source.delete(key, self.bucket)

    def put_folder(self, key: str) -> None:
        self.put(key, b"")


class FolderStore:
    def __init__(self, root: Path) -> None:
        self.source = LocalSource(root, spool_from_bytes=SPOOL_FROM_BYTES)
        self.bucket = "market-data"
        self._root = root
        self._writes = 0

    def put(self, key: str, body: bytes) -> None:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        self._writes += 1  # two writes within one tick of the file system's clock would look alike
        os.utime(path, ns=(0, path.stat().st_mtime_ns + self._writes))

    def delete(self, key: str) -> None:
        (self._root / key).unlink()

    def put_folder(self, key: str) -> None:
        (self._root / key).mkdir(parents=True)


class S3Store:
    def __init__(self, url: str) -> None:
        policy = RetryPolicy(attempts=2, delay_seconds=0.01, timeout_seconds=20)
        self.source = S3Source(Retries(policy), Endpoint(url=url), LARGE)
        self.bucket = f"b-{uuid4().hex}"
        self._client = s3_client(url)
        self._client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=key)

    def put_folder(self, key: str) -> None:
        self.put(key, b"")


S3_STORES = ["moto", pytest.param("ceph", marks=pytest.mark.xdist_group("rgw"))]


@pytest.fixture(params=["memory", "folder", *S3_STORES])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = _store(request, tmp_path)
    yield made
    made.source.close()


@pytest.fixture(params=S3_STORES)
def s3_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = _store(request, tmp_path)
    yield made
    made.source.close()


def _store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "folder":
        return FolderStore(tmp_path)
    return S3Store(request.getfixturevalue(f"{request.param}_url"))


def keys(store: Store, prefix: str = "", start_after: str = "") -> list[str]:
    return [ref.key for ref in store.source.list(store.bucket, prefix, start_after)]


def only(store: Store) -> ObjectRef:
    (ref,) = store.source.list(store.bucket, "")
    return ref


def test_every_page_of_a_long_listing_is_seen_in_key_order(store: Store) -> None:
    wanted = [f"p/{number:05d}" for number in range(1_050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b"x"), reversed(wanted)))
    assert keys(store, "p/") == wanted
    assert keys(store, "p/", "p/00010") == wanted[11:]


def test_keys_come_in_the_order_of_their_characters_folders_included(store: Store) -> None:
    wanted = ["a-b", "a.csv", "a/b", "a/c/d", "a0", "é"]
    for key in reversed(wanted):
        store.put(key, b"x")
    assert keys(store) == wanted
    assert keys(store, "", "a/b") == ["a/c/d", "a0", "é"]
    assert keys(store, "", "a/c") == ["a/c/d", "a0", "é"]


def test_a_prefix_is_the_beginning_of_a_key_not_a_folder(store: Store) -> None:
    for key in ["p/price/1", "p/price_old/1", "p/pri", "q/price/1"]:
        store.put(key, b"x")
    assert keys(store, "p/price") == ["p/price/1", "p/price_old/1"]
    assert keys(store, "p/price/") == ["p/price/1"]
    assert keys(store, "nothing/") == []


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_listed_and_fetched(store: Store, key: str) -> None:
    store.put(key, key.encode())
    ref = only(store)
    assert (ref.key, bytes(store.source.fetch(ref))) == (key, key.encode())


@pytest.mark.parametrize("key", REWRITTEN_KEYS)
def test_keys_that_a_path_would_rewrite_are_fetched_as_they_are(s3_store: Store, key: str) -> None:
    s3_store.put(key, key.encode())
    ref = only(s3_store)
    assert (ref.key, bytes(s3_store.source.fetch(ref))) == (key, key.encode())
    s3_store.put(key, b"other")
    with pytest.raises(ObjectChangedError):
        s3_store.source.fetch(ref)


def test_directory_markers_are_left_out(store: Store) -> None:
    store.put_folder("a/")
    store.put("a/b", b"x")
    assert keys(store) == ["a/b"]


def test_an_empty_object_is_listed_and_empty(store: Store) -> None:
    store.put("empty", b"")
    ref = only(store)
    assert ref.size == 0
    assert bytes(store.source.fetch(ref)) == b""


def test_a_large_body_comes_whole_and_cannot_be_written_to(store: Store) -> None:
    body = os.urandom(5 * 2**20)
    store.put("large", body)
    view = store.source.fetch(only(store))
    assert view == body
    assert view.readonly


@pytest.mark.parametrize("key", ["one", "other one"])
def test_parts_of_a_body_are_those_of_the_listed_version(store: Store, key: str) -> None:
    body = os.urandom(5 * 2**20 + 1)
    store.put(key, body)
    ref = only(store)
    for begin, end in [(0, 1), (2, 2), (7, len(body)), (2**20, 2**20 + SPOOL_FROM_BYTES), (len(body) - 1, len(body))]:
        assert store.source.part(ref, begin, end) == body[begin:end]
    store.put(key, body[::-1])
    with pytest.raises(ObjectChangedError):
        store.source.part(ref, 7, 9)
    store.delete(key)
    with pytest.raises(ObjectChangedError):
        store.source.part(ref, 0, SPOOL_FROM_BYTES)


@pytest.mark.parametrize("key", ["large", "large//one"])
def test_a_large_body_that_is_another_version_by_now_is_not_handed_out(s3_store: Store, key: str) -> None:
    s3_store.put(key, b"x" * SPOOL_FROM_BYTES)
    ref = only(s3_store)
    assert s3_store.source.fetch(ref) == b"x" * SPOOL_FROM_BYTES
    s3_store.put(key, b"y" * SPOOL_FROM_BYTES)
    with pytest.raises(ObjectChangedError):
        s3_store.source.fetch(ref)
    s3_store.delete(key)
    with pytest.raises(ObjectChangedError):
        s3_store.source.fetch(ref)


def test_a_listed_object_says_what_it_is(store: Store) -> None:
    store.put("a", b"12345")
    ref = only(store)
    assert (ref.bucket, ref.size) == (store.bucket, 5)
    assert ref.modified.tzinfo is UTC
    assert abs(datetime.now(UTC) - ref.modified) < timedelta(minutes=5)


def test_an_unchanged_object_keeps_its_version_and_an_overwritten_one_gets_another(store: Store) -> None:
    store.put("a", b"first")
    before = only(store)
    assert only(store) == before
    store.put("a", b"again")
    assert only(store).version != before.version


def test_an_overwritten_object_is_not_handed_out_for_the_listed_one(store: Store) -> None:
    store.put("a", b"first")
    ref = only(store)
    store.put("a", b"again")
    with pytest.raises(ObjectChangedError):
        store.source.fetch(ref)
    assert bytes(store.source.fetch(only(store))) == b"again"


def test_a_deleted_object_is_gone(store: Store) -> None:
    store.put("a", b"first")
    ref = only(store)
    store.delete("a")
    with pytest.raises(ObjectChangedError):
        store.source.fetch(ref)


@pytest.mark.parametrize("body", [b"", b"x" * 5_000_000])
def test_what_can_be_read_can_be_peeked_at(store: Store, body: bytes) -> None:
    store.put("a", body)
    store.source.peek(only(store))


def test_what_is_gone_cannot_be_peeked_at(store: Store) -> None:
    store.put("a", b"first")
    ref = only(store)
    store.delete("a")
    with pytest.raises(ObjectChangedError):
        store.source.peek(ref)


def test_a_missing_bucket_is_a_matter_of_setup(s3_store: Store) -> None:
    with pytest.raises(SetupError, match=r"NoSuchBucket.*Create the bucket"):
        list(s3_store.source.list("no-such-bucket", ""))
    gone = ObjectRef(datetime.now(UTC), "a", "v", "no-such-bucket", "0", 1)
    with pytest.raises(SetupError, match="Create the bucket"):
        s3_store.source.fetch(gone)


@pytest.mark.xdist_group("rgw")
def test_a_wrong_secret_is_a_matter_of_setup(ceph_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = S3Store(ceph_url)
    store.put("a", b"x")
    ref = only(store)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    source = S3Source(Retries(RetryPolicy(attempts=2, delay_seconds=0.01)), Endpoint(url=ceph_url))
    with pytest.raises(SetupError, match="AWS_SECRET_ACCESS_KEY"):
        list(source.list(store.bucket, ""))
    with pytest.raises(SetupError, match="AWS_SECRET_ACCESS_KEY"):
        source.fetch(ref)


def test_where_ceph_is_missing_a_skip_names_it_and_a_strict_run_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ETL_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match=CEPH_INSTALL), ceph_gateway(tmp_path):
        pass
    monkeypatch.setenv("ETL_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match=CEPH_INSTALL), ceph_gateway(tmp_path):
        pass
