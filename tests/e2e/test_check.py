"""``etl-daemon check`` against an S3 that enforces policies, on machines that lack something."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3
import pytest

from tests.support.command import COMMAND, Ended, Shell
from tests.support.faultproxy import Fault, fault_proxy
from tests.support.s3_servers import moto_server, require, s3_client
from tests.support.watching import free_port, watched

ROOT = Path(__file__).resolve().parents[2]
PRICES = "processed/price_data/a.ndjson"
LEASE = "_etl_daemon/lease/etl-daemon.json"
LISTING = ["s3:ListBucket"]
READING = [*LISTING, "s3:GetObject"]
ALL = [*READING, "s3:PutObject"]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        client = s3_client(url)
        client.create_bucket(Bucket="market")
        client.put_object(Bucket="market", Key=PRICES, Body=b"{}")
        yield url


@pytest.fixture
def shell(tmp_path: Path, moto: str) -> Shell:
    settings = {"S3_BUCKET": "market", "AWS_ENDPOINT_URL": moto, "ETL_STATE_DIR": tmp_path / "state"}
    return Shell(tmp_path, settings)


@pytest.fixture
def enforced(moto: str) -> Iterator[None]:
    """From now on the server asks who calls, and what they may."""

    def count(value: str) -> None:
        plain = {"Content-Type": "text/plain"}
        urlopen(Request(f"{moto}/moto-api/reset-auth", data=value.encode(), headers=plain)).close()

    count("0")
    yield
    count("inf")


def user(url: str, *actions: str) -> dict[str, str]:
    """The credentials of a user who may do this, and nothing else."""
    iam = boto3.client("iam", endpoint_url=url)
    name = f"user-{uuid4().hex}"
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def checks(ended: Ended) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in ended.document["checks"]}


def of_the_store(ended: Ended) -> dict[str, str]:
    wanted = ("aws identity", "clock s3", "source price_data", "source read", "lease")
    return {name: each["state"] for name, each in checks(ended).items() if name in wanted}


def test_every_line_is_documented(shell: Shell) -> None:
    text = (ROOT / "docs/operations.md").read_text("utf-8").partition("## Before it works")[2].partition("\n## ")[0]
    cells = " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    documented = [re.sub("[A-Z]+", r"\\S+", name) for name in re.findall("`([^`]+)`", cells)]
    names = list(checks(shell.run("check", "--json", ETL_HTTP_PORT=free_port(), SPARK_MASTER="local[1]")))
    assert [name for name in names if not re.fullmatch("|".join(documented), name)] == []
    never = [each for each in documented if not any(re.fullmatch(each, name) for name in names)]
    assert never == [r"snowflake \S+"], "that takes an account"


def test_all_is_well_with_a_store(shell: Shell, moto: str) -> None:
    ended = shell.run("check", "--json")
    assert ended.code == 0, ended.out
    assert list(of_the_store(ended)) == ["aws identity", "clock s3", "source price_data", "source read", "lease"]
    assert set(of_the_store(ended).values()) == {"ok"}
    assert "arn:aws:sts::" in checks(ended)["aws identity"]["detail"]
    assert checks(ended)["lease"]["detail"] == f"s3://market/{LEASE} can be written."
    keys = [each["Key"] for each in s3_client(moto).list_objects_v2(Bucket="market")["Contents"]]
    assert keys == [PRICES], "nothing is left behind"


@pytest.mark.parametrize(
    ("actions", "read", "lease"),
    [(ALL, "ok", "ok"), (READING, "ok", "fail"), (LISTING, "fail", "fail")],
    ids=["all", "no writing", "no reading"],
)
def test_what_a_policy_lacks_is_found(
    shell: Shell, moto: str, request: pytest.FixtureRequest, actions: list[str], read: str, lease: str
) -> None:
    credentials = user(moto, *actions)
    request.getfixturevalue("enforced")
    ended = shell.run("check", "--json", **credentials)
    found = of_the_store(ended)
    assert (found["source price_data"], found["source read"], found["lease"]) == ("ok", read, lease), ended.out
    assert ended.code == int("fail" in (read, lease))
    if read == "fail":
        assert "s3:GetObject" in checks(ended)["source read"]["hint"]
    if lease == "fail":
        assert f"s3:PutObject on s3://market/{LEASE}" in checks(ended)["lease"]["hint"]


@pytest.mark.parametrize("more", [["s3:DeleteObject"], []], ids=["all", "no removing"])
def test_what_spark_takes_is_tried_where_spark_is_used(
    shell: Shell, moto: str, request: pytest.FixtureRequest, more: list[str]
) -> None:
    credentials, owner = user(moto, *ALL, *more), user(moto, "s3:*")
    request.getfixturevalue("enforced")
    ended = shell.run("check", "--json", **credentials, SPARK_MASTER="local[1]")
    found = checks(ended)["spark staging"]
    assert (found["state"], ended.code) == (("ok", 0) if more else ("fail", 1)), ended.out
    assert ("s3:DeleteObject" in found["hint"]) is not bool(more), found
    client = boto3.client("s3", endpoint_url=moto, **{name.lower(): value for name, value in owner.items()})
    left = {each["Key"] for each in client.list_objects_v2(Bucket="market")["Contents"]} - {PRICES}
    for key in left:
        client.delete_object(Bucket="market", Key=key)
    assert bool(left) is not bool(more), "nothing is left behind where it may be removed"


def test_what_a_backfill_has_left_there_stays(shell: Shell, moto: str) -> None:
    client = s3_client(moto)
    key = "_etl_daemon/staging/etl-daemon/check/batch/rows.arrow"  # of a dataset named check
    client.put_object(Bucket="market", Key=key, Body=b"rows")
    try:
        ended = shell.run("check", "--json", SPARK_MASTER="local[1]")
        assert checks(ended)["spark staging"]["state"] == "ok", ended.out
        assert sorted(each["Key"] for each in client.list_objects_v2(Bucket="market")["Contents"]) == [key, PRICES]
    finally:
        client.delete_object(Bucket="market", Key=key)


def test_nothing_may_be_listed(shell: Shell, moto: str, request: pytest.FixtureRequest) -> None:
    credentials = user(moto, "s3:GetObject")
    request.getfixturevalue("enforced")
    ended = shell.run("check", "--json", **credentials)
    assert ended.code == 1
    assert of_the_store(ended)["source price_data"] == "fail"
    assert "s3:ListBucket" in checks(ended)["source price_data"]["hint"]
    assert "source read" not in checks(ended), "there is no object to try"


def test_without_credentials_all_else_is_tried(shell: Shell) -> None:
    ended = shell.run("check", "--json", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert ended.code == 1
    assert of_the_store(ended)["aws identity"] == of_the_store(ended)["source price_data"] == "fail"
    assert checks(ended)["destination"]["state"] == "ok"


def test_a_store_that_ignores_conditions_cannot_keep_the_lease(shell: Shell, moto: str) -> None:
    with fault_proxy(moto) as proxy:
        proxy.faults.append(Fault("^PUT .*json", careless=("if-",)))
        ended = shell.run("check", "--json", AWS_ENDPOINT_URL=proxy.url)
    s3_client(moto).delete_object(Bucket="market", Key=LEASE)
    assert (ended.code, of_the_store(ended)["lease"]) == (1, "fail")
    assert "ETL_LEASE_URL" in checks(ended)["lease"]["hint"]


def test_an_object_that_changes_or_is_archived_is_a_warning(shell: Shell, moto: str) -> None:
    for code, status in (("NoSuchKey", 404), ("InvalidObjectState", 403)):
        with fault_proxy(moto) as proxy:
            proxy.faults.append(Fault(f"^GET .*{PRICES}", status=status, code=code))
            ended = shell.run("check", "--json", AWS_ENDPOINT_URL=proxy.url)
        assert (ended.code, of_the_store(ended)["source read"]) == (0, "warn"), code


def test_a_lease_may_lie_elsewhere_or_nowhere(shell: Shell) -> None:
    (shell.folder / "file").touch()
    elsewhere = shell.run("check", "--json", ETL_LEASE_URL=shell.folder / "file" / "lease.json")
    assert (elsewhere.code, of_the_store(elsewhere)["lease"]) == (1, "fail")
    nowhere = shell.run("check", "--json", ETL_LEASE_URL="none")
    assert (nowhere.code, of_the_store(nowhere)["lease"]) == (0, "ok")


def test_a_port_is_free_or_our_own(shell: Shell) -> None:
    port = free_port()
    assert checks(shell.run("check", "--json", ETL_HTTP_PORT=port))["port"]["detail"] == f"127.0.0.1:{port} is free."
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ended = shell.run("check", ETL_HTTP_PORT=taken)
        assert ended.code == 1
        assert f"fail port: `run` could not listen on 127.0.0.1:{taken}: Address already in use." in ended.out
    with watched(shell, ETL_LEASE_URL="none") as daemon:
        daemon.until(lambda: daemon.ask("/livez")[0] == 200)
        ours = checks(shell.run("check", "--json", ETL_HTTP_PORT=daemon.port, ETL_LEASE_URL="none"))
    assert (ours["port"]["state"], "our daemon" in ours["port"]["detail"]) == ("ok", True)
    assert "port" not in checks(shell.run("check", "--json")), "port 0 asks for none"


def test_disks_and_folders_are_those_that_are_written_to(shell: Shell) -> None:
    full = shell.run("check", "--json", MIN_FREE_DISK_MB=10**9, LOGS_DIRECTORY="/dev/shm")
    disks = {name: each for name, each in checks(full).items() if name.startswith("disk ")}
    assert full.code == 1
    assert {each["state"] for each in disks.values()} == {"fail"}
    assert "logs" in disks["disk /dev/shm"]["detail"]
    assert any("state and the database" in each["detail"] for each in disks.values())


def test_a_folder_that_cannot_be_written_is_told(shell: Shell) -> None:
    """Root may write everywhere but on what is mounted read-only."""
    unshared = ["unshare", "--mount", "--map-root-user"]
    allowed = bool(shutil.which("unshare")) and not subprocess.run([*unshared, "true"], check=False).returncode
    require(allowed, "a mount of one's own", "apt-get install util-linux, or run as root")
    (shell.folder / "logs").mkdir()
    program = f"mount -t tmpfs -o ro tmpfs logs && {COMMAND} check --json"
    ended = shell.execute([*unshared, "sh", "-ec", program], LOG_FILE=shell.folder / "logs/etl.log")
    assert ended.code == 1, ended.err
    assert checks(ended)["folders"]["state"] == "fail"
    assert "logs (logs)" in checks(ended)["folders"]["detail"]


def test_the_clock_of_the_store_is_judged(shell: Shell) -> None:
    detail = checks(shell.run("check", "--json"))["clock s3"]["detail"]
    assert detail == "This machine's clock is 0 seconds ahead of that of s3."
