"""Large bodies on disk instead of in memory, in a file that nobody else can see, change or shorten."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from etl_daemon.errors import TransientError

SPOOL_FROM_BYTES = 64 * 2**20
"""Objects from this size on are spooled."""


def spool(chunks: Iterable[bytes | memoryview], directory: Path | None = None) -> memoryview:
    """Write the chunks to an unlinked temporary file and map it, read-only; the file lives as long as the view.

    A private copy: had we mapped a file that its writer then shortens, reading it would kill the process (SIGBUS).
    Errors of ``chunks`` pass through as they are.

    Raises:
        TransientError: the disk is full, or the directory cannot be written.
    """
    where = directory or Path(tempfile.gettempdir())
    with _disk(where):
        file = tempfile.TemporaryFile(dir=where)  # noqa: SIM115 - closed below; errors of the chunks are not the disk's
    with file:
        for chunk in chunks:
            with _disk(where):
                file.write(chunk)
        with _disk(where):
            file.flush()
            size = file.tell()
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")


@contextmanager
def _disk(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = f"Free space in {where}, or make it writable."
        raise TransientError(f"Cannot spool to {where}: {error}.", hint=hint) from error
