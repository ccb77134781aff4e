"""Table locks, held like Snowflake's until the transaction ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from snowflake.connector.errors import ProgrammingError

LOCK_TIMED_OUT = 625
CANCELLED = 604


class TableLocks:
    """Who holds which table; a holder is the number of a session."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holders: dict[str, int] = {}

    def acquire(self, table: str, session: int, timeout_seconds: float, cancelled: Callable[[], bool]) -> None:
        """Wait until no other session holds the table.

        Raises:
            ProgrammingError: 625 after ``timeout_seconds``; 604 once ``cancelled()``.
        """
        end = time.monotonic() + timeout_seconds
        with self._changed:
            while (holder := self._holders.get(table, session)) != session:
                if cancelled():
                    raise ProgrammingError(msg="SQL execution canceled", errno=CANCELLED, sqlstate="57014")
                if not self._changed.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise ProgrammingError(
                        msg=f"Session {holder} has locked table '{table}' and has not committed. Your statement was "
                        f"aborted because the number of waiters or LOCK_TIMEOUT ({timeout_seconds:g} s) was exceeded.",
                        errno=LOCK_TIMED_OUT,
                        sqlstate="57014",
                    )
            self._holders[table] = session

    def release(self, session: int) -> None:
        """Give back all that the session holds."""
        with self._changed:
            self._holders = {table: holder for table, holder in self._holders.items() if holder != session}
            self._changed.notify_all()

    def wake(self) -> None:
        """Let the waiting look whether they were cancelled."""
        with self._changed:
            self._changed.notify_all()
