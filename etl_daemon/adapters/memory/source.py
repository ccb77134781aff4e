"""A source in memory: for tests, and for rows that were never an object."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import ObjectChangedError


class MemorySource:
    """Objects of any number of buckets. ``fetched`` lists the keys whose bodies were asked for, in order.

    ``list_faults`` and ``fetch_faults`` hold errors: each call of ``list`` or ``fetch`` raises the next one, until
    there are none left; ``None`` among them lets one call pass.
    """

    def __init__(self) -> None:
        self.list_faults: deque[Exception | None] = deque()
        self.fetch_faults: deque[Exception | None] = deque()
        self.fetched: list[str] = []
        self.list_requests = 0
        self.closed = False
        self._objects: dict[tuple[str, str], tuple[ObjectRef, bytes]] = {}
        self._writes = 0

    def put(self, key: str, data: bytes, modified: datetime | None = None, bucket: str = "") -> ObjectRef:
        """Write or overwrite an object; every write makes a new version."""
        self._writes += 1
        etag = f"{self._writes:08x}"
        ref = ObjectRef(modified or datetime.now(UTC), key, f"v{self._writes}", bucket, etag, len(data))
        self._objects[bucket, key] = (ref, bytes(data))
        return ref

    def delete(self, key: str, bucket: str = "") -> None:
        """Take an object away."""
        del self._objects[bucket, key]

    def list(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """As the port says; the listing shows the moment at which it began."""
        self.list_requests += 1
        _raise_next(self.list_faults)
        keys = sorted(
            key for held, key in self._objects if held == bucket and key.startswith(prefix) and key > start_after
        )
        yield from [self._objects[bucket, key][0] for key in keys if not key.endswith("/")]

    def fetch(self, ref: ObjectRef) -> memoryview:
        """As the port says."""
        self.fetched.append(ref.key)
        _raise_next(self.fetch_faults)
        held = self._objects.get((ref.bucket, ref.key))
        if held is None or held[0].version != ref.version:
            raise ObjectChangedError(f"{ref.key} is no longer the version that was listed.")
        return memoryview(held[1])

    def part(self, ref: ObjectRef, begin: int, end: int) -> memoryview:
        """As the port says."""
        return self.fetch(ref)[begin:end]

    def peek(self, ref: ObjectRef) -> None:
        """As the port says."""
        self.fetch(ref)

    def close(self) -> None:
        """Nothing to let go of; ``closed`` tells that it was called."""
        self.closed = True


def _raise_next(faults: deque[Exception | None]) -> None:
    fault = faults.popleft() if faults else None
    if fault is not None:
        raise fault
