"""A queue of SQS, and its dead-letter queue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from etl_daemon.adapters.aws import translated
from etl_daemon.core.messages import Message
from etl_daemon.core.visible import visible
from etl_daemon.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef

AT_ONCE = 10
"""Messages that SQS takes or gives in one request."""

LONGEST_POLL_SECONDS = 20
CONNECT_SECONDS, ANSWER_SECONDS = 5, 10
REASON_LENGTH = 1_000

GRANT = "sqs:ReceiveMessage, sqs:ChangeMessageVisibility, sqs:DeleteMessage and sqs:GetQueueAttributes on the queue"
DEAD_LETTER_GRANT = "sqs:SendMessage on the dead-letter queue"

_STANDARD_HOST = re.compile(r"sqs(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_REGION_IN_HOST = re.compile(r"\.sqs\.([a-z0-9-]+)\.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a queue is. ``dead_letter_url`` is empty where there is none; both are in one region."""

    url: str
    dead_letter_url: str = ""
    region: str | None = None

    def client(self) -> SQSClient:
        """A client for it: the URL says the region, and the endpoint where that is not AWS's usual one.

        Raises:
            SetupError: the profile is unknown.
            ConfigError: there is no region.
        """
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        standard = _STANDARD_HOST.fullmatch(host)
        named = standard or _REGION_IN_HOST.search(host)
        endpoint = None if standard else f"{parts.scheme}://{parts.netloc}"
        config = Config(
            # calls that fail are harmless: what was not deleted or extended comes again
            retries={"mode": "standard", "total_max_attempts": 2},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=LONGEST_POLL_SECONDS + ANSWER_SECONDS,
            max_pool_connections=4,
        )
        with translated("AWS settings"):
            session = boto3.Session(region_name=named[1] if named else self.region)
            return session.client("sqs", endpoint_url=endpoint, config=config)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many messages wait, how many are in hand somewhere, and whether the queue gives up on what nobody deletes."""

    waiting: int
    in_hand: int
    redrives: bool


class SqsQueue:
    """Messages that were received are invisible for ``visibility_seconds``, whatever the queue's own default."""

    def __init__(self, place: Place, visibility_seconds: float) -> None:
        self._place = place
        self._visibility = round(visibility_seconds)
        self._client = place.client()
        self._receiving = f"ETL_EVENTS_QUEUE_URL: receiving from {place.url}"

    def receive(self, wait_seconds: float) -> list[Message]:
        """As the port says."""
        with translated(self._receiving, GRANT):
            answer = self._client.receive_message(
                QueueUrl=self._place.url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=min(round(wait_seconds), LONGEST_POLL_SECONDS),
                VisibilityTimeout=self._visibility,
            )
        return [Message(each["MessageId"], each["ReceiptHandle"], each["Body"]) for each in answer.get("Messages", [])]

    def extend(self, messages: Sequence[Message], seconds: float) -> None:
        """As the port says."""
        timeout = round(seconds)
        for some in _tens(messages):
            with translated(f"Extending messages of {self._place.url}", GRANT):
                answer = self._client.change_message_visibility_batch(
                    QueueUrl=self._place.url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": each.handle, "VisibilityTimeout": timeout}
                        for number, each in enumerate(some)
                    ],
                )
                _raise_theirs(answer["Failed"])

    def delete(self, messages: Sequence[Message]) -> None:
        """As the port says."""
        for some in _tens(messages):
            with translated(f"Deleting messages of {self._place.url}", GRANT):
                answer = self._client.delete_message_batch(
                    QueueUrl=self._place.url,
                    Entries=[{"Id": str(number), "ReceiptHandle": each.handle} for number, each in enumerate(some)],
                )
                _raise_theirs(answer["Failed"])

    def reject(self, message: Message, reason: str) -> bool:
        """As the port says; the reason is the message attribute ``reason``."""
        if not self._place.dead_letter_url:
            return False
        with translated(f"ETL_EVENTS_DLQ_URL: sending to {self._place.dead_letter_url}", DEAD_LETTER_GRANT):
            self._client.send_message(
                QueueUrl=self._place.dead_letter_url,
                MessageBody=message.body,
                MessageAttributes={"reason": {"DataType": "String", "StringValue": visible(reason)[:REASON_LENGTH]}},
            )
        self.delete([message])
        return True

    def standing(self) -> Standing:
        """What the queue says of itself.

        Raises:
            TransientError, SetupError: as ``receive``.
        """
        with translated(self._receiving, GRANT):
            told = self._client.get_queue_attributes(
                QueueUrl=self._place.url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "RedrivePolicy",
                ],
            )["Attributes"]
        waiting = int(told["ApproximateNumberOfMessages"])
        in_hand = int(told["ApproximateNumberOfMessagesNotVisible"])
        return Standing(waiting, in_hand, bool(told.get("RedrivePolicy")))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def _tens(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    return (messages[start : start + AT_ONCE] for start in range(0, len(messages), AT_ONCE))


def _raise_theirs(failed: Sequence[BatchResultErrorEntryTypeDef]) -> None:
    """Handles that hold no more are nothing to worry about: the message is gone, or comes again with another one."""
    theirs = [each for each in failed if not each["SenderFault"]]
    if theirs:
        raise TransientError(f"{theirs[0]['Code']} for {len(theirs)} messages.", hint="they come again by themselves")
