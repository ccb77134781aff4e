"""Alerts to a topic of Amazon SNS."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError, ProfileNotFound

from etl_daemon.adapters.aws import NO_ANSWER
from etl_daemon.core.alerting.alert import Alert
from etl_daemon.core.alerting.words import body, cut, subject
from etl_daemon.errors import EtlError, SetupError, TransientError

MOST_SUBJECT = 100
"""Characters that SNS takes, ASCII only."""

PASSING = {"Throttled", "Throttling", "ThrottlingException", "InternalError", "ServiceUnavailable", "RequestTimeout"}
GRANT = "grant sns:Publish on the topic to this identity, and correct ALERT_SNS_TOPIC_ARN"


@dataclass(frozen=True, slots=True)
class SnsNotifier:
    """Publishes to one topic, in the topic's region, with the credentials that the AWS SDK finds."""

    topic_arn: str
    origin: str
    timeout_seconds: float = 10.0

    @property
    def channel(self) -> str:
        """As the port says."""
        return f"SNS topic {self.topic_arn}"

    def send(self, alert: Alert) -> None:
        """As the port says."""
        try:
            client = self._client()
            client.publish(**self._message(alert))
            client.close()
        except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
            hint = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role"
            raise SetupError(f"{self.channel}: {error}.", hint=hint) from error
        except ClientError as error:
            raise self._meaning(error) from error
        except (*NO_ANSWER, ValueError) as error:
            hint = "check the network, AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SNS"
            raise TransientError(f"{self.channel}: {error}.", hint=hint) from error

    def _client(self) -> Any:
        patience = Config(
            retries={"total_max_attempts": 1},  # the courier tries again, and tells of it
            connect_timeout=self.timeout_seconds,
            read_timeout=self.timeout_seconds,
        )
        session = boto3.Session(region_name=self.topic_arn.split(":")[3])
        return session.client("sns", config=patience)

    def _message(self, alert: Alert) -> dict[str, Any]:
        line = subject(alert, self.origin).encode("ascii", "replace").decode()
        facts = {"key": alert.key, "severity": str(alert.severity), "state": str(alert.state)}
        message: dict[str, Any] = {
            "TopicArn": self.topic_arn,
            "Subject": cut(line, MOST_SUBJECT),
            "Message": body(alert, self.origin),
            "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in facts.items()},
        }
        if self.topic_arn.endswith(".fifo"):
            message["MessageGroupId"] = sha256(alert.key.encode()).hexdigest()
            message["MessageDeduplicationId"] = sha256(message["Message"].encode()).hexdigest()
        return message

    def _meaning(self, error: ClientError) -> EtlError:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = f"{self.channel}: {status} {code}."
        if code in PASSING or status >= 500:
            return TransientError(said)
        return SetupError(said, hint=GRANT)
