"""Who we are to AWS, and how far the store's clock is from ours; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

from etl_daemon.adapters.aws import NO_ANSWER
from etl_daemon.adapters.s3.clients import AWS_STANDARD, Endpoint, connect
from etl_daemon.adapters.s3.failures import NO_CREDENTIALS_HINT, translated
from etl_daemon.config.redact import shown
from etl_daemon.core.findings import Finding, State

STS_SECONDS = 3.0
"""A store that has no STS may answer nothing at all."""

IDENTITY = "aws identity"
_AWS = (".amazonaws.com", ".amazonaws.com.cn")
_NO_STS = "a store of another kind may have none, and needs none; otherwise check the network, and AWS_ENDPOINT_URL_STS"


class S3Probe:
    """Asks each question once, within the timeout."""

    def __init__(self, timeout_seconds: float, endpoint: Endpoint = AWS_STANDARD) -> None:
        self._clients = connect(endpoint, timeout_seconds)

    def identity(self) -> Finding:
        """What STS says. That it does not answer is nothing bad, but credentials that AWS refuses are."""
        store = self._clients.boto.meta.endpoint_url
        try:
            return Finding(IDENTITY, State.OK, self._caller(store))
        except (NoCredentialsError, PartialCredentialsError) as error:
            return Finding(IDENTITY, State.FAIL, f"{error}.", NO_CREDENTIALS_HINT)
        except ClientError as error:
            said = f"STS refuses: {error.response.get('Error', {}).get('Code') or error}."
            refused = Finding(IDENTITY, State.FAIL, said, NO_CREDENTIALS_HINT)
            return refused if _at_aws(store) else Finding(IDENTITY, State.WARN, said, _NO_STS)
        except (*NO_ANSWER, KeyError, ValueError) as error:
            said = shown("AWS_ENDPOINT_URL", error).partition("\n")[0]
            return Finding(IDENTITY, State.WARN, f"STS cannot be asked: {said}.", _NO_STS)

    def _caller(self, store: str) -> str:
        """Never with the keys of another store to AWS."""
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=STS_SECONDS, read_timeout=STS_SECONDS)
        with closing(self._clients.session.client("sts", config=config)) as sts:
            if _at_aws(sts.meta.endpoint_url) and not _at_aws(store):
                return f"{shown('AWS_ENDPOINT_URL', store)} is not AWS, so STS was not asked."
            if not (name := sts.get_caller_identity().get("Arn")):
                raise ValueError("its answer names nobody")
            return f"{name} is who we are."

    def ahead(self, bucket: str, now: Callable[[], datetime]) -> timedelta | None:
        """How far the store's clock is ahead of ours, by the Date of its answer; None: it gave none that can be read.

        Raises:
            TransientError: the store did not answer.
        """
        before = now()
        headers = self._headers(bucket)
        after = now()
        try:
            told = parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
        except ValueError:
            return None
        if told < before.replace(microsecond=0):
            return told - before.replace(microsecond=0)
        return max(told - after, timedelta())

    def close(self) -> None:
        """Let go of connections."""
        self._clients.close()

    def _headers(self, bucket: str) -> dict[str, str]:
        """Of any answer: a refusal has a date, too."""
        with translated(f"Asking s3://{bucket} for the time"):
            try:
                answer: Any = self._clients.boto.head_bucket(Bucket=bucket)
            except ClientError as error:
                answer = error.response
        return dict(answer["ResponseMetadata"].get("HTTPHeaders", {}))


def _at_aws(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(_AWS)
