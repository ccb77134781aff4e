"""Large bodies on disk instead of in memory, in a file that nobody else can see, change or shorten."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from etl_daemon.errors import TransientError

Write = Callable[[int, bytes | memoryview], None]
"""Takes where in the file the bytes belong, and them."""


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


def spool_parts(size: int, fill: Callable[[Write], None], directory: Path | None = None) -> memoryview:
    """Such a file of ``size`` bytes (above 0), all of which ``fill`` writes, in any order and by any threads.

    Errors of ``fill`` pass through as they are; no thread may write once it has ended.

    Raises:
        TransientError: the disk is full, or the directory cannot be written.
    """
    where = directory or Path(tempfile.gettempdir())
    with _disk(where):
        file = tempfile.TemporaryFile(dir=where)  # noqa: SIM115 - as above

    def write(at: int, some: bytes | memoryview) -> None:
        left = memoryview(some)
        with _disk(where):
            while left:
                written = os.pwrite(file.fileno(), left, at)
                at, left = at + written, left[written:]

    with file:
        fill(write)
        with _disk(where):
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))


def map_written(write: Callable[[pa.NativeFile], None], directory: Path) -> mmap.mmap:
    """What ``write`` writes, in such a file, mapped; errors of writing count as the disk's.

    Raises:
        TransientError: the disk is full, or the directory cannot be written.
    """
    with _disk(directory), tempfile.NamedTemporaryFile(dir=directory) as file:
        with pa.OSFile(file.name, "wb") as sink:
            write(sink)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def map_file(path: Path) -> memoryview:
    """A file that nobody changes any more, mapped.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b"")


def map_zeros(size: int, directory: Path) -> mmap.mmap:
    """Such a file of zeros, mapped to be written; its room on the disk is taken at once (size in bytes, above 0).

    Raises:
        TransientError: the disk is full, or the directory cannot be written.
    """
    with _disk(directory), tempfile.TemporaryFile(dir=directory) as file:
        os.posix_fallocate(file.fileno(), 0, size)  # a full disk that shows later kills the process (SIGBUS)
        return mmap.mmap(file.fileno(), size)


def let_go(view: memoryview) -> None:
    """Give the memory of a spooled body back, if it is one: what is looked at again comes from the file again."""
    if isinstance(view.obj, mmap.mmap):
        view.obj.madvise(mmap.MADV_DONTNEED)


@contextmanager
def _disk(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = f"Free space in {where}, or make it writable."
        raise TransientError(f"Cannot spool to {where}: {error}.", hint=hint) from error
