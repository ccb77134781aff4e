"""The order to end, for those who wait for something else as well."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Signal


class Stop(Signal):
    """Wakes, when it is set, whoever asked to be woken."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[Callable[[], None]] = []

    def wakes(self, sleeper: Callable[[], None]) -> None:
        """Have this called when the order comes, in the thread that gives it."""
        self._sleepers.append(sleeper)
        if self.is_set():
            sleeper()

    def set(self) -> None:
        """Give the order."""
        super().set()
        for wake in self._sleepers:
            wake()
