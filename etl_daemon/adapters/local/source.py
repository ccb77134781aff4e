"""A folder laid out like a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path

from etl_daemon.adapters.local.walk import Span, holds, path_of, walk, within
from etl_daemon.adapters.spool import spool
from etl_daemon.core.budget import SPOOLED_FROM_BYTES
from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import ObjectChangedError, SetupError, TransientError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK_BYTES = 8 * 2**20


class LocalSource:
    """Files below ``root``, whose keys are their paths relative to it.

    A bucket is the folder of that name in the root if there is one, else the root itself. A version is size and mtime
    in nanoseconds; ``modified`` is the mtime, so a file moved in from elsewhere is as old as it was there.
    ``list_requests`` counts the walks.
    """

    def __init__(
        self, root: Path, *, spool_directory: Path | None = None, spool_from_bytes: int = SPOOLED_FROM_BYTES
    ) -> None:
        self.list_requests = 0
        self._root = root
        self._spool_directory = spool_directory
        self._spool_from_bytes = spool_from_bytes

    def list(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """As the port says.

        Raises:
            SetupError: the folder is missing or cannot be read.
            TransientError: the file system did not answer.
        """
        self.list_requests += 1
        try:
            for key, path in walk(self._folder(bucket), Span(prefix, start_after)):
                yield from _refs(bucket, key, path)
        except PermissionError as error:
            hint = f"Let this user read {error.filename} and all folders above it."
            raise SetupError(f"No access to {error.filename}.", hint=hint) from error
        except OSError as error:
            raise TransientError(f"Cannot list {self._root}: {error}.") from error

    def fetch(self, ref: ObjectRef) -> memoryview:
        """As the port says; large files are copied to a spool, so that a writer cannot change what was handed out.

        Raises:
            SetupError: the file cannot be read.
        """
        with self._opened(ref) as file:
            return self._read(ref, file)

    def part(self, ref: ObjectRef, begin: int, end: int) -> memoryview:
        """As the port says; large parts are copied as whole files are."""
        with self._opened(ref) as file:
            return self._read(ref, file, (begin, end))

    def peek(self, ref: ObjectRef) -> None:
        """As the port says."""
        with self._opened(ref) as file:
            self._require_listed(ref, file)
            file.read(1)

    @contextmanager
    def _opened(self, ref: ObjectRef) -> Iterator[FileIO]:
        path = path_of(self._folder(ref.bucket), ref.key)
        if path is None:
            raise ObjectChangedError(f"{ref.key} is gone.")
        try:
            with FileIO(path, opener=_open) as file:
                yield file
        except FileNotFoundError as error:
            raise ObjectChangedError(f"{ref.key} is gone.") from error
        except PermissionError as error:
            raise SetupError(f"No access to {path}.", hint=f"Let this user read {path}.") from error
        except OSError as error:
            raise TransientError(f"Cannot read {path}: {error}.") from error

    def close(self) -> None:
        """Nothing is held open."""

    def _require_listed(self, ref: ObjectRef, file: FileIO) -> None:
        """A folder on the way may have become a link since the path was looked at."""
        if not holds(self._folder(ref.bucket), file.fileno()):
            raise ObjectChangedError(f"{ref.key} leads out of the folder.")
        _require_version(ref, file)

    def _read(self, ref: ObjectRef, file: FileIO, span: tuple[int, int] | None = None) -> memoryview:
        self._require_listed(ref, file)
        begin, end = span or (0, ref.size)
        file.seek(begin)
        chunks = _chunks(file, end - begin)
        large = end - begin >= self._spool_from_bytes
        body = spool(chunks, self._spool_directory) if large else memoryview(b"".join(chunks))
        _require_version(ref, file)
        if len(body) != end - begin:
            raise ObjectChangedError(f"{ref.key} changed while it was read.")
        return body

    def _folder(self, bucket: str) -> str:
        if not self._root.is_dir():
            raise SetupError(f"There is no folder {self._root}.", hint=f"mkdir -p {self._root}")
        root = os.path.realpath(self._root)
        inner = self._root / bucket
        is_name = bucket not in {"", ".", ".."} and "/" not in bucket
        there = os.path.realpath(inner)
        return there if is_name and inner.is_dir() and within(root, there) else root


def _refs(bucket: str, key: str, path: str) -> Iterator[ObjectRef]:
    try:
        stat = Path(path).stat()
    except FileNotFoundError:  # deleted while we walk
        return
    yield reference(bucket, key, stat)


def reference(bucket: str, key: str, stat: os.stat_result) -> ObjectRef:
    """A file as an object."""
    modified = _EPOCH + timedelta(microseconds=stat.st_mtime_ns // 1000)
    return ObjectRef(modified, key, _version(stat), bucket, "", stat.st_size)


def _open(path: str, flags: int) -> int:
    # Should the file have become a pipe meanwhile, do not wait for its writer.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _chunks(file: FileIO, limit: int) -> Iterator[bytes]:
    """What follows, up to ``limit`` bytes; a writer that keeps appending shows in the file's version."""
    while limit > 0 and (chunk := file.read(min(limit, _CHUNK_BYTES))):
        limit -= len(chunk)
        yield chunk


def _version(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _require_version(ref: ObjectRef, file: FileIO) -> None:
    if _version(os.fstat(file.fileno())) != ref.version:
        raise ObjectChangedError(f"{ref.key} is no longer the version that was listed.")
