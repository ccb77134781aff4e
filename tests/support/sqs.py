"""Queues of a moto server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import boto3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


def sqs_client(url: str) -> SQSClient:
    """A plain client for arranging things."""
    return boto3.client("sqs", endpoint_url=url)


def new_queue(url: str, **attributes: str) -> str:
    """The URL of a queue of its own."""
    return sqs_client(url).create_queue(QueueName=f"q-{uuid4().hex}", Attributes=attributes)["QueueUrl"]


def arn(url: str, queue: str) -> str:
    told = sqs_client(url).get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return told["Attributes"]["QueueArn"]


def notify(s3: S3Client, bucket: str, queue_arn: str) -> None:
    """Have the bucket tell the queue of everything that is written or removed."""
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": queue_arn, "Events": events}]},
    )


def held(url: str, queue: str) -> int:
    """How many messages the queue holds, those in hand included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = sqs_client(url).get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)
