"""`etl-daemon teardown` against CloudFormation, S3, SQS and KMS of moto, and Snowflake's stand-in."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from etl_daemon.core.teardown import ACCOUNT, DATABASE, drops
from tests.support.aws import aws
from tests.support.command import Shell
from tests.support.s3_servers import moto_server, s3_client
from tests.support.snowflake import Emulator

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "deploy/aws"
ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
FOREIGN = json.dumps(
    {
        "Description": "not ours",
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "else"}}},
    }
)

pytestmark = [
    pytest.mark.xdist_group("snowflake"),
    pytest.mark.filterwarnings("ignore:Tried to parse AWS"),  # resources that moto's CloudFormation does not know
]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@dataclass(frozen=True)
class Account:
    """A target in AWS with a bucket that has objects, versions and an unfinished upload; and its name for stacks."""

    url: str
    name: str
    bucket: str
    keys: list[str] = field(default_factory=list)

    @classmethod
    def made(cls, url: str) -> Account:
        name = f"t{uuid4().hex[:6]}"
        account = cls(url, f"{name}-", f"{name}-data")
        account.stack("bucket", BucketName=account.bucket)
        account.stack("events", Bucket=account.bucket, QueueName=f"{name}-events")
        account.stack("notifications", Email="data@example.org", TopicName=f"{name}-errors")
        aws("cloudformation", url).create_stack(StackName=f"{name}-else", TemplateBody=FOREIGN)
        account._find_keys()
        s3 = s3_client(url)
        s3.put_bucket_versioning(Bucket=account.bucket, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"1", b"2"):
            s3.put_object(Bucket=account.bucket, Key="processed/a", Body=body)
        s3.put_object(Bucket=account.bucket, Key="processed/b", Body=b"3")
        s3.delete_object(Bucket=account.bucket, Key="processed/b")
        s3.create_multipart_upload(Bucket=account.bucket, Key="processed/c")
        return account

    def stack(self, template: str, **parameters: str) -> None:
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        body = (TEMPLATES / f"{template}.yaml").read_text("utf-8")
        aws("cloudformation", self.url).create_stack(
            StackName=self.name + template, TemplateBody=body, Parameters=given, Capabilities=["CAPABILITY_IAM"]
        )

    def _find_keys(self) -> None:
        """With their policies as text: moto cannot describe a key by what it keeps of the template."""
        found = aws("cloudformation", self.url).list_stack_resources(StackName=f"{self.name}bucket")
        for each in found["StackResourceSummaries"]:
            if each["ResourceType"] == "AWS::KMS::Key":
                self.keys.append(each["PhysicalResourceId"])
                given = {"KeyId": each["PhysicalResourceId"], "PolicyName": "default"}
                aws("kms", self.url).put_key_policy(**given, Policy=json.dumps({"Statement": [ANYBODY]}))

    def stacks(self) -> list[str]:
        found = aws("cloudformation", self.url).describe_stacks()["Stacks"]
        return sorted(each["StackName"].removeprefix(self.name) for each in found if self.name in each["StackName"])

    def billed(self) -> list[str]:
        """What of the target costs money."""
        buckets = [each["Name"] for each in s3_client(self.url).list_buckets()["Buckets"]]
        queues = aws("sqs", self.url).list_queues().get("QueueUrls", [])
        keys = [aws("kms", self.url).describe_key(KeyId=key)["KeyMetadata"] for key in self.keys]
        lasting = [each["Description"] for each in keys if each["KeyState"] != "PendingDeletion"]
        return [each for each in (*buckets, *queues) if self.name in each] + lasting

    def shell(self, folder: Path, **more: object) -> Shell:
        settings = {"S3_BUCKET": self.bucket, "ETL_STATE_DIR": folder / "state", **more}
        lines = [f"{name}={value}" for name, value in settings.items() if not str(name).startswith("AWS")]
        (folder / "etl-config.dev.env").write_text("\n".join(lines))
        return Shell(folder, {"AWS_ENDPOINT_URL": self.url})


def test_nothing_is_left_that_costs_money(
    moto: str, snowflake: Emulator, snowflake_database: str, tmp_path: Path
) -> None:
    account = Account.made(moto)
    given = {"ETL_DESTINATION": "snowflake", "SNOWFLAKE_DATABASE": snowflake_database}
    shell = account.shell(tmp_path, **given, **snowflake.settings())
    snowflake.run(f"CREATE SCHEMA {snowflake_database}.BRONZE", f"CREATE TABLE {snowflake_database}.BRONZE.T (A INT)")
    words = ("teardown", "--target", "dev", "--stacks", account.name)
    assert len(account.billed()) == 4  # a bucket, its key, two queues

    refused = shell.run(*words)
    assert refused.code == 2, refused.err
    assert "say --yes" in refused.err
    for part in (account.bucket, "events-dead", "key, after seven days", f"{snowflake_database} with all data"):
        assert part in refused.out
    assert len(account.billed()) == 4
    assert account.stacks() == ["bucket", "else", "events", "notifications"]

    snowflake.fault("^DROP DATABASE", action="error", errno=3001, sqlstate="42501")
    ended = shell.run(*words, "--yes", "--json")
    assert ended.code == 1, ended.out  # one step failed, and the others went on
    told = [(each["name"], each["state"], each["detail"]) for each in ended.document["checks"]]
    assert [name for name, state, _ in told if state == "fail"] == ["snowflake database"]
    stacks = [detail for name, _, detail in told if name == "aws stack"]
    assert stacks == [f"{account.name}{name}: deleted." for name in ("notifications", "events", "bucket")]
    assert [detail.rpartition(": ")[2] for name, _, detail in told if name == "aws s3"] == [
        "deleted, with 4 objects and versions."
    ]
    assert account.billed() == []
    assert account.stacks() == ["else"]

    again = shell.run(*words, "--yes", "--json")
    assert again.code == 0, again.out
    assert [each["name"] for each in again.document["checks"]] == ["snowflake database"]
    left = f"SELECT TABLE_NAME FROM {snowflake_database}.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'BRONZE'"
    assert snowflake.run(left) == []


def test_stacks_of_another_target_are_left_alone(moto: str, tmp_path: Path) -> None:
    account = Account.made(moto)
    shell = account.shell(tmp_path, S3_BUCKET="of-this-target")
    ended = shell.run("teardown", "--target", "dev", "--stacks", account.name, "--yes")
    assert ended.code == 78
    assert f"another bucket than S3_BUCKET=of-this-target: {account.bucket} of {account.name}bucket" in ended.err
    assert len(account.billed()) == 4


def test_what_an_interrupted_teardown_left_is_found_again(moto: str, tmp_path: Path) -> None:
    account = Account.made(moto)
    for name in ("bucket", "events"):
        aws("cloudformation", moto).delete_stack(StackName=account.name + name)
    assert len(account.billed()) == 3  # they outlive their stacks
    shell = account.shell(tmp_path)
    assert shell.run("teardown", "--target", "dev", "--stacks", account.name, "--yes").code == 0
    assert account.billed() == []


def test_a_daemon_that_runs_is_not_torn_down(tmp_path: Path) -> None:
    document = {"daemon": "etl-daemon", "place": str(tmp_path / "etl.duckdb")}

    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *args: Any) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Status) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        lines = ("ETL_SOURCE=local", f"ETL_LOCAL_DIR={tmp_path}", f"ETL_HTTP_PORT={server.server_port}")
        (tmp_path / "etl-config.dev.env").write_text("\n".join(lines))
        ended = Shell(tmp_path, {}).run("teardown", "--target", "dev", "--yes")
        server.shutdown()
    assert ended.code == 75
    assert "stop it first" in ended.err


def test_what_is_dropped_is_what_the_scripts_drop() -> None:
    scripts = [ROOT / "deploy/snowflake/99_teardown.sql", ROOT / "deploy/snowflake/medallion/99_teardown.sql"]
    text = "".join(path.read_text("utf-8") for path in scripts)
    dropped = set(re.findall(r"DROP ([A-Z ]+?) IF EXISTS ([A-Z0-9_.]+)", text))
    assert {pair for pair in dropped if pair[0] != "SCHEMA"} == {*ACCOUNT, ("DATABASE", DATABASE)}
    assert [each[:2] for each in drops(DATABASE)][:3] == [
        ("USER", "ETL_DAEMON"),
        ("DATABASE", DATABASE),
        ("NETWORK POLICY", "ETL_DAEMON_ADDRESSES"),
    ]
    assert [each[1] for each in drops("DEV_DATA")] == ["DEV_DATA"]  # the rest may be another target's
