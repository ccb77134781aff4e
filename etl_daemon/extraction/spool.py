"""Rows on their way from a database to an object: files of one dataset, in a folder that one process has at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from etl_daemon.core.upstream.extraction import Part, Span
from etl_daemon.errors import SetupError, TransientError
from etl_daemon.extraction.needs import Snapshot

_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Spooled:
    """A CSV file of rows."""

    file: Path
    rows: int

    @property
    def digest(self) -> str:
        """The hash of what it holds."""
        with self.file.open("rb") as body:
            return hashlib.file_digest(body, "sha256").hexdigest()


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """An empty folder; what a process that was killed has left there is gone.

    Raises:
        TransientError: another process of this host is at work there, or the disk is full.
        SetupError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise NotADirectoryError(f"{folder} is a link, and would be emptied")
        lock = os.open(folder.with_name(f"{folder.name}.lock"), _LOCK_FLAGS, 0o600)
    except OSError as error:
        hint = "set ETL_STATE_DIR to a folder that can be written"
        raise SetupError(f"Cannot work in {folder}: {error}.", hint=hint) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _empty(folder)
        yield folder
        _empty(folder)
    except BlockingIOError as error:
        hint = "wait until it is done; with one ETL_DAEMON_NAME the lease sees to that"
        raise TransientError(f"Another process extracts what is made in {folder}.", hint=hint) from error
    finally:
        os.close(lock)


@contextmanager
def spooled(readers: Sequence[Snapshot], span: Span, parts: Sequence[Part], folder: Path) -> Iterator[Spooled]:
    """The rows of the parts in one file, which is gone afterwards; each reader reads one part at a time."""
    files = [folder / f"{os.urandom(8).hex()}.csv" for _ in parts]
    idle = list(readers)

    def write(part: Part, file: Path) -> int:
        reader = idle.pop()
        try:
            return reader.write(span, part, file)
        finally:
            idle.append(reader)

    try:
        with ThreadPoolExecutor(len(idle)) as pool:
            rows = sum(pool.map(write, parts, files))
        for file in files[1:]:
            _append(file, files[0])
        yield Spooled(files[0], rows)
    finally:
        for file in files:
            file.unlink(missing_ok=True)


@contextmanager
def reading(snapshot: Snapshot, count: int) -> Iterator[list[Snapshot]]:
    """So many snapshots, this one and others beside it."""
    with ExitStack() as stack:
        yield [snapshot, *(stack.enter_context(closing(snapshot.beside())) for _ in range(count - 1))]


def _append(file: Path, to: Path) -> None:
    """Put the rows of one file behind those of another, without their header line."""
    try:
        with to.open("ab") as out, file.open("rb") as body:
            while not body.readline().endswith(b'"\n'):  # a name may have line ends of its own
                pass
            shutil.copyfileobj(body, out, 2**20)
        file.unlink()
    except OSError as error:
        raise TransientError(f"Cannot write {to}: {error}.", hint="free space in ETL_STATE_DIR") from error


def _empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
