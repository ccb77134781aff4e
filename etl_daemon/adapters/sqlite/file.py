"""The one state file of a state folder: what may be forgotten, bounded, and made anew where it cannot be read."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from etl_daemon.core.events import Event, StateRebuilt
from etl_daemon.errors import EtlError, SetupError, TransientError

T = TypeVar("T")

NAME = "history.sqlite"
VERSION = 4
"""Raise it with every change of a table's columns: a file of another version gives way to a new one."""

DAY_SECONDS = 86_400.0

BUSY_SECONDS = 5.0
"""How long another process may have the file to itself."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LASTING = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and how much it keeps: rows of the last ``keep_seconds``, ``most`` of them at most.

    ``columns`` stands in CREATE TABLE after ``AT REAL NOT NULL``, which every table begins with: seconds since the
    epoch, by which its rows grow old.
    """

    name: str
    columns: str
    keep_seconds: float
    most: int

    @property
    def index(self) -> str:
        """The name of its index by age."""
        return f"{self.name}_AT"

    def create(self, db: sqlite3.Connection) -> None:
        """Make it, unless it is there."""
        db.execute(f"CREATE TABLE IF NOT EXISTS {self.name} (AT REAL NOT NULL, {self.columns})")
        db.execute(f"CREATE INDEX IF NOT EXISTS {self.index} ON {self.name} (AT)")

    def trim(self, db: sqlite3.Connection, now: float) -> None:
        """Drop the rows that are too old, and the oldest where they are too many."""
        db.execute(f"DELETE FROM {self.name} WHERE AT < ?", (now - self.keep_seconds,))
        beyond = f"SELECT ROWID FROM {self.name} ORDER BY AT DESC LIMIT -1 OFFSET ?"
        db.execute(f"DELETE FROM {self.name} WHERE ROWID IN ({beyond})", (self.most,))


class _UnfitError(Exception):
    """The file is none of ours, or one of another version."""


class StateFile:
    """One owner's tables in the file that all processes of a state folder share.

    Each call opens the file for itself, so it is safe from any thread, and a file that was taken away is made again.
    """

    def __init__(
        self,
        folder: Path,
        tables: Sequence[Table],
        tell: Callable[[Event], None] = lambda _: None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.path = folder / NAME
        self._tables = tables
        self._tell = tell
        self._busy_seconds = busy_seconds

    def write(self, act: Callable[[sqlite3.Connection], object], now: datetime) -> None:
        """Let ``act`` change the tables in one transaction, which also drops what is too old or too much.

        Raises:
            TransientError: the disk is full, or another process had the file for too long.
            SetupError: the file cannot be made or written.
        """

        def work() -> None:
            self._create()
            with closing(self._open()) as db:
                db.execute("BEGIN IMMEDIATE")
                act(db)
                for table in self._tables:
                    table.trim(db, now.timestamp())
                db.execute("COMMIT")

        self._mending("Writing", work)

    def read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """What ``ask`` finds; empty tables where there is no file yet. It must not change anything.

        Raises:
            TransientError, SetupError: as ``write``.
        """

        def work() -> T:
            with closing(self._open() if self.path.exists() else sqlite3.connect(":memory:")) as db:
                self._complete(db)
                return ask(db)

        return self._mending("Reading", work)

    def _mending(self, doing: str, work: Callable[[], T]) -> T:
        """Work once more, on a new file, if the one there is damaged or of another version."""
        with self._translated(doing):
            seen = self._inode()
            try:
                return work()
            except _UnfitError as error:
                self._set_aside(str(error), seen)
            except sqlite3.DatabaseError as error:
                if _code(error) not in _DAMAGED:
                    raise
                self._set_aside(str(error), seen)
            return work()

    def _create(self) -> None:
        """An empty file that is nobody else's to read; never one that is open here, whose locks a close would drop."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return

    def _open(self) -> sqlite3.Connection:
        if self.path.is_symlink():
            raise _UnfitError("it is a link")
        db = sqlite3.connect(self.path, timeout=self._busy_seconds, isolation_level=None)
        try:
            if _version(db) != VERSION:
                with self._alone():
                    _begin(db)
            db.execute("PRAGMA synchronous = NORMAL")
            self._complete(db)
        except BaseException:
            db.close()
            raise
        return db

    def _complete(self, db: sqlite3.Connection) -> None:
        """Make the tables that are not there yet: to look (for their indexes, made last) costs less than to try."""
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        for table in self._tables:
            if table.index not in there:
                table.create(db)

    def _set_aside(self, why: str, seen: int) -> None:
        """Rename the file, unless another process has just done so: then another one lies there."""
        with self._alone():
            if self._inode() != seen:
                return
            for ending in ("-wal", "-shm"):
                self.path.with_name(f"{NAME}{ending}").unlink(missing_ok=True)
            aside = self.path.with_name(f"{NAME}.damaged")
            self.path.replace(aside)
        self._tell(StateRebuilt("", str(self.path), f"{why}; it is now {aside.name}"))

    def _inode(self) -> int:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time makes the file or sets it aside; one that dies lets go."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _meaning(f"{doing} {self.path}", error) from error


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _begin(db: sqlite3.Connection) -> None:
    """Make an empty file ours; where another process did so meanwhile, there is nothing left to do."""
    found = _version(db)
    if found == VERSION:
        return
    if found or db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        raise _UnfitError(f"its version is {found}, not {VERSION}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA user_version = {VERSION}")


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _meaning(what: str, error: Exception) -> EtlError:
    """Rights and places do not mend themselves; a full disk or a busy file may."""
    lasting = isinstance(error, PermissionError | NotADirectoryError | FileExistsError)
    if lasting or _code(error) in _LASTING:
        return SetupError(f"{what}: {error}.", hint="set ETL_STATE_DIR to a folder that can be written")
    busy = _code(error) == sqlite3.SQLITE_BUSY
    hint = "fuser -v shows which process has it" if busy else "make room on the disk of ETL_STATE_DIR"
    return TransientError(f"{what}: {error}.", hint=hint)
