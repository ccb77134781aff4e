"""What every place for the lease must do, whatever lies behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from etl_daemon.adapters.local.lease import FileLeaser
from etl_daemon.adapters.memory.lease import MemoryDocument, MemoryLeaser
from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.lease import S3Leaser
from etl_daemon.errors import SetupError, TransientError
from etl_daemon.ports import Leaser
from tests.support.faultproxy import Fault, FaultProxy, fault_proxy
from tests.support.leases import document
from tests.support.s3_servers import s3_client

KEY = "_etl_daemon/lease/etl-daemon.json"
S3_STORES = ["moto", pytest.param("ceph", marks=pytest.mark.xdist_group("rgw"))]
Opener = Callable[[], Leaser]


def s3_leaser(url: str, bucket: str) -> S3Leaser:
    return S3Leaser(bucket, KEY, 20.0, Endpoint(url=url))


def new_bucket(url: str) -> str:
    bucket = f"b-{uuid4().hex}"
    s3_client(url).create_bucket(Bucket=bucket)
    return bucket


def ways(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """What opens the same place again and again, as several processes do."""
    if request.param == "memory":
        shared = MemoryDocument()
        return lambda: MemoryLeaser(shared)
    if request.param == "file":
        return lambda: FileLeaser(tmp_path / "deep" / "down" / "lease.json")
    url = request.getfixturevalue(f"{request.param}_url")
    bucket = new_bucket(url)
    return lambda: s3_leaser(url, bucket)


@pytest.fixture(params=["memory", "file", *S3_STORES])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    opening, made = ways(request, tmp_path), []

    def again() -> Leaser:
        made.append(opening())
        return made[-1]

    yield again
    for leaser in made:
        leaser.close()


def test_there_is_no_document_until_one_is_written(opened: Opener) -> None:
    leaser = opened()
    assert leaser.read() is None
    lease = document("ä", 3)
    assert leaser.write(lease, None)
    assert leaser.read().lease == lease
    assert opened().read() == leaser.read()


def test_a_document_is_made_once(opened: Opener) -> None:
    first, second = opened(), opened()
    lease = document("a")
    assert first.write(lease, None)
    assert not second.write(document("b"), None)
    assert second.read().lease == lease


def test_only_what_was_read_is_replaced(opened: Opener) -> None:
    first, second = opened(), opened()
    first.write(document("a"), None)
    seen = first.read()
    assert first.write(document("a", 2), seen)
    assert not second.write(document("b", 2), seen)
    again = second.read()
    assert again.lease.generation == 2
    assert again.tag != seen.tag
    assert second.write(document("b", 3), again)
    assert first.read().lease.claim.holder == "b"


def test_a_renewal_that_differs_in_nothing_else_has_another_tag(opened: Opener) -> None:
    leaser = opened()
    lease = document("a")
    leaser.write(lease, None)
    seen = leaser.read()
    assert leaser.write(replace(lease, nonce="another"), seen)
    assert leaser.read().tag != seen.tag


@pytest.mark.parametrize("bytes_sent", [0, 40])
@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchKey"), (412, "PreconditionFailed"), (503, "")])
def test_an_answer_that_breaks_off_is_a_passing_matter(
    through: S3Leaser, proxy: FaultProxy, bytes_sent: int, status: int, code: str
) -> None:
    proxy.faults += [Fault(f"^{word} .*json", 1, status, code, cut_after=bytes_sent) for word in ("PUT", "GET")]
    with pytest.raises(TransientError):
        through.write(document("a"), None)
    with pytest.raises(TransientError):
        through.read()


@pytest.mark.parametrize("there", [False, True])
def test_a_probe_changes_nothing(opened: Opener, there: bool) -> None:
    leaser = opened()
    if there:
        leaser.write(document("a"), None)
    seen = leaser.read()
    opened().probe()
    assert leaser.read() == seen
    assert opened().write(document("b", 2), seen)


@pytest.mark.parametrize("there", [False, True])
def test_of_many_writers_at_once_one_wins(opened: Opener, there: bool) -> None:
    if there:
        opened().write(document("before"), None)
    leasers = [opened() for _ in range(6)]
    seen = leasers[0].read()
    barrier = threading.Barrier(len(leasers), timeout=30)

    def attempt(number: int) -> bool | None:
        barrier.wait()
        try:
            return leasers[number].write(document(f"w{number}", 2), seen)
        except TransientError:  # Ceph's gateway answers 500 to some who lose such a race
            return None

    with ThreadPoolExecutor(len(leasers)) as pool:
        answers = list(pool.map(attempt, range(len(leasers))))
    winner = leasers[0].read().lease
    assert winner.generation == 2
    assert answers.count(True) == 1 or None in answers
    assert all(answers[number] is not True or winner.claim.holder == f"w{number}" for number in range(len(leasers)))


# ---------------------------------------------------------------- S3 only


@pytest.fixture
def proxy(moto_url: str) -> Iterator[FaultProxy]:
    with fault_proxy(moto_url) as proxy:
        yield proxy


@pytest.fixture
def through(proxy: FaultProxy) -> Iterator[S3Leaser]:
    leaser = s3_leaser(proxy.url, new_bucket(proxy.url))
    yield leaser
    leaser.close()


def test_a_write_whose_answer_was_lost_shows_when_read(through: S3Leaser, proxy: FaultProxy) -> None:
    lease = document("a")
    proxy.faults.append(Fault("^PUT .*json", lost=True))
    with pytest.raises(TransientError):
        through.write(lease, None)
    assert through.read().lease == lease
    assert not through.write(lease, None)


@pytest.mark.parametrize("status", [409, 503])
def test_a_busy_store_is_a_passing_matter(through: S3Leaser, proxy: FaultProxy, status: int) -> None:
    proxy.faults += [
        Fault("^PUT .*json", status=status, code="ConditionalRequestConflict"),
        Fault("^GET .*json", status=503),
    ]
    with pytest.raises(TransientError):
        through.write(document("a"), None)
    with pytest.raises(TransientError):
        through.read()


@pytest.mark.parametrize("there", [False, True])
def test_a_probe_finds_out_what_writing_would(through: S3Leaser, proxy: FaultProxy, there: bool) -> None:
    if there:
        through.write(document("a"), None)
    seen = through.read()
    proxy.faults.append(Fault("^PUT .*json", status=403, code="AccessDenied"))
    with pytest.raises(SetupError) as denied:
        through.probe()
    assert "s3:PutObject on s3://" in denied.value.hint
    proxy.faults.append(Fault("^PUT .*json", status=503))
    with pytest.raises(TransientError):
        through.probe()
    assert through.read() == seen
    proxy.faults.append(Fault("^PUT .*json", careless=("if-",)))
    with pytest.raises(SetupError, match="takes no notice"):
        through.probe()
    left = through.read().lease
    assert left.released or left == seen.lease, "no harm is done by a store that writes all the same"


def test_a_store_that_takes_no_notice_of_conditions_is_found_out(through: S3Leaser, proxy: FaultProxy) -> None:
    proxy.faults.append(Fault("^PUT .*json", times=9, careless=("if-",)))
    with pytest.raises(SetupError, match="takes no notice") as caught:
        through.write(document("a"), None)
    assert "ETL_LEASE_URL" in caught.value.hint


def test_conditions_are_proven_once(through: S3Leaser, proxy: FaultProxy) -> None:
    through.write(document("a"), None)
    through.write(document("a"), through.read())
    assert len([line for line in proxy.requests if line.startswith("PUT") and line.endswith("json")]) == 3


def test_what_to_grant_is_said(through: S3Leaser, proxy: FaultProxy) -> None:
    proxy.faults.append(Fault("^PUT .*json", status=403, code="AccessDenied"))
    with pytest.raises(SetupError) as caught:
        through.write(document("a"), None)
    assert "s3:PutObject on s3://" in caught.value.hint
    assert "ETL_LEASE_URL" in caught.value.hint


@pytest.mark.xdist_group("rgw")
def test_the_gateway_of_ceph_wants_the_tag_without_quotes(ceph_url: str) -> None:
    """Why a refused If-Match is tried again without them; a later gateway that takes both makes that needless."""
    client, bucket = s3_client(ceph_url), new_bucket(ceph_url)
    tag = client.put_object(Bucket=bucket, Key=KEY, Body=b"1")["ETag"]
    with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=bucket, Key=KEY, Body=b"2", IfMatch=tag)
    client.put_object(Bucket=bucket, Key=KEY, Body=b"3", IfMatch=tag.strip('"'))


# ---------------------------------------------------------------- files only


def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    path.write_text("my thesis")
    with pytest.raises(SetupError, match="no lease document"):
        FileLeaser(path).write(document("a"), None)
    assert path.read_text() == "my thesis"


@pytest.mark.parametrize("attempt", [lambda leaser: leaser.write(document("a"), None), FileLeaser.probe])
def test_a_place_that_can_never_be_written_is_said(tmp_path: Path, attempt: Callable[[FileLeaser], object]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError) as caught:
        attempt(FileLeaser(tmp_path / "file" / "lease.json"))
    assert "ETL_LEASE_URL" in caught.value.hint


def test_a_probe_of_a_file_makes_no_folder(tmp_path: Path) -> None:
    FileLeaser(tmp_path / "deep" / "down" / "lease.json").probe()
    assert list(tmp_path.iterdir()) == []
