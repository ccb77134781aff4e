"""What every store must do with the objects that it is given, seen through the source of the same place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from etl_daemon.adapters.local.source import LocalSource
from etl_daemon.adapters.local.store import LocalStore
from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.adapters.memory.store import MemoryStore
from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.source import S3Source
from etl_daemon.adapters.s3.store import PART_BYTES, S3Store
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.errors import SetupError, TransientError
from etl_daemon.ports import Source, Store
from tests.support.faultproxy import Fault, fault_proxy
from tests.support.s3_servers import s3_client

RETRIES = Retries(RetryPolicy(attempts=2, delay_seconds=0.01, timeout_seconds=20))
S3_STORES = ["moto", pytest.param("ceph", marks=pytest.mark.xdist_group("rgw"))]


@dataclass(frozen=True)
class Place:
    """A store, and what a reader sees of it."""

    store: Store
    source: Source
    bucket: str
    folder: Path

    def file(self, content: bytes) -> Path:
        path = self.folder / uuid4().hex
        path.write_bytes(content)
        return path

    def contents(self) -> dict[str, bytes]:
        return {ref.key: bytes(self.source.fetch(ref)) for ref in self.source.list(self.bucket, "")}


@pytest.fixture(params=["memory", "folder", *S3_STORES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    files = tmp_path / "files"
    files.mkdir()
    if request.param == "memory":
        source = MemorySource()
        made = Place(MemoryStore(source), source, "", files)
    elif request.param == "folder":
        root = tmp_path / "bucket"
        root.mkdir()
        made = Place(LocalStore(root), LocalSource(root), "", files)
    else:
        url, bucket = request.getfixturevalue(f"{request.param}_url"), f"b-{uuid4().hex}"
        s3_client(url).create_bucket(Bucket=bucket)
        endpoint = Endpoint(url=url)
        made = Place(S3Store(bucket, RETRIES, endpoint), S3Source(RETRIES, endpoint), bucket, files)
    yield made
    made.store.close()
    made.source.close()


@pytest.mark.parametrize("size", [0, 5, PART_BYTES + 1])
def test_a_file_becomes_an_object_whole(place, size):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    heard: list[int] = []
    assert place.store.put("raw/a b+c.json", place.file(content), sent=heard.append)
    assert place.contents() == {"raw/a b+c.json": content}
    assert sum(heard) == size


def test_an_object_is_found_as_a_listing_shows_it(place):
    assert place.store.find("raw/a") is None
    place.store.put("raw/a.json", place.file(b"1"))
    assert place.store.find("raw/a") is None
    (listed,) = place.source.list(place.bucket, "")
    assert place.store.find("raw/a.json") == listed


def test_what_is_there_stays_unless_it_is_to_be_replaced(place):
    assert place.store.put("a", place.file(b"first"))
    before = place.store.find("a")
    assert not place.store.put("a", place.file(b"second"))
    assert (place.contents(), place.store.find("a")) == ({"a": b"first"}, before)
    assert place.store.put("a", place.file(b"third"), replace=True)
    assert place.contents() == {"a": b"third"}
    assert place.store.find("a") != before


def test_a_bucket_that_is_not_there_is_named(request, tmp_path):
    url = request.getfixturevalue("moto_url")
    (tmp_path / "f").write_bytes(b"1")
    with pytest.raises(SetupError, match="no-such-bucket") as caught:
        S3Store("no-such-bucket", RETRIES, Endpoint(url=url)).put("a", tmp_path / "f")
    assert "S3_BUCKET" in caught.value.hint


@pytest.mark.parametrize(
    "fault", [Fault("^PUT ", status=503), Fault("^PUT ", cut_after=0), Fault("^PUT .*partNumber=2", status=500)]
)
def test_an_upload_is_made_again_and_one_that_fails_leaves_nothing(request, tmp_path, fault):
    url, bucket = request.getfixturevalue("moto_url"), f"b-{uuid4().hex}"
    s3_client(url).create_bucket(Bucket=bucket)
    (tmp_path / "f").write_bytes(b"x" * (PART_BYTES + 1 if "part" in fault.match else 9))
    with fault_proxy(url) as proxy:
        store = S3Store(bucket, RETRIES, Endpoint(url=proxy.url))
        proxy.faults = [fault]
        assert store.put("a", tmp_path / "f")
        proxy.faults = [Fault(fault.match, times=99, status=503)]
        with pytest.raises(TransientError, match="503"):
            store.put("b", tmp_path / "f")
    client = s3_client(url)
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["a"]
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "x/../../a", ".hidden", "a/.b/c", "a.tmp", "a/"])
def test_what_can_be_no_key_in_a_folder_is_refused(tmp_path, key):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "f").write_bytes(b"1")
    with pytest.raises(SetupError, match="no key"):
        LocalStore(tmp_path / "bucket").put(key, tmp_path / "f")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["bucket", "f"]


def test_a_link_does_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "bucket/link").symlink_to(tmp_path / "away")
    (tmp_path / "f").write_bytes(b"1")
    with pytest.raises(SetupError, match="no key"):
        LocalStore(tmp_path / "bucket").put("link/a", tmp_path / "f")
    assert not list((tmp_path / "away").iterdir())


def test_a_name_that_is_a_folder_is_said(tmp_path):
    (tmp_path / "bucket/a").mkdir(parents=True)
    (tmp_path / "f").write_bytes(b"1")
    with pytest.raises(SetupError, match="cannot be written"):
        LocalStore(tmp_path / "bucket").put("a", tmp_path / "f", replace=True)
    assert not list((tmp_path / "bucket/a").iterdir())


@pytest.mark.parametrize(
    ("root", "folder", "file"), [(0o755, 0o755, 0o644), (0o750, 0o750, 0o640), (0o777, 0o775, 0o644)]
)
def test_what_is_put_may_be_read_by_whoever_may_read_the_folder(tmp_path, root, folder, file):
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    bucket.chmod(root)
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "f").chmod(0o600)
    before = os.umask(0)
    try:
        assert LocalStore(bucket).put("a/b/c", tmp_path / "f")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((bucket / path).stat().st_mode) for path in ("a", "a/b", "a/b/c")]
    assert modes == [folder, folder, file]
