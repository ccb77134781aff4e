"""The queue of S3 events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from etl_daemon.core.messages import Message


class EventQueue(Protocol):
    """What tells of new objects. A message that was received comes again, unless it is deleted or extended in time."""

    def receive(self, wait_seconds: float) -> list[Message]:
        """Up to ten messages; if there is none, wait for one so long, 20 seconds at most.

        Raises:
            TransientError: the queue did not answer.
            SetupError: no such queue, or access denied.
        """

    def extend(self, messages: Sequence[Message], seconds: float) -> None:
        """Have them not come again for so long from now on; 0: at once. For those that are gone this means nothing.

        Raises:
            TransientError, SetupError: as ``receive``.
        """

    def delete(self, messages: Sequence[Message]) -> None:
        """Have them never come again. One whose time was over may come again all the same.

        Raises:
            TransientError, SetupError: as ``receive``.
        """

    def reject(self, message: Message, reason: str) -> bool:
        """Move it to the dead-letter queue, with the reason; False: there is none, and it stays where it is.

        Raises:
            TransientError, SetupError: as ``receive``; the message may be in both.
        """

    def close(self) -> None:
        """Let go of connections."""
