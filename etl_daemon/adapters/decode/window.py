"""An object as a file of which a part is at hand, and the rest is fetched where it is asked for."""

from __future__ import annotations

import io
import os

from etl_daemon.ports.dividing import Bytes


class Window(io.RawIOBase):
    """``held`` are the bytes from ``begin`` on. Errors are those of ``fetch``."""

    def __init__(self, size: int, fetch: Bytes, begin: int = 0, held: memoryview | None = None) -> None:
        self._size, self._fetch = size, fetch
        self._begin, self._held = begin, held if held is not None else memoryview(b"")
        self._at = 0

    def __len__(self) -> int:
        return self._size

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """As files do."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """As files do, and whole: what is asked for comes at once."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        begin, self._at = self._at, max(end, self._at)
        start = begin - self._begin
        if start >= 0 and end - self._begin <= len(self._held):
            return bytes(self._held[start : end - self._begin])
        return bytes(self._fetch(begin, end)) if begin < end else b""
