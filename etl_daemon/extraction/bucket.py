"""Where extraction puts objects, and what it says of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from etl_daemon.core.events import Event, ObjectExtracted
from etl_daemon.ports import Store


@dataclass(frozen=True, slots=True)
class Put:
    """An object that was put, ``size`` in bytes; ``rows`` are 0 where nobody counts them before they are loaded."""

    key: str
    size: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """The store, the folder in which objects are made, and who hears of them.

    ``fence`` raises where it is not our turn any more. ``beat`` is called while an object is on its way.
    """

    store: Store
    spool: Path
    tell: Callable[[Event], None]
    now: Callable[[], datetime]
    fence: Callable[[], object] = lambda: None
    beat: Callable[[], None] = lambda: None

    def put(self, dataset: str, key: str, file: Path, rows: int = 0) -> Put | None:
        """Put a file if it is still our turn; None: the key is there already, and stays as it is.

        Raises:
            EtlError: as ``fence`` and the store's ``put``.
        """
        self.fence()
        began, size = time.perf_counter(), file.stat().st_size
        if not self.store.put(key, file, sent=lambda _: self.beat()):
            return None
        self.tell(ObjectExtracted(dataset, key, rows, size, time.perf_counter() - began))
        return Put(key, size, rows)
