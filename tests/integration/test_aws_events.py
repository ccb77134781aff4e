"""The template of queue and policies is valid, lets in whom it says, and grants what the adapter asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint
import pytest
from cfnlint.decode import decode

from etl_daemon.adapters.sqs.queue import Place, SqsQueue
from tests.support.s3_servers import moto_server
from tests.support.sqs import new_queue, sqs_client

TEMPLATE = Path(__file__).parents[2] / "deploy/aws/events.yaml"


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    template, problems = decode(str(TEMPLATE))
    assert problems == []
    return template["Resources"]


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


def statements(resources: dict[str, Any], name: str) -> list[Any]:
    return resources[name]["Properties"]["PolicyDocument"]["Statement"]


def test_it_is_valid():
    config = cfnlint.ManualArgs(regions=["us-east-1", "eu-central-1", "cn-north-1"])
    found = cfnlint.lint(TEMPLATE.read_text("utf-8"), config=config)
    assert [f"{each.rule.id} {each.message} line {each.linenumber}" for each in found] == []


def test_only_this_accounts_bucket_or_the_rule_may_send(resources):
    denied, (_, by_bucket, by_rule) = (each.get("Fn::If", each) for each in statements(resources, "EventsPolicy"))
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert by_bucket["Principal"] == {"Service": "s3.amazonaws.com"}
    assert by_bucket["Condition"] == {
        "ArnEquals": {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}"}},
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    }
    assert by_rule["Principal"] == {"Service": "events.amazonaws.com"}
    assert by_rule["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ObjectCreated", "Arn"]}}}
    assert {each["Action"] for each in (by_bucket, by_rule)} == {"sqs:SendMessage"}
    assert all(each["Effect"] == "Deny" for each in statements(resources, "DeadLettersPolicy"))


def test_the_daemon_is_granted_what_the_adapter_asks_for_and_nothing_else(resources, moto_url):
    asked: set[tuple[str, str]] = set()
    main, dead = new_queue(moto_url), new_queue(moto_url)
    queue = SqsQueue(Place(main, dead), 30)

    def note(model: Any, params: dict[str, Any], **_: object) -> None:
        place = "DeadLetters" if dead.rpartition("/")[2] in str(params["body"]) else "Events"
        asked.add((f"sqs:{model.name.removesuffix('Batch')}", place))

    queue._client.meta.events.register("before-call.sqs", note)
    for _ in range(2):
        sqs_client(moto_url).send_message(QueueUrl=main, MessageBody="x")
    messages = queue.receive(0)
    queue.extend(messages[:1], 30)
    queue.delete(messages[:1])
    queue.reject(messages[1], "why")
    queue.standing()
    granted = {
        (action, statement["Resource"]["Fn::GetAtt"][0])
        for statement in statements(resources, "DaemonPolicy")
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert granted == asked
