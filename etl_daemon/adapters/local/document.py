"""A small document as a file, written on condition that nobody else has written it meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import FileIO
from pathlib import Path

from etl_daemon.core.documents import LARGEST_BYTES, Written
from etl_daemon.errors import EtlError, SetupError, TransientError


class FileDocument:
    """A file that is replaced as a whole, under a lock beside it; also where several hosts mount it."""

    def __init__(self, path: Path, *, hint: str) -> None:
        self._path = path
        self._hint = hint

    def read(self) -> Written | None:
        """As the port says."""
        try:
            with FileIO(self._path, opener=_waiting_for_nobody) as file:
                text = file.read(LARGEST_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure("Reading", error) from error
        return Written(text, sha256(text.encode()).hexdigest())

    def write(self, text: str, over: Written | None) -> bool:
        """As the port says."""
        try:
            with self._guarded():
                there = self.read()
                if (there.tag if there else None) != (over.tag if over else None):
                    return False
                self._replace(text)
        except OSError as error:
            raise self._failure("Writing", error) from error
        return True

    def close(self) -> None:
        """Nothing to let go of."""

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """One writer at a time, from its comparison to its rename; a writer that dies lets go."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = opened(self._path.with_name(f"{self._path.name}.guard"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, text: str) -> None:
        beside = self._path.with_name(f"{self._path.name}.next")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(beside, flags, 0o640), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # what it counts must not go back after a power cut
        beside.replace(self._path)

    def _failure(self, doing: str, error: OSError) -> EtlError:
        """Rights and places do not mend themselves; a full disk or a silent file server may."""
        lasting = isinstance(error, PermissionError | NotADirectoryError | IsADirectoryError | FileExistsError)
        kind = SetupError if lasting or error.errno in {errno.EROFS, errno.ELOOP} else TransientError
        return kind(f"{doing} {self._path}: {error}.", hint=self._hint)


def opened(path: Path) -> int:
    """A descriptor of a file to lock, made where there is none, and nobody else's to open, who could lock it too.

    Raises:
        OSError: it cannot be made, or is a link, which could lead to any file.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _waiting_for_nobody(path: str, flags: int) -> int:
    """A pipe that somebody has put there has nothing in it, at once."""
    return os.open(path, flags | os.O_NONBLOCK)
