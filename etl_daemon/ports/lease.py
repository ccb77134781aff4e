"""Who may work: the lease document, and the lock of one host."""

from __future__ import annotations

from typing import Protocol

from etl_daemon.core.lease import Lease, Stored


class Leaser(Protocol):
    """Where the lease document lies. It is read, and written only over what was read; never deleted."""

    def read(self) -> Stored | None:
        """The document as it is now; None: there is none yet.

        Raises:
            TransientError: the store did not answer.
            SetupError: what lies there is no lease document, or access is denied.
        """

    def write(self, lease: Lease, over: Stored | None) -> bool:
        """Put the lease in place of ``over``; False where something else is there by now, or may be.

        After an error, and after False, the document may be the new one all the same, as when an answer was lost:
        ``read`` tells.

        Raises:
            TransientError: the store did not answer.
            SetupError: access is denied, or the store cannot write on a condition.
        """

    def probe(self) -> None:
        """Find out whether the document could be written, as far as that goes without writing it.

        Raises:
            TransientError, SetupError: as ``write``.
        """

    def close(self) -> None:
        """Let go of connections and files."""


class HostLock(Protocol):
    """A lock that ends with its process, so that a restart on the same host knows its predecessor to be dead."""

    @property
    def identity(self) -> str:
        """Which lock it is; empty until it was taken."""

    def take(self) -> bool:
        """Whether it is ours; False: another living process has it."""

    def close(self) -> None:
        """Let go of it."""
