"""A small document as an object, written on condition that nobody else has written it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from etl_daemon.adapters.s3.clients import AWS_STANDARD, Endpoint, connect
from etl_daemon.adapters.s3.failures import translated
from etl_daemon.core.documents import LARGEST_BYTES, Written
from etl_daemon.errors import ObjectChangedError, SetupError

_NO_TAG = f'"{"0" * 32}"'


class S3Document:
    """``If-None-Match: *`` makes the object, ``If-Match`` replaces it. Each call is tried once, within the timeout.

    ``hint`` says what else could be done where the store or its grants do not allow that.
    """

    def __init__(
        self, bucket: str, key: str, timeout_seconds: float, endpoint: Endpoint = AWS_STANDARD, *, hint: str
    ) -> None:
        self._bucket, self._key, self._hint = bucket, key, hint
        self.where = f"s3://{bucket}/{key}"
        self._clients = connect(endpoint, timeout_seconds)
        self._proven = False

    def read(self) -> Written | None:
        """As the port says."""
        try:
            with self._explained("Reading"):
                answer = self._clients.boto.get_object(Bucket=self._bucket, Key=self._key)
                text = answer["Body"].read(LARGEST_BYTES).decode("utf-8", "replace")
        except ObjectChangedError:
            return None
        return Written(text, answer["ETag"])

    def write(self, text: str, over: Written | None) -> bool:
        """As the port says.

        Raises:
            SetupError: the store takes no notice of conditions, or access is denied.
        """
        body = text.encode()
        written = self._put(body, over)
        if written and not self._proven:
            self._prove(body, over)
        return written

    def probe(self, text: str) -> None:
        """Write on a condition that cannot hold; a store that takes no notice of it has the text then.

        Raises:
            SetupError: it took no notice.
        """
        if self._attempt(text.encode(), {"IfMatch": _NO_TAG}):
            raise self._careless()

    def close(self) -> None:
        """Let go of connections."""
        self._clients.close()

    def _put(self, body: bytes, over: Written | None) -> bool:
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

    def _prove(self, body: bytes, over: Written | None) -> None:
        """The same write again must be refused, for what it was to replace is gone; it would change nothing."""
        if self._put(body, over):
            raise self._careless()
        self._proven = True

    def _careless(self) -> SetupError:
        return SetupError(f"{self.where}: this store takes no notice of If-Match.", hint=self._hint)

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            with translated(f"{doing} {self.where}"):
                yield
        except SetupError as error:
            grant = f"grant s3:GetObject and s3:PutObject on {self.where}, or {self._hint}"
            raise SetupError(error.detail, hint=f"{error.hint} Or: {grant}") from error
