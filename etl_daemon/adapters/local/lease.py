"""The lease on this machine: its document as a file, and the lock that tells whether a predecessor is dead."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from etl_daemon.adapters.local.document import FileDocument, opened
from etl_daemon.core.documents import Written
from etl_daemon.core.lease import Lease, Stored, from_text, to_text
from etl_daemon.errors import SetupError

_HINT = "set ETL_LEASE_URL to a file in a folder that can be written"


class FileLeaser:
    """The document is a file that is replaced as a whole, under a lock beside it; also where several hosts mount it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document = FileDocument(path, hint=_HINT)

    def read(self) -> Stored | None:
        """As the port says."""
        there = self._document.read()
        return Stored(from_text(there.text, str(self._path)), there.tag) if there else None

    def write(self, lease: Lease, over: Stored | None) -> bool:
        """As the port says."""
        self.read()  # what is no lease is not written over
        return self._document.write(to_text(lease), Written(to_text(over.lease), over.tag) if over else None)

    def probe(self) -> None:
        """As the port says: the document, if there is one, can be read, and its folder written or made."""
        self.read()
        folder = next(each for each in self._path.absolute().parents if each.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise SetupError(f"{folder} is no folder that can be written.", hint=_HINT)

    def close(self) -> None:
        """Nothing to let go of."""


class HostLock:
    """A lock file of this host, held from ``take`` to ``close``, or until the process ends in whatever way.

    The file keeps an ``identity``, so that nobody takes another folder's lock of the same name for this one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity = ""
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether it is ours; False: another living process has it.

        Raises:
            SetupError: the file cannot be made.
        """
        if self._descriptor is not None:
            return True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = opened(self.path)
        except OSError as error:
            hint = "set ETL_STATE_DIR to a folder that can be written"
            raise SetupError(f"Cannot make {self.path}: {error}.", hint=hint) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor, self.identity = descriptor, _identity(descriptor)
        return True

    def close(self) -> None:
        """Let go of it; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _identity(descriptor: int) -> str:
    """What the file holds, written there by the first who locked it, and its inode: a copy is another lock."""
    found = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
    if not found:
        found = secrets.token_hex(16)
        os.pwrite(descriptor, found.encode(), 0)
    return f"{found}-{os.fstat(descriptor).st_ino}"
