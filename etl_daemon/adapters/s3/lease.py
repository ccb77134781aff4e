"""The lease document as an object, written on condition that nobody else has written it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from etl_daemon.adapters.s3.clients import AWS_STANDARD, Endpoint, connect
from etl_daemon.adapters.s3.failures import translated
from etl_daemon.core.lease import Claim, Lease, Stored, from_text, to_text
from etl_daemon.errors import ObjectChangedError, SetupError

_NO_TAG = f'"{"0" * 32}"'
_NOBODY = Lease(Claim("", "", "", 0, "", 0.0), 0, datetime.fromtimestamp(0, UTC), "")
_ELSEWHERE = "set ETL_LEASE_URL to a file that all hosts see, or to none"


class S3Leaser:
    """``If-None-Match: *`` makes the object, ``If-Match`` replaces it. Each call is tried once, within the timeout."""

    def __init__(self, bucket: str, key: str, timeout_seconds: float, endpoint: Endpoint = AWS_STANDARD) -> None:
        self._bucket, self._key = bucket, key
        self._where = f"s3://{bucket}/{key}"
        self._clients = connect(endpoint, timeout_seconds)
        self._proven = False

    def read(self) -> Stored | None:
        """As the port says."""
        try:
            with self._explained("Reading"):
                answer = self._clients.boto.get_object(Bucket=self._bucket, Key=self._key)
                text = answer["Body"].read().decode("utf-8", "replace")
        except ObjectChangedError:
            return None
        return Stored(from_text(text, self._where), answer["ETag"])

    def write(self, lease: Lease, over: Stored | None) -> bool:
        """As the port says.

        Raises:
            SetupError: the store takes no notice of conditions, or access is denied.
        """
        body = to_text(lease).encode()
        written = self._put(body, over)
        if written and not self._proven:
            self._prove(body, over)
        return written

    def probe(self) -> None:
        """As the port says: by a write that is refused because what it is to replace is not there.

        A store without regard for conditions takes it, and has what it had, or a document that grants no time.
        """
        there = self.read()
        body = to_text(there.lease if there else _NOBODY).encode()
        if self._attempt(body, {"IfMatch": _NO_TAG}):
            raise SetupError(f"{self._where}: this store takes no notice of If-Match.", hint=_ELSEWHERE)

    def close(self) -> None:
        """Let go of connections."""
        self._clients.close()

    def _put(self, body: bytes, over: Stored | None) -> bool:
        if over is None:
            return self._attempt(body, {"IfNoneMatch": "*"})
        if self._attempt(body, {"IfMatch": over.tag}):
            return True
        # Ceph's gateway compares the tag without its quotes: where it refused the right one, give it that.
        there = self.read()
        if there is None or there.tag != over.tag:
            return False
        return self._attempt(body, {"IfMatch": over.tag.strip('"')})

    def _attempt(self, body: bytes, condition: dict[str, Any]) -> bool:
        try:
            with self._explained("Writing"):
                self._clients.boto.put_object(
                    Bucket=self._bucket, Key=self._key, Body=body, ContentType="application/json", **condition
                )
        except ObjectChangedError:
            return False
        return True

    def _prove(self, body: bytes, over: Stored | None) -> None:
        """The same write again must be refused, for what it was to replace is gone; it would change nothing."""
        if self._put(body, over):
            raise SetupError(f"{self._where}: this store takes no notice of If-Match.", hint=_ELSEWHERE)
        self._proven = True

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            with translated(f"{doing} the lease {self._where}"):
                yield
        except SetupError as error:
            grant = f"grant s3:GetObject and s3:PutObject on {self._where}, or {_ELSEWHERE}"
            raise SetupError(error.detail, hint=f"{error.hint} For the lease: {grant}") from error
