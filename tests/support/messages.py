"""Messages as S3, SNS and EventBridge write them."""

from __future__ import annotations

import json
from urllib.parse import quote_plus


def record(key: str, bucket: str = "b", *, sequencer: str = "", event: str = "ObjectCreated:Put") -> dict[str, object]:
    """A record of a notification; the key is encoded here."""
    thing = {"key": quote_plus(key, safe="/"), "size": 5, "eTag": "b1946ac92492d2347c6235b4d2611184"}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-05T12:00:00.000Z",
        "eventName": event,
        "s3": {
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {**thing, **({"sequencer": sequencer} if sequencer else {})},
        },
    }


def notification(*records: dict[str, object]) -> str:
    return json.dumps({"Records": list(records)})


def put(key: str, bucket: str = "b", sequencer: str = "") -> str:
    """The notification of one object written."""
    return notification(record(key, bucket, sequencer=sequencer))


def through_sns(body: str) -> str:
    topic = "arn:aws:sns:us-east-1:123456789012:objects"
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": body})


def through_eventbridge(key: str, bucket: str = "b", sequencer: str = "", kind: str = "Object Created") -> str:
    """EventBridge does not encode the key."""
    thing = {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": sequencer}
    detail = {"version": "0", "bucket": {"name": bucket}, "object": thing, "reason": "PutObject"}
    return json.dumps({"version": "0", "detail-type": kind, "source": "aws.s3", "detail": detail})


TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})
GARBAGE = (
    "",
    "hello",
    "[1]",
    "{}",
    '{"Records": []}',
    '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
    "[" * 9_999,
)
