"""What messages of the queue are taken to say."""

from __future__ import annotations

import json

import pytest

from etl_daemon.core.messages import Contents, Written, contents, not_later
from tests.support.messages import (
    GARBAGE,
    TEST_EVENT,
    notification,
    put,
    record,
    through_eventbridge,
    through_sns,
)

KEY = "processed/price data/a+b=ü%.json"
OBJECT = Contents((Written("b", KEY, "0A1B"),))


@pytest.mark.parametrize(
    "body",
    [
        put(KEY, sequencer="0A1B"),  # raw delivery of SNS is the same
        through_sns(put(KEY, sequencer="0A1B")),
        through_eventbridge(KEY, sequencer="0A1B"),
        through_sns(through_eventbridge(KEY, sequencer="0A1B")),
    ],
)
def test_an_object_is_named_whichever_way_the_message_came(body):
    assert contents(body) == OBJECT


def test_a_key_is_decoded_as_a_form_is_by_s3_and_not_at_all_by_eventbridge():
    assert contents(put("a b+c")).written[0].key == "a b+c"
    assert contents(through_eventbridge("a+b%20c")).written[0].key == "a+b%20c"


def test_a_message_may_hold_several_records_of_several_kinds():
    body = notification(
        record("a"),
        record("b", event="ObjectRemoved:Delete"),
        record("c", event="s3:ObjectCreated:CompleteMultipartUpload"),  # as MinIO has it
        record("d", event="ObjectRestore:Completed"),
    )
    said = contents(body)
    assert [each.key for each in said.written] == ["a", "c"]
    assert said.others == ("ObjectRemoved:Delete", "ObjectRestore:Completed")


def test_a_test_event_and_a_deletion_name_nothing():
    assert contents(TEST_EVENT) == contents(through_sns(TEST_EVENT)) == Contents((), ("s3:TestEvent",))
    assert contents(through_eventbridge("a", kind="Object Deleted")) == Contents((), ("aws.s3: Object Deleted",))


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_told_with_a_reason(body):
    with pytest.raises(ValueError, match=r"^(it|record 1) (is|has|names) no"):
        contents(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (json.dumps({"Type": "SubscriptionConfirmation", "TopicArn": "t", "Token": "x"}), "SubscriptionConfirmation"),
        (json.dumps({"Type": "Notification", "TopicArn": "t"}), "no JSON"),
        (json.dumps({"Type": "Order", "Records": []}), "no Records"),
        (json.dumps({"detail-type": "EC2 Instance State-change", "source": "aws.ec2"}), "aws.ec2: EC2 Instance"),
        (notification(record("a"), {"eventName": "ObjectCreated:Put", "s3": {"bucket": {}}}), "record 2 names"),
        (
            notification(record("a") | {"s3": {"bucket": {"name": "b"}, "object": {"key": "%FF"}}}),
            "record 1 is no text",
        ),
        (notification(record("a") | {"s3": {"bucket": {"name": "b"}, "object": {"key": ""}}}), "names no object"),
        (notification(record("a") | {"s3": {"bucket": {"name": 3}, "object": {"key": "k"}}}), "names no object"),
    ],
)
def test_the_reason_says_what_it_is(body, reason):
    with pytest.raises(ValueError, match=reason):
        contents(body)


@pytest.mark.parametrize(
    ("sequencer", "than", "answer"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E5", True),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", True),
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", False),
        ("0055", "005500", True),  # padded on the right they are equal
        ("0055", "00550", True),
        ("01", "00FF", False),  # not as numbers: 1 would be less than 255
        ("ab", "AC", True),
        ("", "00", False),
        ("00", "", False),
    ],
)
def test_sequencers_are_compared_padded_on_the_right(sequencer, than, answer):
    assert not_later(sequencer, than) is answer
