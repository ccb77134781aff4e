"""Objects in S3, or in a store that speaks its language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any

from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.body import NotAPartError, pieces, whole
from etl_daemon.adapters.s3.clients import AWS_STANDARD, Endpoint, connect
from etl_daemon.adapters.s3.failures import translated
from etl_daemon.adapters.s3.parts import Large, Parts
from etl_daemon.adapters.spool import spool
from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef


class S3Source:
    """A version is etag and LastModified, which the listing shows: no request per object, on versioned buckets either.

    Calls are made again as ``retries`` says. ``list_requests`` counts the pages asked for.
    """

    def __init__(self, retries: Retries, endpoint: Endpoint = AWS_STANDARD, large: Large | None = None) -> None:
        self.list_requests = 0
        self._retries = retries
        self._clients = connect(endpoint, retries.policy.timeout_seconds)
        self._large = large or Large()
        self._parts = Parts(self._clients, retries, self._large)

    def list(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """As the port says; a page that fails is asked for again, not the whole listing."""
        where: dict[str, Any] = {"StartAfter": start_after} if start_after else {}
        while True:
            page = self._page({"Bucket": bucket, "Prefix": prefix, **where})
            for entry in page.get("Contents", ()):
                if entry["Size"] or not entry["Key"].endswith("/"):  # or it is a directory marker
                    yield reference(bucket, entry)
            if not page["IsTruncated"]:
                return
            where = {"ContinuationToken": page["NextContinuationToken"]}

    def fetch(self, ref: ObjectRef) -> memoryview:
        """As the port says.

        Raises:
            DataError: ``archived``: the object lies in a storage class that must be restored first.
            SetupError: access denied, or no such bucket any more.
        """
        if ref.size >= self._large.from_bytes:
            with suppress(NotAPartError):
                return self._parts.fetch(ref, (0, ref.size))
        return self._retries.call(lambda: self._fetch(ref))

    def part(self, ref: ObjectRef, begin: int, end: int) -> memoryview:
        """As the port says; of a store that gives no parts it is cut out of the whole."""
        with suppress(NotAPartError):
            if begin < end:
                return self._parts.fetch(ref, (begin, end))
        return self.fetch(ref)[begin:end] if begin < end else memoryview(b"")

    def peek(self, ref: ObjectRef) -> None:
        """As the port says.

        Raises:
            DataError: ``archived``, as ``fetch``.
        """
        self._retries.call(lambda: self._peek(ref))

    def close(self) -> None:
        """Let go of connections."""
        self._parts.close()
        self._clients.close()

    def _page(self, arguments: dict[str, Any]) -> ListObjectsV2OutputTypeDef:
        def attempt() -> ListObjectsV2OutputTypeDef:
            self.list_requests += 1
            with translated(f"Listing s3://{arguments['Bucket']}/{arguments['Prefix']}"):
                return self._clients.boto.list_objects_v2(**arguments)

        return self._retries.call(attempt)

    def _fetch(self, ref: ObjectRef) -> memoryview:
        with translated(f"Reading s3://{ref.bucket}/{ref.key}"):
            if ref.size >= self._large.from_bytes:
                body = spool(pieces(self._clients, ref), self._large.directory)
            else:
                body = whole(self._clients, ref)
        if len(body) != ref.size:
            raise TransientError(f"Reading s3://{ref.bucket}/{ref.key}: {len(body)} of {ref.size} bytes arrived.")
        return body

    def _peek(self, ref: ObjectRef) -> None:
        """By the client that will fetch it: what that one trusts may be other than what lists."""
        with translated(f"Reading s3://{ref.bucket}/{ref.key}"):
            if not ref.size:
                whole(self._clients, ref)
                return
            with suppress(NotAPartError):  # a store that takes no notice of ranges
                next(pieces(self._clients, ref, (0, 1)))


def reference(bucket: str, entry: ObjectTypeDef) -> ObjectRef:
    """An object as a listing describes it."""
    etag = entry["ETag"].strip('"')
    modified = entry["LastModified"].astimezone(UTC)
    return ObjectRef(modified, entry["Key"], f"{etag}-{modified.isoformat()}", bucket, etag, entry["Size"])
