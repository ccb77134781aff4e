"""``upload``: files put where the daemon finds them, and what became of them."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Ended, Shell
from tests.support.corridor import ndjson
from tests.support.rows import price
from tests.support.s3_servers import moto_server, s3_client

PATIENCE_SECONDS = 60
FOLDER = "processed/price_data"
MIB = 2**20


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """A place to put files into; ``objects`` says what is there."""
    given: dict[str, object] = {"ETL_DUCKDB_PATH": "etl.duckdb", "ETL_POLL_INTERVAL_SECONDS": 0.3}
    if request.param == "folder":
        (tmp_path / "bucket").mkdir()
        return Shell(tmp_path, {**given, "ETL_SOURCE": "local", "ETL_LOCAL_DIR": "bucket"})
    url, bucket = request.getfixturevalue("moto_url"), f"b-{tmp_path.name}".lower().replace("_", "-")[:60]
    s3_client(url).create_bucket(Bucket=bucket)
    return Shell(tmp_path, {**given, "S3_BUCKET": bucket, "AWS_ENDPOINT_URL": url})


def objects(shell: Shell) -> dict[str, bytes]:
    if "S3_BUCKET" in shell.settings:
        client, bucket = s3_client(str(shell.settings["AWS_ENDPOINT_URL"])), str(shell.settings["S3_BUCKET"])
        keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys if key[:4] != "_etl"}
    root = shell.folder / "bucket"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def written(shell: Shell, name: str, content: bytes | None = None) -> str:
    path = shell.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ndjson([price()]) if content is None else content)
    return name


def put(shell: Shell, *words: object, **settings: object) -> Ended:
    return shell.run("upload", *words, "--dataset", "price_data", **settings)


def test_files_folders_and_patterns_keep_their_names(shell):
    for name in ("a.json", "days/b.json", "days/deep/c d.json", "days/.hidden", "more/d.json", "more/e.txt"):
        written(shell, name, name.encode())
    ended = put(shell, "a.json", "days", "more/*.json", "--json")
    assert ended.code == 0, ended.err
    assert ended.err == "", "no bar where nobody looks"
    assert objects(shell) == {
        f"{FOLDER}/a.json": b"a.json",
        f"{FOLDER}/b.json": b"days/b.json",
        f"{FOLDER}/deep/c d.json": b"days/deep/c d.json",
        f"{FOLDER}/d.json": b"more/d.json",
    }
    names = ["a.json", "b.json", "deep/c d.json", "d.json"]
    assert [each["key"] for each in ended.document["files"]] == [f"{FOLDER}/{name}" for name in names]
    assert {each["result"] for each in ended.document["files"]} == {"put"}


def test_what_is_there_stays_and_the_others_go_on(shell):
    written(shell, "a.json", b"first")
    assert put(shell, "a.json").code == 0
    written(shell, "a.json", b"second")
    written(shell, "b.json", b"new")
    ended = put(shell, "a.json", "b.json")
    assert ended.code == 1
    assert f"exists {FOLDER}/a.json" in ended.out
    assert "--replace" in ended.err
    assert objects(shell) == {f"{FOLDER}/a.json": b"first", f"{FOLDER}/b.json": b"new"}
    assert put(shell, "a.json", "--replace").code == 0
    assert objects(shell)[f"{FOLDER}/a.json"] == b"second"


def test_the_date_is_part_of_the_key(shell):
    written(shell, "a.json")
    prefix = {"PRICE_DATA_PREFIX": "raw/{year}/{month}/{day}"}
    ended = put(shell, "a.json", "--date", "2026-01-05T23:30Z", PARTITION_TIMEZONE="Asia/Tokyo", **prefix)
    assert ended.code == 0, ended.err
    assert "older partitions" in ended.err
    assert "etl-daemon backfill --dataset price_data" in ended.err
    ended = put(shell, "a.json", "--key-layout", "by-hand/{hour}", "--date", "2026-01-05T07:00")
    assert "older partitions" not in ended.err
    now = put(shell, "a.json", **prefix)
    assert (now.code, now.err) == (0, "")
    today = f"{datetime.now(UTC):raw/%Y/%m/%d/a.json}"
    assert set(objects(shell)) == {"raw/2026/01/06/a.json", f"{FOLDER}/by-hand/07/a.json", today}


def test_standard_input_needs_a_name(shell):
    command = [str(COMMAND), "upload", "-", "--dataset", "price_data"]
    for more, code in (([], 2), (["--name", "from-pipe.json"], 0)):
        done = subprocess.run(
            [*command, *more], cwd=shell.folder, env=shell.environment(), input=b"{}", capture_output=True, check=False
        )
        assert done.returncode == code, done.stderr
    assert objects(shell) == {f"{FOLDER}/from-pipe.json": b"{}"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.json"], "nowhere.json is no file"),
        (["empty"], "empty is an empty folder"),
        (["one/a.json", "two/a.json"], "all are to be processed/price_data/a.json"),
        (["one/a.json", "two/a.json", "--name", "b"], "There are 2 files"),
        (["one/a.json", "--name", "../b"], "can be no name"),
        (["one/a.json", "--key-layout", "{week}"], "unknown placeholder"),
        (["one/a.json", "--date", "yesterday"], "no instant"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_put(tmp_path, words, said):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "empty").mkdir()
    shell = Shell(tmp_path, {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": "bucket"})
    for name in ("one/a.json", "two/a.json"):
        written(shell, name)
    ended = put(shell, *words)
    assert ended.code == 2
    assert said in " ".join(ended.err.replace("│", " ").split())
    assert objects(shell) == {}


def test_files_that_would_be_refused_are_not_put_nor_are_the_others(shell):
    written(shell, "good.json", ndjson([price(), price("TOOLONG")]))
    written(shell, "bad.json", b"\x00\x01\x02 nothing that can be read")
    ended = put(shell, "good.json", "bad.json", "--check")
    assert ended.code == 1
    assert f"unfit {FOLDER}/bad.json" in ended.out
    assert "Nothing was put" in ended.err
    assert objects(shell) == {}
    ended = put(shell, "good.json", "--check", "--json")
    assert (ended.code, ended.document["unfit"]) == (0, [])
    assert "symbol_format" in ended.err, "rejected rows are told, and do not hold up the file"
    assert list(objects(shell)) == [f"{FOLDER}/good.json"]


@contextmanager
def at_work(shell: Shell) -> Iterator[None]:
    process = shell.start("run")
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def test_waiting_tells_what_became_of_each(shell):
    assert shell.run("init").code == 0
    written(shell, "good.json", ndjson([price("A"), price("B"), price("TOOLONG")]))
    written(shell, "bad.json", b"\x00\x01\x02 nothing that can be read")
    with at_work(shell):
        ended = put(shell, "good.json", "--wait", "--timeout", PATIENCE_SECONDS, "--json")
        assert ended.code == 0, ended.err
        (one,) = ended.document["files"]
        assert (one["result"], one["ledger"], one["rows"]) == ("put", "loaded", 2)
        ended = put(shell, "bad.json", "--wait", "--timeout", PATIENCE_SECONDS)
        assert ended.code == 1
        assert f"refused {FOLDER}/bad.json" in ended.out
        assert "etl-daemon explain" in ended.out
        again = put(shell, "good.json", "--replace", "--wait", "--timeout", PATIENCE_SECONDS)
        assert (again.code, f"loaded {FOLDER}/good.json, 2 rows" in again.out) == (0, True), "of the new version"


def test_waiting_ends_when_its_time_is_over(shell):
    assert shell.run("init").code == 0
    written(shell, "a.json")
    began = time.monotonic()
    ended = put(shell, "a.json", "--wait", "--timeout", "1")
    assert time.monotonic() - began < 30
    assert ended.code == 1
    assert f"pending {FOLDER}/a.json" in ended.out
    assert "etl-daemon status" in ended.err


def test_without_a_ledger_there_is_nothing_to_wait_for(shell):
    written(shell, "a.json")
    ended = put(shell, "a.json", "--wait")
    assert ended.code == 1
    assert "etl-daemon init" in ended.err
    assert objects(shell) == {}


def test_a_large_file_goes_in_parts_with_a_bar(shell):
    content = os.urandom(MIB) * 20
    written(shell, "large.bin", content)
    shown = on_terminal(shell, ["upload", "large.bin", "--dataset", "price_data"])
    assert "1/1 files" in shown
    assert "21.0/21.0 MB" in shown
    assert objects(shell) == {f"{FOLDER}/large.bin": content}


def on_terminal(shell: Shell, words: list[str]) -> str:
    """What it writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**shell.environment(), "TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen(
        [str(COMMAND), *words], cwd=shell.folder, env=environment, stderr=theirs, stdout=subprocess.DEVNULL
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(PATIENCE_SECONDS) == 0, shown
    return shown.decode()
