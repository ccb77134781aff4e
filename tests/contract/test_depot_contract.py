"""What every depot must do with files that wait for their commit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from botocore.exceptions import ConnectionClosedError

from etl_daemon.adapters.local.depot import LocalDepot
from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.depot import S3Depot
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.errors import EtlError, SetupError, TransientError
from etl_daemon.ports import Depot
from tests.support.s3_servers import s3_client

RETRIES = Retries(RetryPolicy(attempts=2, delay_seconds=0.01, timeout_seconds=20))
PREFIX = "_etl_daemon/staging/etl-daemon/"


@dataclass(frozen=True)
class Place:
    """A depot, a folder for files, and the names of all that there is beside it, its own included."""

    depot: Depot
    folder: Path
    names: Callable[[], list[str]]

    def put(self, name: str, content: bytes) -> None:
        file = self.folder / uuid4().hex
        file.write_bytes(content)
        self.depot.put(name, file)


@pytest.fixture(params=["folder", "moto"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    files = tmp_path / "files"
    files.mkdir()
    if request.param == "folder":
        root = tmp_path / "bucket"
        names = lambda: sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())  # noqa: E731
        yield Place(LocalDepot(root / PREFIX), files, names)
        return
    url, bucket = request.getfixturevalue("moto_url"), f"b-{uuid4().hex}"
    client = s3_client(url)
    client.create_bucket(Bucket=bucket)
    depot = S3Depot(bucket, PREFIX, RETRIES, Endpoint(url=url))

    def keys() -> list[str]:
        return sorted(each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", ()))

    yield Place(depot, files, keys)
    depot.close()


def test_what_was_put_is_there_byte_by_byte(place: Place) -> None:
    content = os.urandom(200_000)
    place.put("prices/one/accepted/a.parquet", content)
    place.put("prices/one/accepted/b.parquet", b"")
    assert bytes(place.depot.fetch("prices/one/accepted/a.parquet")) == content
    assert bytes(place.depot.fetch("prices/one/accepted/b.parquet")) == b""
    assert place.names() == [f"{PREFIX}prices/one/accepted/{name}.parquet" for name in "ab"]


def test_a_folder_is_cleared_and_nothing_beside_it(place: Place) -> None:
    for name in ("prices/one/a", "prices/one/deep/b", "prices/one-more/c", "prices/two/d", "prices-2/e"):
        place.put(name, b"x")
    place.depot.clear("prices/one")
    assert place.names() == [f"{PREFIX}{name}" for name in ("prices-2/e", "prices/one-more/c", "prices/two/d")]
    place.depot.clear("prices")
    place.depot.clear("prices")
    assert place.names() == [f"{PREFIX}prices-2/e"]


def test_a_file_that_is_gone_is_not_taken_for_an_empty_one(place: Place) -> None:
    with pytest.raises(EtlError):
        place.depot.fetch("prices/none")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TransientError, match="Not a directory"):
        LocalDepot(tmp_path / "file").put("a/b", tmp_path / "file")


def test_an_object_that_may_not_be_deleted_is_told_once(moto_url: str, tmp_path: Path) -> None:
    """S3 answers 200 to a request that deleted nothing, and says why in its body."""
    client, bucket = s3_client(moto_url), f"b-{uuid4().hex}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    depot = S3Depot(bucket, PREFIX, RETRIES, Endpoint(url=moto_url))
    denied = {"Errors": [{"Key": f"{PREFIX}a/b", "Code": "AccessDenied", "Message": "Access Denied"}]}
    client.put_object(Bucket=bucket, Key=f"{PREFIX}a/b", Body=b"x")
    depot._clients.boto.meta.events.register(
        "after-call.s3.DeleteObjects", lambda parsed, **_: parsed.update(denied) or None
    )
    with pytest.raises(SetupError, match=r"a/b cannot be removed: Access Denied .*s3:DeleteObject"):
        depot.clear("a")
    depot.close()


def test_a_file_is_moved_though_the_answer_to_its_removal_was_lost(
    moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, bucket = s3_client(moto_url), f"b-{uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    depot = S3Depot(bucket, PREFIX, RETRIES, Endpoint(url=moto_url))
    (tmp_path / "a").write_bytes(b"rows")
    depot.put("a", tmp_path / "a")
    remove, lost = depot._clients.boto.delete_object, [ConnectionClosedError(endpoint_url=moto_url)]

    def removed(**given: str) -> object:
        answer = remove(**given)
        if lost:
            raise lost.pop()
        return answer

    monkeypatch.setattr(depot._clients.boto, "delete_object", removed)
    depot.move("a", "b")
    assert bytes(depot.fetch("b")) == b"rows"
    assert [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]] == [f"{PREFIX}b"]
    depot.close()


def test_a_file_that_is_moved_is_there_once_and_whole(place: Place) -> None:
    place.put("_staging/prices/one/a", b"rows")
    assert not place.depot.holds("prices")
    place.depot.move("_staging/prices/one/a", "prices/accepted/a")
    assert place.names() == [f"{PREFIX}prices/accepted/a"]
    assert bytes(place.depot.fetch("prices/accepted/a")) == b"rows"
    assert place.depot.holds("prices")
    assert not place.depot.holds("prices/accepted/a")
    with pytest.raises(EtlError):
        place.depot.move("_staging/prices/one/a", "prices/accepted/b")
