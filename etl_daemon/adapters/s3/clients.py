"""The two clients of an object store, set up alike: same credentials, same endpoint, same patience."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from etl_daemon.adapters.s3.failures import NO_CREDENTIALS_HINT, translated
from etl_daemon.adapters.s3.listing import read_pages_quickly
from etl_daemon.config.redact import shown
from etl_daemon.errors import ConfigError, SetupError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 64
"""Open connections of the boto3 client at most: more threads than that wait for one another."""

_ENDPOINT_HINT = "correct AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3); it looks like https://host:9000"
_CONNECT_SECONDS = 10.0
_STALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the store is. ``None`` leaves it to the AWS standard: environment, profile, instance."""

    region: str | None = None
    url: str | None = None


AWS_STANDARD = Endpoint()


@dataclass(frozen=True, slots=True)
class Clients:
    """boto3 for everything, obstore for bodies: it takes a tenth of the time per small object."""

    boto: S3Client
    session: boto3.Session
    timeout_seconds: float
    _stores: dict[str, S3Store] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def store(self, bucket: str) -> S3Store:
        """The obstore client of a bucket, made once.

        Raises:
            SetupError: there are no credentials.
        """
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = self._connect(bucket)
            return self._stores[bucket]

    def close(self) -> None:
        """Close connections."""
        self.boto.close()
        with self._lock:
            self._stores.clear()

    def _connect(self, bucket: str) -> S3Store:
        # A role's credentials are renewed by botocore at least 10 minutes before they expire: ask well within that.
        try:
            credentials = Boto3CredentialProvider(self.session, ttl=timedelta(minutes=5))
        except ValueError as error:
            raise SetupError("There are no AWS credentials.", hint=NO_CREDENTIALS_HINT) from error
        url = self.boto.meta.endpoint_url
        return S3Store(
            bucket,
            config={"endpoint": url, "aws_endpoint_url_s3": url, "virtual_hosted_style_request": False},
            region=self.boto.meta.region_name,
            credential_provider=credentials,
            client_options={
                "allow_http": url.startswith("http://"),
                "connect_timeout": timedelta(seconds=min(_CONNECT_SECONDS, self.timeout_seconds)),
                "read_timeout": timedelta(seconds=min(_STALL_SECONDS, self.timeout_seconds)),
                # A big body may take its time; one that stalls is caught by the read timeout.
                "timeout": timedelta(days=1),
            },
            retry_config={"max_retries": 0},  # we retry, and tell of it
        )


def connect(endpoint: Endpoint, timeout_seconds: float) -> Clients:
    """Make the clients; nothing is asked of the store yet. ``timeout_seconds`` bounds a silence, not a download.

    Raises:
        SetupError: the profile is unknown.
        ConfigError: the endpoint is no URL, or the region no name of one.
    """
    config = Config(
        retries={"total_max_attempts": 1},  # we retry, and tell of it
        connect_timeout=min(_CONNECT_SECONDS, timeout_seconds),
        read_timeout=min(_STALL_SECONDS, timeout_seconds),
        max_pool_connections=CONNECTIONS,
        # The one style that works for every compatible store, for addresses, and for names with dots under TLS.
        s3={"addressing_style": "path"},
        response_checksum_validation="when_required",
    )
    try:
        with translated("AWS settings"):
            session = boto3.Session(region_name=endpoint.region)
            client = session.client("s3", endpoint_url=endpoint.url, config=config)
    except ValueError as error:
        raise ConfigError(f"AWS settings: {shown('AWS_ENDPOINT_URL', error)}.", hint=_ENDPOINT_HINT) from error
    url = client.meta.endpoint_url
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ConfigError(f"AWS settings: {shown('AWS_ENDPOINT_URL', url)} is not HTTP.", hint=_ENDPOINT_HINT)
    read_pages_quickly(client)
    return Clients(client, session, timeout_seconds)
