"""Objects put into S3: large ones in parts, each with a checksum that the store verifies."""

from __future__ import annotations

from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig

from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import AWS_STANDARD, Endpoint, connect
from etl_daemon.adapters.s3.failures import translated
from etl_daemon.adapters.s3.source import reference
from etl_daemon.core.model import ObjectRef
from etl_daemon.ports import Sent, unheard

PART_BYTES = 16 * 2**20


class S3Store:
    """Calls are made again as ``retries`` says. An upload that fails leaves no object, and no parts."""

    def __init__(self, bucket: str, retries: Retries, endpoint: Endpoint = AWS_STANDARD) -> None:
        self._bucket = bucket
        self._retries = retries
        self._clients = connect(endpoint, retries.policy.timeout_seconds)
        self._transfer = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)

    def find(self, key: str) -> ObjectRef | None:
        """As the port says."""
        return self._retries.call(lambda: self._find(key))

    def put(self, key: str, file: Path, *, replace: bool = False, sent: Sent = unheard) -> bool:
        """As the port says."""
        if not replace and self.find(key):
            return False
        self._retries.call(lambda: self._upload(key, file, sent))
        return True

    def close(self) -> None:
        """Let go of connections."""
        self._clients.close()

    def _find(self, key: str) -> ObjectRef | None:
        """By a listing, whose first key is the very one if it is there: HEAD does not tell a missing bucket from it."""
        with translated(f"Looking for s3://{self._bucket}/{key}"):
            page = self._clients.boto.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        return next((reference(self._bucket, each) for each in page.get("Contents", ()) if each["Key"] == key), None)

    def _upload(self, key: str, file: Path, sent: Sent) -> None:
        with translated(f"Writing s3://{self._bucket}/{key}"):
            try:
                self._clients.boto.upload_file(str(file), self._bucket, key, Callback=sent, Config=self._transfer)
            except S3UploadFailedError as error:
                raise error.__context__ or error from None  # which says what the store answered
