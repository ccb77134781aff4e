"""The templates of deploy/aws: valid, deployed on moto's CloudFormation, and granting what is needed and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import cfnlint
import pytest
from cfnlint.decode import decode

from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.store import PART_BYTES, S3Store
from etl_daemon.config.aws_names import OWN_DIMENSIONS
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.core.status.table_counts import DIFFERENCE, ERRORS, SOURCE
from etl_daemon.vault import load_settings, open_vault
from tests.support.aws import aws, put_parameters, put_secret
from tests.support.aws_calls import Call, allows, listed, recording
from tests.support.command import Shell
from tests.support.s3_servers import moto_server, s3_client
from tests.support.snowflake import Emulator

FOLDER = Path(__file__).parents[2] / "deploy/aws"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))
BUCKET = f"market-data-{uuid4().hex[:8]}"  # one moto serves all tests of a process
SNOWFLAKE_USER = "arn:aws:iam::999999999999:user/snowflake"
KNOWN = {"SNOWFLAKE_ACCOUNT": "emulated", "SNOWFLAKE_USERNAME": "tester", "SNOWFLAKE_ROLE": "SYSADMIN"}
PRICES = b"symbol,timestamp,open,high,low,close,volume\nAAPL,2026-01-02,10,12,9,11,100\n"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_is_valid(path: Path) -> None:
    config = cfnlint.ManualArgs(regions=["us-east-1", "eu-central-1", "cn-north-1"])
    found = cfnlint.lint(path.read_text("utf-8"), config=config)
    assert [f"{each.rule.id} {each.message} line {each.linenumber}" for each in found] == []


# ---------------------------------------------------------------- as written


def statements(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of a template, with where it stands."""
    template, problems = decode(str(path))
    assert problems == []
    yield from _inside(template, path.name)


def _inside(node: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if {"Effect", "Action"} <= set(node):
            yield where, node
        for name, value in node.items():
            yield from _inside(value, f"{where} {name}")
    elif isinstance(node, list):
        for value in node:
            yield from _inside(value, where)


ALL = [found for path in TEMPLATES for found in statements(path)]


def test_policies_allow_no_action_by_a_wildcard() -> None:
    """But an account its own key: without that, its policies would not count."""
    assert len(ALL) > 25
    wide = [
        (where, each)
        for where, each in ALL
        if each["Effect"] == "Allow" and any("*" in action for action in listed(each["Action"]))
    ]
    assert {(where.split()[0], str(each["Action"])) for where, each in wide} == {
        ("bucket.yaml", "kms:*"),
        ("secrets.yaml", "kms:*"),
    }
    for where, each in wide:
        assert "KeyPolicy" in where
        assert each["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}


def test_everything_that_is_allowed_is_allowed_on_something() -> None:
    """Only counts know no resource; they are bound to a namespace."""
    for where, each in ALL:
        if each["Effect"] == "Deny" or "AssumeRolePolicyDocument" in where or "KeyPolicy" in where:
            continue
        for resource in listed(each["Resource"]):
            if resource == "*":
                assert each["Action"] == "cloudwatch:PutMetricData", where
                assert "cloudwatch:namespace" in each["Condition"]["StringEquals"]
            else:
                assert not resource.get("Fn::Sub", "named").endswith(("AccountId}:*", ":::*", ":parameter*")), where


def test_nobody_takes_a_role_but_services_and_the_one_user_of_snowflake() -> None:
    trusted = [each for where, each in ALL if "AssumeRolePolicyDocument" in where and each["Effect"] == "Allow"]
    snowflake = {"AWS": {"Ref": "SnowflakeUser"}}
    assert [each["Principal"] for each in trusted] == [
        snowflake,  # of notifications.yaml
        {"Service": {"Ref": "RunsOn"}},
        {"Service": {"Ref": "RunsOn"}},
        {"Service": "glue.amazonaws.com"},
        {"Service": "glue.amazonaws.com"},
        snowflake,
    ]
    for each in trusted[3:5]:
        assert each["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    for each in (trusted[0], trusted[5]):
        assert each["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "SnowflakeExternalId"}}}


def test_the_bucket_is_private_encrypted_versioned_and_by_tls_only() -> None:
    template, _ = decode(str(FOLDER / "bucket.yaml"))
    bucket = template["Resources"]["Bucket"]
    own = bucket["Properties"]
    assert (bucket["DeletionPolicy"], own["VersioningConfiguration"]["Status"]) == ("Retain", "Enabled")
    assert set(own["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = own["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    denied = {each["Sid"]: each for where, each in ALL if where.startswith("bucket.yaml") and each["Effect"] == "Deny"}
    assert denied["EncryptedConnectionsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(denied) == {"EncryptedConnectionsOnly", "ModernEncryptionOnly", "OurKeyOnly"}


# ---------------------------------------------------------------- deployed


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


def deploy(url: str, name: str, **parameters: str) -> dict[str, str]:
    """The outputs of the stack."""
    client = aws("cloudformation", url)
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    text = (FOLDER / f"{name}.yaml").read_text("utf-8")
    client.create_stack(StackName=name, TemplateBody=text, Parameters=given, Capabilities=["CAPABILITY_IAM"])
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


@pytest.fixture(scope="module")
def outputs(moto: str) -> dict[str, str]:
    """Of bucket, secrets and roles, deployed in this order with what the ones before them say."""
    with pytest.warns(UserWarning, match="AWS::S3::BucketPolicy"):  # which moto does not know
        bucket = deploy(moto, "bucket", BucketName=BUCKET)
    secrets = deploy(moto, "secrets", SnowflakeAccount="emulated", SnowflakeUser="tester", SnowflakeRole="SYSADMIN")
    roles = deploy(
        moto,
        "roles",
        BucketName=BUCKET,
        ObjectsKey=bucket["KeyArn"],
        SecretsKey=secrets["KeyArn"],
        AlertTopic="arn:aws:sns:us-east-1:123456789012:alerts",
        SnowflakeUser=SNOWFLAKE_USER,
        SnowflakeExternalId="X_SFCRole=1",
    )
    return {**roles, "SsmPath": secrets["SsmPath"], "SecretsKeyAlias": secrets["KeyAlias"]}


def policies(url: str, role: str) -> list[dict[str, Any]]:
    """What the role of the template may, all names filled in."""
    template, _ = decode(str(FOLDER / "roles.yaml"))
    found = []
    for each in template["Resources"][role]["Properties"]["ManagedPolicyArns"]:
        where = {"StackName": "roles", "LogicalResourceId": each["Ref"]}
        made = aws("cloudformation", url).describe_stack_resource(**where)["StackResourceDetail"]
        arn = made["PhysicalResourceId"]
        version = aws("iam", url).get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
        found.append(version["Document"])
    return found


def test_the_daemon_does_what_its_role_may_and_its_role_may_what_it_does(
    moto: str, outputs: dict[str, str], snowflake: Emulator, snowflake_database: str, tmp_path: Path
) -> None:
    put_parameters(moto, outputs["SsmPath"], {"password": "made-up"})
    put_secret(moto, "prod/snowflake", '{"password": "made-up"}')
    s3_client(moto).put_object(Bucket=BUCKET, Key="processed/price_data/a.csv", Body=PRICES)
    place = {name: snowflake.settings()[f"SNOWFLAKE_{name}"] for name in ("HOST", "PORT", "PROTOCOL")}
    with recording(moto) as (url, calls):
        given = {
            "ETL_DESTINATION": "snowflake",
            "SNOWFLAKE_DATABASE": snowflake_database,
            "SNOWFLAKE_SSM_PATH": outputs["SsmPath"],
            "SNOWFLAKE_WAREHOUSE": "COMPUTE_WH",
            "S3_BUCKET": BUCKET,
            "CLOUDWATCH_NAMESPACE": "Etl",
            "AWS_ENDPOINT_URL": url,
            **{f"SNOWFLAKE_{name}": value for name, value in place.items()},
        }
        shell = Shell(tmp_path, given)
        for words in ("check", "once", "once", "audit"):
            ended = shell.run(*words.split(), "--json")
            assert ended.code == 0, (words, ended.out, ended.err)
        ended = shell.run("once", "--json", SNOWFLAKE_SSM_PATH="", SNOWFLAKE_SECRET_ID="prod/snowflake", **KNOWN)
        assert ended.code == 0, ended.err
    calls.remove(Call("sts:GetCallerIdentity", "*"))  # which everybody may
    granted = policies(moto, "DaemonRole")
    assert [call for call in sorted(calls) if not allows(granted, call)] == []
    used = {call.action for call in calls} | {"kms:Decrypt", "kms:GenerateDataKey", "sns:Publish", "ssm:GetParameter"}
    assert used == {action for policy in granted for each in policy["Statement"] for action in listed(each["Action"])}


def test_an_uploader_does_what_the_extractor_may(
    moto: str, outputs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_parameters(moto, "/prod/affiliate", {"password": "made-up"})
    (tmp_path / "f").write_bytes(b"x" * (PART_BYTES + 1))
    with recording(moto) as (url, calls):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        store = S3Store(BUCKET, Retries(RetryPolicy(attempts=1)), Endpoint(url=url))
        for key in ("sql/db/t.csv", "data/api/a.json", "processed/price_data/u.csv"):
            assert store.put(key, tmp_path / "f")
        store.close()
        vault = open_vault(load_settings({"S3_BUCKET": BUCKET, "AFFILIATE_SSM_PATH": "/prod/affiliate"}))
        assert vault.secret("affiliate") == {"password": "made-up"}
        vault.close()
    granted = policies(moto, "ExtractorRole")
    assert len(calls) == 5
    assert [call for call in sorted(calls) if not allows(granted, call)] == []


FORBIDDEN = {
    "DaemonRole": [
        Call("s3:DeleteObject", f"{BUCKET}/processed/a"),
        Call("s3:PutObject", f"{BUCKET}/processed/a"),
        Call("s3:GetObject", f"{BUCKET}/glue/job.zip"),
        Call("s3:GetObject", "another/processed/a"),
        Call("ssm:GetParametersByPath", "parameter/prod"),
        Call("ssm:GetParameter", "parameter/prod/affiliate/password"),
        Call("ssm:GetParameter", "parameter/prod/snowflake2/password"),
        Call("ssm:PutParameter", "parameter/prod/snowflake/password"),
        Call("secretsmanager:GetSecretValue", "secret:prod/snowflake-other-AbCdEf"),
    ],
    "ExtractorRole": [
        Call("ssm:GetParametersByPath", "parameter/prod"),
        Call("ssm:GetParametersByPath", "parameter/prod/snowflake"),
        Call("ssm:GetParameter", "parameter/prod/snowflake/password"),
        Call("ssm:GetParameter", "parameter/prod/ops2/password"),
        Call("s3:GetObject", f"{BUCKET}/processed/a"),
        Call("s3:DeleteObject", f"{BUCKET}/sql/a"),
        Call("s3:PutObject", f"{BUCKET}/glue/job.zip"),
    ],
    "GlueRole": [
        Call("s3:PutObject", f"{BUCKET}/glue/job.zip"),
        Call("s3:DeleteObject", f"{BUCKET}/sql/a"),
        Call("s3:DeleteObject", f"{BUCKET}/_etl_daemon/lease/etl-daemon.json"),
        Call("logs:PutLogEvents", "log-group:/aws/lambda/x"),
    ],
    "GlueExtractorRole": [
        Call("s3:PutObject", f"{BUCKET}/glue/job.zip"),
        Call("s3:GetObject", f"{BUCKET}/data/a"),
        Call("ssm:GetParametersByPath", "parameter/prod/snowflake"),
        Call("ssm:GetParameter", "parameter/prod/snowflake/password"),
    ],
    "SnowflakeRole": [
        Call("s3:PutObject", f"{BUCKET}/processed/a"),
        Call("s3:GetObject", f"{BUCKET}/sql/a"),
        Call("s3:GetObject", f"{BUCKET}/_etl_daemon/lease/etl-daemon.json"),
        Call("ssm:GetParameter", "parameter/prod/snowflake/password"),
    ],
}


@pytest.mark.parametrize("role", FORBIDDEN)
@pytest.mark.usefixtures("outputs")
def test_a_role_may_not_do_what_is_not_its_own(moto: str, role: str) -> None:
    granted = policies(moto, role)
    assert granted
    assert [call for call in FORBIDDEN[role] if allows(granted, call)] == []


@pytest.mark.usefixtures("outputs")
def test_a_job_of_glue_leaves_rows_and_takes_them_away(moto: str) -> None:
    granted = policies(moto, "GlueRole")
    rows = f"{BUCKET}/_etl_daemon/staging/etl-daemon/price_data/x/accepted/1.arrow"
    assert all(allows(granted, Call(f"s3:{name}Object", rows)) for name in ("Get", "Put", "Delete"))


def test_snowflake_reads_what_is_loaded(moto: str, outputs: dict[str, str]) -> None:
    granted = policies(moto, "SnowflakeRole")
    needed = [Call("s3:ListBucket", BUCKET), Call("s3:GetBucketLocation", BUCKET)]
    needed += [Call(f"s3:{name}", f"{BUCKET}/processed/a") for name in ("GetObject", "GetObjectVersion")]
    assert all(allows(granted, call) for call in needed)
    (trust,) = aws("iam", moto).get_role(RoleName=outputs["SnowflakeRoleArn"].rpartition("/")[2])["Role"][
        "AssumeRolePolicyDocument"
    ]["Statement"]
    assert trust["Principal"] == {"AWS": SNOWFLAKE_USER}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "X_SFCRole=1"}}


def test_the_bucket_tells_pipes_of_what_lies_below_their_prefix(moto: str) -> None:
    queue = aws("sqs", moto).create_queue(QueueName="pipes")["QueueUrl"]  # stands for Snowflake's own
    arn = aws("sqs", moto).get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    name = f"piped-{uuid4().hex[:8]}"
    text = (FOLDER / "bucket.yaml").read_text("utf-8")
    given = {"BucketName": name, "PipeQueue": arn}
    with pytest.warns(UserWarning, match="AWS::S3::BucketPolicy"):
        aws("cloudformation", moto).create_stack(
            StackName="piped",
            TemplateBody=text,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
    template, _ = decode(str(FOLDER / "bucket.yaml"))
    told = template["Resources"]["Bucket"]["Properties"]["NotificationConfiguration"]
    assert told["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}
    condition, (one,), none = told["QueueConfigurations"]["Fn::If"]
    assert (condition, none) == ("HasPipes", {"Ref": "AWS::NoValue"})
    assert one["Queue"] == {"Ref": "PipeQueue"}
    assert one["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": {"Ref": "PipePrefix"}}]
    assert name in [each["Name"] for each in s3_client(moto).list_buckets()["Buckets"]]


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..SNS..TopicPolicy")  # which moto does not know
def test_errors_of_snowflake_are_mailed(moto: str) -> None:
    known = {"SnowflakeUser": SNOWFLAKE_USER, "SnowflakeExternalId": "X_SFCRole=2"}
    made = deploy(moto, "notifications", Email="data@example.org", **known)
    (mail,) = aws("sns", moto).list_subscriptions_by_topic(TopicArn=made["TopicArn"])["Subscriptions"]
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "data@example.org")
    role = made["SnowflakeRoleArn"].rpartition("/")[2]
    (trust,) = aws("iam", moto).get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Effect"]) == ({"AWS": SNOWFLAKE_USER}, "Allow")
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "X_SFCRole=2"}}
    iam = aws("iam", moto)
    found = [each["Arn"] for each in iam.list_policies(Scope="Local")["Policies"]]
    documents = [iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] for arn in found]
    allowed = [(each["Action"], each["Resource"]) for document in documents for each in document["Statement"]]
    assert ("sns:Publish", made["TopicArn"]) in allowed


def test_alarms_watch_counts_that_are_sent_with_their_dimensions() -> None:
    template, _ = decode(str(FOLDER / "alarms.yaml"))
    watched = []
    for alarm in template["Resources"].values():
        own = alarm["Properties"]
        watched += [own] if "MetricName" in own else [each["MetricStat"]["Metric"] for each in own["Metrics"][1:]]
    assert {each["MetricName"] for each in watched} == {ERRORS.name, SOURCE.name, DIFFERENCE.name}
    for each in watched:
        assert each["Namespace"] == {"Ref": "Namespace"}
        assert [part["Name"] for part in each["Dimensions"][:2]] == list(OWN_DIMENSIONS)
        assert each["Dimensions"][2]["Fn::If"][0] == "HasEnvironment"
