"""Asking, and not too fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """At most so many requests in a second; 0: as they come."""

    per_second: float
    wait: Callable[[float], object]
    _free_at: float = 0.0

    def keep(self) -> None:
        """Wait until it is time for the next request."""
        now = time.monotonic()
        if self._free_at > now:
            self.wait(self._free_at - now)
        if self.per_second:
            self._free_at = max(self._free_at, now) + 1 / self.per_second
