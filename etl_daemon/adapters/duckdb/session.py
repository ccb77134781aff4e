"""A DuckDB file, opened for one piece of work and closed again: a writer locks every other process out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import numpy as np
import pyarrow as pa
import tenacity

from etl_daemon.core import arrow
from etl_daemon.core.sql.dialect import DUCKDB, Dialect
from etl_daemon.errors import BusyError, SetupError, TransientError

FOREIGN = "not a valid DuckDB database file"
SCANNED_ROWS = 122_880
"""Rows of one row group: DuckDB's threads take a batch of Arrow each."""
INTERRUPTED = "Query interrupted"
"""What DuckDB raises as a RuntimeError where Ctrl-C came during a statement."""
_MORE_ROOM = "raise MEMORY_LIMIT_MB, or have fewer rows committed at a time with ETL_BATCH_SIZE"
LOCKED = ("could not set lock", "conflicting lock", "being used by another process")


@dataclass(slots=True)
class Sent:
    """How many statements were sent."""

    statements: int = 0


@dataclass(frozen=True, slots=True)
class Passing:
    """A table for DuckDB to read batch by batch, as often as it likes; after each ``let_go`` is called.

    Small chunks are merged as they are read, so that they are never in memory twice all at once.
    """

    table: pa.Table
    let_go: Callable[[], None] | None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.table.schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for part in arrow.merged(self.table):
            for batch in part.to_batches(SCANNED_ROWS):
                yield batch
                if self.let_go:
                    self.let_go()


class DuckDBSession:
    """An open file. Staged rows are read from Arrow tables; nothing but small chunks is copied."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sent: Sent) -> None:
        self._connection = connection
        self._sent = sent

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        self._sent.statements += 1
        return self._connection.execute(statement, list(values)).fetchall()

    def pages(self, size: int, statement: str, *values: object) -> Iterator[list[tuple[Any, ...]]]:
        """The same rows, so many at a time."""
        self._sent.statements += 1
        answer = self._connection.execute(statement, list(values))
        while page := answer.fetchmany(size):
            yield page

    def run(self, statement: str, *values: object) -> int:
        """How many rows a statement changed."""
        changed = self.rows(statement, *values)
        return int(changed[0][0]) if changed else 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN, then COMMIT, or ROLLBACK on any error."""
        self._sent.statements += 2  # BEGIN, and COMMIT or ROLLBACK
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def stage(
        self,
        name: str,
        table: pa.Table,
        stays: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
        let_go: Callable[[], None] | None = None,
    ) -> str:
        """Offer rows to later statements of the session as a table; its full name.

        The marks become a column that a view filters on: cutting the table itself would copy it.
        """
        if stays is None:
            self._connection.register(name, Passing(table, let_go))
            return name
        self._connection.register(f"{name}_ALL", Passing(table.append_column("STAYS", arrow.array(stays)), let_go))
        self._connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * EXCLUDE (STAYS) FROM {name}_ALL WHERE STAYS"
        )
        return name

    def tag(self, dataset: str, batch_id: str) -> None:
        """The file keeps no record of who asks what."""


@dataclass(frozen=True, slots=True)
class DuckDBFile:
    """Where the file lies, under which database name it is attached, and what a session may use.

    ``wait_seconds``: how long to wait for another process to let go of the file. ``temp_directory`` takes what a
    statement cannot hold within ``memory_limit_mb``; None: beside the file.
    """

    path: Path
    database: str
    threads: int = 2
    memory_limit_mb: int = 1024
    wait_seconds: float = 300.0
    temp_directory: Path | None = None
    _sent: Sent = field(default_factory=Sent, compare=False)

    dialect: ClassVar[Dialect] = DUCKDB

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def statements(self) -> int:
        """How many statements were sent so far, opening the file aside."""
        return self._sent.statements

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def probe(self) -> None:
        """Check that the file, or one in its place, can be written; nothing is left behind.

        Raises:
            BusyError: another process held the file all the while.
            SetupError: it cannot be written.
        """
        if not self.path.exists():
            folder = self.path.resolve().parent
            if not (folder.is_dir() and os.access(folder, os.W_OK)):
                raise SetupError(f"{folder} is no writable folder.", hint="make it, or correct ETL_DUCKDB_PATH")
            return
        with self.connection() as connection:
            connection.begin()
            connection.execute(f"CREATE SCHEMA {self.database}.ETL_PROBE")
            connection.rollback()

    @contextmanager
    def session(self, *, read_only: bool = False) -> Iterator[DuckDBSession]:
        """A session for one piece of work.

        Raises: as ``connection``.
        """
        with self.connection(read_only=read_only) as connection:
            yield DuckDBSession(connection, self._sent)

    def close(self) -> None:
        """Nothing stays open between sessions."""

    @contextmanager
    def connection(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in which the file is the current database.

        Raises:
            BusyError: another process held the file all the while.
            TransientError: the disk or the memory limit is full, or reading or writing failed.
            SetupError: the file is no DuckDB file, or its folder is missing.
            KeyboardInterrupt: Ctrl-C, during a statement too.
        """
        connection = duckdb.connect(
            config={
                "threads": self.threads,
                "memory_limit": f"{self.memory_limit_mb}MiB",
                "temp_directory": str(self.temp_directory or f"{self.path}.tmp"),
                "autoinstall_known_extensions": False,
                "preserve_insertion_order": False,  # rows carry their place; ordered inserts cost a quarter more
                "TimeZone": "UTC",
            }
        )
        try:
            self._attach(connection, read_only=read_only)
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise TransientError(f"DuckDB: {error}", hint=_MORE_ROOM) from error
        except (duckdb.IOException, duckdb.TransactionException) as error:
            raise TransientError(f"DuckDB: {error}", hint=f"check disk space and rights of {self.path}") from error
        except duckdb.Error as error:
            raise SetupError(f"DuckDB: {error}", hint="run `etl-daemon init`; compare the target's columns") from error
        except RuntimeError as error:
            if str(error) == INTERRUPTED:
                raise KeyboardInterrupt from error
            raise
        finally:
            connection.close()

    def _attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
        path = str(self.path).replace("'", "''")
        # Named, or DuckDB would look for an extension that reads a file of another kind.
        mode = "TYPE duckdb, READ_ONLY" if read_only else "TYPE duckdb"
        try:
            for attempt in tenacity.Retrying(
                retry=tenacity.retry_if_exception(_locked),
                stop=tenacity.stop_after_delay(self.wait_seconds),
                wait=tenacity.wait_random_exponential(0.05, max=2.0),
                reraise=True,
            ):
                with attempt:
                    connection.execute(f"ATTACH '{path}' AS {self.database} ({mode})")
        except duckdb.IOException as error:
            if _locked(error):
                raise BusyError(
                    f"Another process holds {self.path}: {error}",
                    hint="wait for it to end, or raise ETL_TIMEOUT",
                ) from error
            if FOREIGN in str(error):
                hint = "name another file with ETL_DUCKDB_PATH; it is made when it is not there"
                raise SetupError(f"{self.path} is no DuckDB file.", hint=hint) from error
            raise SetupError(
                f"Cannot open {self.path}: {error}",
                hint="set ETL_DUCKDB_PATH to a file in an existing, writable folder",
            ) from error
        connection.execute(f"USE {self.database}")


def _locked(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and any(words in str(error).lower() for words in LOCKED)
