"""What every session sent, in order."""

from __future__ import annotations

import threading
import time
from typing import Any


class StatementLog:
    """Entries are plain dicts, as ``GET /emulator/queries`` answers them."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def record(self, session: int, query_tag: str, sql: str, binds: list[Any]) -> dict[str, Any]:
        """Add a statement that is about to run; its ``errno`` is to be set when it has failed."""
        with self._lock:
            entry = {
                "number": len(self._entries),
                "time": time.time(),
                "session": session,
                "query_tag": query_tag,
                "sql": sql,
                "binds": binds,
                "errno": None,
            }
            self._entries.append(entry)
            return entry

    def since(self, number: int) -> list[dict[str, Any]]:
        """All entries from that number on."""
        with self._lock:
            return self._entries[number:]
