"""The lease document as an object."""

from __future__ import annotations

from datetime import UTC, datetime

from etl_daemon.adapters.s3.clients import AWS_STANDARD, Endpoint
from etl_daemon.adapters.s3.document import S3Document
from etl_daemon.core.documents import Written
from etl_daemon.core.lease import Claim, Lease, Stored, from_text, to_text

_NOBODY = Lease(Claim("", "", "", 0, "", 0.0), 0, datetime.fromtimestamp(0, UTC), "")
_ELSEWHERE = "set ETL_LEASE_URL to a file that all hosts see, or to none"


class S3Leaser:
    """Written on condition that nobody else has written it meanwhile; each call is tried once, within the timeout."""

    def __init__(self, bucket: str, key: str, timeout_seconds: float, endpoint: Endpoint = AWS_STANDARD) -> None:
        self._document = S3Document(bucket, key, timeout_seconds, endpoint, hint=_ELSEWHERE)

    def read(self) -> Stored | None:
        """As the port says."""
        there = self._document.read()
        return Stored(from_text(there.text, self._document.where), there.tag) if there else None

    def write(self, lease: Lease, over: Stored | None) -> bool:
        """As the port says."""
        return self._document.write(to_text(lease), Written(to_text(over.lease), over.tag) if over else None)

    def probe(self) -> None:
        """As the port says: by a write that is refused because what it is to replace is not there.

        A store without regard for conditions takes it, and has what it had, or a document that grants no time.
        """
        there = self.read()
        self._document.probe(to_text(there.lease if there else _NOBODY))

    def close(self) -> None:
        """Let go of connections."""
        self._document.close()
