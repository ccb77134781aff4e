"""Files that wait for their commit, in S3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import S3UploadFailedError

from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import AWS_STANDARD, Endpoint, connect
from etl_daemon.adapters.s3.failures import translated
from etl_daemon.adapters.spool import spool
from etl_daemon.errors import SetupError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef, ObjectTypeDef

CHUNK_BYTES = 8 * 2**20


class S3Depot:
    """Objects below ``prefix``, which ends with a slash. Calls are made again as ``retries`` says."""

    def __init__(self, bucket: str, prefix: str, retries: Retries, endpoint: Endpoint = AWS_STANDARD) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._retries = retries
        self._clients = connect(endpoint, retries.policy.timeout_seconds)

    def put(self, name: str, file: Path) -> None:
        """As the port says."""
        self._retries.call(lambda: self._put(self._prefix + name, file))

    def fetch(self, name: str) -> memoryview:
        """As the port says; the bytes lie in a file of this machine meanwhile."""
        return self._retries.call(lambda: self._fetch(self._prefix + name))

    def move(self, name: str, to: str) -> None:
        """As the port says; the store copies it. One step after the other, so that none is done again for the next."""
        self._retries.call(lambda: self._copy(self._prefix + name, self._prefix + to))
        self._retries.call(lambda: self._delete(self._prefix + name))

    def holds(self, folder: str) -> bool:
        """As the port says."""
        return self._retries.call(lambda: bool(self._some(f"{self._prefix}{folder}/", 1)))

    def clear(self, folder: str) -> None:
        """As the port says."""
        self._retries.call(lambda: self._clear(f"{self._prefix}{folder}/"))

    def close(self) -> None:
        """Let go of connections."""
        self._clients.close()

    def _put(self, key: str, file: Path) -> None:
        with translated(f"Writing s3://{self._bucket}/{key}"):
            try:
                self._clients.boto.upload_file(str(file), self._bucket, key)
            except S3UploadFailedError as error:
                raise error.__context__ or error from None  # which says what the store answered

    def _fetch(self, key: str) -> memoryview:
        with translated(f"Reading s3://{self._bucket}/{key}"):
            body = self._clients.boto.get_object(Bucket=self._bucket, Key=key)["Body"]
            return spool(body.iter_chunks(CHUNK_BYTES))

    def _copy(self, key: str, to: str) -> None:
        with translated(f"Writing s3://{self._bucket}/{to}"):
            self._clients.boto.copy_object(Bucket=self._bucket, Key=to, CopySource={"Bucket": self._bucket, "Key": key})

    def _delete(self, key: str) -> None:
        with translated(f"Removing s3://{self._bucket}/{key}"):
            self._clients.boto.delete_object(Bucket=self._bucket, Key=key)

    def _some(self, prefix: str, most: int) -> Sequence[ObjectTypeDef]:
        with translated(f"Listing s3://{self._bucket}/{prefix}"):
            found = self._clients.boto.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=most)
            return found.get("Contents", ())

    def _clear(self, prefix: str) -> None:
        with translated(f"Removing s3://{self._bucket}/{prefix}"):
            while found := self._some(prefix, 1_000):
                keys: list[ObjectIdentifierTypeDef] = [{"Key": each["Key"]} for each in found]
                gone = self._clients.boto.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
                for error in gone.get("Errors", ())[:1]:
                    detail = f"s3://{self._bucket}/{error.get('Key')} cannot be removed: {error.get('Message')}"
                    raise SetupError(detail, hint=f"allow s3:DeleteObject below {self._prefix}")
