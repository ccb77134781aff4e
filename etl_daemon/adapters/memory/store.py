"""Objects put into a source in memory: for tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.core.model import ObjectRef
from etl_daemon.ports import Sent, unheard


class MemoryStore:
    """A bucket of the source; ``now`` dates what is put."""

    def __init__(
        self, source: MemorySource, bucket: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._source = source
        self._bucket = bucket
        self._now = now

    def find(self, key: str) -> ObjectRef | None:
        """As the port says."""
        return next((ref for ref in self._source.list(self._bucket, key) if ref.key == key), None)

    def put(self, key: str, file: Path, *, replace: bool = False, sent: Sent = unheard) -> bool:
        """As the port says."""
        if not replace and self.find(key):
            return False
        body = file.read_bytes()
        self._source.put(key, body, self._now(), self._bucket)
        sent(len(body))
        return True

    def close(self) -> None:
        """Nothing to let go of."""
