"""What every queue of S3 events must do with its messages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from etl_daemon.adapters.memory.queue import MemoryQueue
from etl_daemon.adapters.sqs.queue import Place, SqsQueue, Standing
from etl_daemon.core.messages import Message
from etl_daemon.errors import ConfigError, SetupError, TransientError
from etl_daemon.ports import EventQueue
from tests.support.faultproxy import Fault, fault_proxy
from tests.support.sqs import arn, new_queue, sqs_client

VISIBILITY_SECONDS = 1


@dataclass(frozen=True)
class Post:
    """A queue, a way to put messages in, and what came to the dead-letter queue."""

    queue: EventQueue
    send: Callable[[str], object]
    rejected: Callable[[], list[tuple[str, str]]]

    def received(self, wait_seconds: float = 3) -> list[str]:
        return sorted(each.body for each in self.queue.receive(wait_seconds))


@pytest.fixture(params=["memory", "sqs"])
def post(request: pytest.FixtureRequest) -> Iterator[Post]:
    if request.param == "memory":
        memory = MemoryQueue(VISIBILITY_SECONDS)
        yield Post(memory, memory.send, lambda: list(memory.rejected or ()))
        return
    url = request.getfixturevalue("moto_url")
    client, main, dead = sqs_client(url), new_queue(url), new_queue(url)
    queue = SqsQueue(Place(main, dead), VISIBILITY_SECONDS)

    def rejected() -> list[tuple[str, str]]:
        answer = client.receive_message(QueueUrl=dead, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
        found = answer.get("Messages", [])
        return [(each["Body"], each["MessageAttributes"]["reason"]["StringValue"]) for each in found]

    yield Post(queue, lambda body: client.send_message(QueueUrl=main, MessageBody=body), rejected)
    queue.close()


def test_a_message_comes_once_while_it_is_in_hand(post):
    post.send("one")
    assert post.received() == ["one"]
    assert post.received(0) == []


def test_it_comes_again_when_its_time_is_over(post):
    post.send("one")
    (first,) = post.queue.receive(3)
    (again,) = post.queue.receive(3)
    assert (again.id, again.body) == (first.id, "one")
    assert again.handle != first.handle


def test_an_extended_one_stays_away_and_one_given_back_comes_at_once(post):
    post.send("one")
    messages = post.queue.receive(3)
    post.queue.extend(messages, 60)
    assert post.received(VISIBILITY_SECONDS + 1) == []
    post.queue.extend(messages, 0)
    assert post.received(0) == ["one"]


def test_a_deleted_one_never_comes_again(post):
    for number in range(12):
        post.send(str(number))
    seen: list[Message] = []
    while len(seen) < 12:
        some = post.queue.receive(3)
        assert 0 < len(some) <= 10
        seen += some
    post.queue.delete(seen)
    assert post.received(VISIBILITY_SECONDS + 1) == []
    post.queue.delete(seen)
    post.queue.extend(seen, 10)


def test_receiving_waits_for_a_message(post):
    began = time.monotonic()
    assert post.received(1) == []
    assert time.monotonic() - began >= 0.9


def test_a_rejected_one_is_in_the_dead_letter_queue_with_its_reason(post):
    post.send("bad")
    (message,) = post.queue.receive(3)
    assert post.queue.reject(message, "it is no JSON")
    assert post.rejected() == [("bad", "it is no JSON")]
    assert post.received(VISIBILITY_SECONDS + 1) == []


def test_without_a_dead_letter_queue_it_stays(moto_url):
    url = new_queue(moto_url)
    for queue, send in (
        (SqsQueue(Place(url), 60), lambda: sqs_client(moto_url).send_message(QueueUrl=url, MessageBody="bad")),
        (memory := MemoryQueue(rejected=None), lambda: memory.send("bad")),
    ):
        send()
        (message,) = queue.receive(3)
        assert not queue.reject(message, "why")
        queue.extend([message], 0)
        assert [each.body for each in queue.receive(0)] == ["bad"]


def test_a_queue_that_is_not_there_is_named(moto_url):
    queue = SqsQueue(Place(f"{moto_url}/123456789012/nowhere"), 10)
    with pytest.raises(SetupError, match=r"ETL_EVENTS_QUEUE_URL: .*nowhere.*NonExistentQueue") as caught:
        queue.receive(0)
    assert "sqs:ReceiveMessage" in caught.value.hint


def test_a_queue_that_does_not_answer_may_do_so_later(moto_url):
    url = new_queue(moto_url)
    with fault_proxy(moto_url) as proxy:
        queue = SqsQueue(Place(url.replace(moto_url, proxy.url)), 10)
        broken = ({"status": 503}, {"cut_after": 0}, {"cut_after": 1})
        for fault in (Fault("^POST ", times=9, **each) for each in broken):
            proxy.faults = [fault]
            with pytest.raises(TransientError, match="receiving"):
                queue.receive(0)
        proxy.faults = []
        assert queue.receive(0) == []


def test_it_says_how_it_stands(moto_url):
    dead = new_queue(moto_url)
    policy = json.dumps({"deadLetterTargetArn": arn(moto_url, dead), "maxReceiveCount": "5"})
    url = new_queue(moto_url, RedrivePolicy=policy)
    for _ in range(3):
        sqs_client(moto_url).send_message(QueueUrl=url, MessageBody="x")
    queue = SqsQueue(Place(url), 60)
    received = len(queue.receive(3))
    assert queue.standing() == Standing(3 - received, received, redrives=True)
    assert not SqsQueue(Place(dead), 60).standing().redrives


@pytest.mark.parametrize(
    ("url", "region", "endpoint"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
        ("https://vpce-1-2.sqs.eu-west-2.vpce.amazonaws.com/1/q", "eu-west-2", None),
        ("http://127.0.0.1:4566/1/q", "us-west-2", None),
    ],
)
def test_the_url_says_region_and_endpoint(url, region, endpoint):
    client = Place(url, region="us-west-2").client()
    assert client.meta.region_name == region
    assert client.meta.endpoint_url == (endpoint or url.removesuffix("/1/q"))
    client.close()


def test_a_place_without_a_region_is_wrong(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError) as caught:
        Place("http://127.0.0.1:4566/1/q").client()
    assert "S3_REGION" in caught.value.hint
