"""Worker threads, each with a DuckDB connection of its own and files in memory to read from."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

import duckdb
import pyarrow as pa

from etl_daemon.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "",
}


MAX_QUERIES = 16
"""Queries that a connection keeps ready."""


class Sheet:
    """A file in memory, rewritten again and again."""

    def __init__(self) -> None:
        self._linked = ""
        if hasattr(os, "memfd_create"):
            self._file = os.memfd_create("etl-daemon-decode")
            self.path = f"/proc/self/fd/{self._file}"
        else:
            self._file, self.path = tempfile.mkstemp(prefix="etl-daemon-decode-")
            self._linked = self.path

    def load(self, data: bytes | memoryview | pa.Buffer) -> None:
        """Make ``data`` the content of the file."""
        view = memoryview(data)
        at = 0
        while at < len(view):  # one call writes 2 GiB at most
            at += os.pwrite(self._file, view[at:], at)
        os.ftruncate(self._file, len(view))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
        if self._linked:
            Path(self._linked).unlink()


class Scratch:
    """A DuckDB connection and the files that it reads: bytes in, tables out. For one thread at a time.

    ``chunk`` is for all lines of a chunk, ``picked`` for a few of them: a file that shrinks gives its memory away.
    """

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config=CONFIG)
        self._queries: dict[str, duckdb.DuckDBPyRelation] = {}
        self.chunk, self.picked = Sheet(), Sheet()

    def table(self, sql: str) -> pa.Table:
        """The result of a query. What is asked of every chunk is parsed and planned once.

        Raises:
            DataError: ``undecodable``: DuckDB gives up on the content.
        """
        try:
            return self._query(sql).to_arrow_table()
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            raise DataError("undecodable", f"The JSON cannot be read: {error}.") from error

    def _query(self, sql: str) -> duckdb.DuckDBPyRelation:
        if sql not in self._queries:
            if len(self._queries) == MAX_QUERIES:
                self._queries.clear()
            self._queries[sql] = self._connection.sql(sql)
        return self._queries[sql]

    def close(self) -> None:
        """Let go of connection and files."""
        self._queries.clear()
        self._connection.close()
        self.chunk.close()
        self.picked.close()


class Workshop:
    """Up to ``threads`` workers, and the scratches they take turns with. Made on first use; safe for many callers.

    Without threads the work is done by whoever takes the results.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._idle: list[Scratch] = []
        self._lock = Lock()
        self._executor: ThreadPoolExecutor | None = None

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """A scratch that nobody else has meanwhile."""
        with self._lock:
            scratch = self._idle.pop() if self._idle else None
        scratch = scratch or Scratch()
        try:
            yield scratch
        finally:
            with self._lock:
                self._idle.append(scratch)

    def in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """``work`` on each item by the workers, results in the items' order; a lone item is done right here."""
        if not self._threads:
            yield from map(work, items)
            return
        items = iter(items)
        first = next(items, None)
        second = next(items, None)
        if second is None:
            if first is not None:
                yield work(first)
            return
        window: deque[Future[Result]] = deque()
        try:
            window.extend(self._submit(work, item) for item in (first, second) if item is not None)
            for item in items:
                window.append(self._submit(work, item))
                if len(window) > self._threads + 1:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            for future in window:
                future.cancel()

    def _submit(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="decode")
            return self._executor.submit(work, item)

    def close(self) -> None:
        """Wait for the workers, then let go of everything."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None
        while self._idle:
            self._idle.pop().close()
