"""The templates of deploy/glue: valid, for the scripts that are there, and granting no more than Glue needs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import cfnlint
import pytest
from cfnlint.decode import decode

from etl_daemon.core import configure
from etl_daemon.core.upstream.origins import origins
from etl_daemon.core.web.endpoints import endpoints
from etl_daemon.vault import load_settings
from tests.support.aws_calls import listed

FOLDER = Path(__file__).parents[2] / "deploy/glue"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))
SCRIPTS = {"Etl": "glue_etl_job.py", "Api": "api_to_s3_job.py"}
OF_SETTINGS = {"ETL_DESTINATION", "SNOWFLAKE_SSM_PATH", "_SSM_PATH"}


def resources(name: str) -> dict[str, Any]:
    template, problems = decode(str(FOLDER / name))
    assert problems == []
    found: dict[str, Any] = template["Resources"]
    return found


RESOURCES = resources("jobs.yaml")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_is_valid(path: Path) -> None:
    config = cfnlint.ManualArgs(regions=["us-east-1", "eu-central-1", "cn-north-1"])
    found = cfnlint.lint(path.read_text("utf-8"), config=config)
    assert [f"{each.rule.id} {each.message} line {each.linenumber}" for each in found] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_job_has_the_arguments_that_its_script_asks_for(name: str) -> None:
    own = RESOURCES[name]["Properties"]
    script = FOLDER / SCRIPTS[name]
    assert own["Command"]["ScriptLocation"]["Fn::Sub"] == f"s3://${{BucketName}}/glue/{script.name}"
    words = {each.value for each in ast.walk(ast.parse(script.read_text("utf-8"))) if isinstance(each, ast.Constant)}
    given = {each.removeprefix("--") for each in own["DefaultArguments"] if each.removeprefix("--").isupper()}
    assert given | {"JOB_NAME"} == {each for each in words if isinstance(each, str) and each.isupper()} - OF_SETTINGS
    assert own["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert own["GlueVersion"] == "5.0"


def test_policies_name_what_they_are_for() -> None:
    statements = resources("connection.yaml")["NetworkPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    for each in statements:
        actions = listed(each["Action"])
        assert not any("*" in action for action in actions)
        if each["Resource"] == "*":
            assert all(action.startswith("ec2:Describe") for action in actions)
    changing = {
        action: each
        for each in statements
        for action in listed(each["Action"])
        if not action.startswith("ec2:Describe")
    }
    assert set(changing["ec2:CreateTags"]["Condition"]) == {"ForAllValues:StringEquals"}
    assert "ec2:Subnet" in changing["ec2:DeleteNetworkInterface"]["Condition"]["ArnEquals"]


def test_failures_of_both_jobs_are_mailed() -> None:
    pattern = RESOURCES["Failed"]["Properties"]["EventPattern"]
    assert pattern["detail"] == {
        "jobName": [{"Ref": "Etl"}, {"Ref": "Api"}],
        "state": ["FAILED", "TIMEOUT", "ERROR"],
    }
    (target,) = RESOURCES["Failed"]["Properties"]["Targets"]
    assert target["Arn"] == {"Ref": "Failures"}
    (allowed,) = RESOURCES["FailuresPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Failed", "Arn"]}}}


def test_logs_are_encrypted_and_end() -> None:
    groups = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::Logs::LogGroup"]
    assert [each["LogGroupName"]["Fn::Sub"] for each in groups] == [
        "/aws-glue/${AWS::StackName}/output",
        "/aws-glue/${AWS::StackName}/error",
    ]
    for each in groups:
        assert each["KmsKeyId"] == {"Fn::GetAtt": ["LogsKey", "Arn"]}
        assert each["RetentionInDays"] == {"Ref": "LogDays"}


def test_the_sample_is_what_the_jobs_can_work_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER / "sample")
    settings = load_settings({}, FOLDER / "sample/etl-config.env")
    datasets = configure.datasets(settings)
    assert {each.name: each.mode for each in datasets} == {
        "orders": "UPSERT",
        "customers": "TRUNCATE_INSERT",
        "rates": "APPEND",
    }
    assert {name: each.secret for name, each in origins(settings, datasets).items()} == {
        "orders": "affiliate",
        "customers": "affiliate",
    }
    assert list(endpoints(settings, datasets)) == ["rates"]
