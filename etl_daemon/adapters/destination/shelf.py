"""Cleaned slices that exceed their share of memory: written to a file that nobody else sees, and mapped from there."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from weakref import WeakSet

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from etl_daemon.adapters.spool import map_written, map_zeros
from etl_daemon.core.model import CleanSlice, Deferral, Refusal
from etl_daemon.core.rules.precedence import Room

BATCH_ROWS = 2**15
"""Rows that are written, and so read, together: few enough for memory to be let go in small steps."""

SLICE_BYTES = 2**14
"""What a slice takes beside its rows."""

TABLES = ("accepted", "quarantined", "anomalies")

Result = CleanSlice | Refusal | Deferral


class Shelf:
    """Keeps up to ``room_bytes`` of a batch's slices in memory, the others in ``directory``.

    A table from the shelf is as any other. What reading brings into memory leaves it by ``let_go``; the file goes with
    the last of its tables.
    """

    def __init__(self, room_bytes: int, directory: Path | None = None) -> None:
        self._room_bytes = room_bytes
        self._directory = directory
        self._maps: WeakSet[mmap.mmap] = WeakSet()

    @property
    def used(self) -> bool:
        """Whether anything lies there."""
        return bool(self._maps)

    def shelved(self, results: Iterable[Result]) -> Iterator[Result]:
        """The same results; slices are held back until they are too many for memory, or there are no more.

        Raises:
            TransientError: the disk is full, or the directory cannot be written.
        """
        held: list[Result] = []
        size = 0
        for result in results:
            held.append(result)
            size += _bytes(result)
            del result  # or it would be held while the next is made
            if size > self._room_bytes:
                yield from self._put(held)
                held, size = [], 0
        yield from self._put(held) if self.used else held  # memory is for what follows

    @property
    def room(self) -> Room:
        """Where there is room for codes of rows: on the shelf, if rows lie there."""
        return Room(self._codes, self.let_go) if self.used else Room()

    def let_go(self) -> None:
        """Give memory back that reading tables from the shelf took; what is read again comes from the file again."""
        for each in [*self._maps]:
            each.madvise(mmap.MADV_DONTNEED)

    def _codes(self, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        if not rows:
            return np.zeros(0, np.int64)
        mapped = map_zeros(8 * rows, self._directory or Path(gettempdir()))
        self._maps.add(mapped)
        return np.frombuffer(mapped, np.int64)

    def _put(self, results: list[Result]) -> Iterator[Result]:
        slices = [each for each in results if isinstance(each, CleanSlice)]
        if not slices:
            yield from results
            return
        tables = iter(self._written([getattr(each, name) for each in slices for name in TABLES]))
        for result in results:
            if isinstance(result, CleanSlice):
                yield replace(result, **{name: next(tables) for name in TABLES})
            else:
                yield result

    def _written(self, tables: Sequence[pa.Table]) -> list[pa.Table]:
        """The tables, from one file."""
        ends: list[int] = []

        def write(sink: pa.NativeFile) -> None:
            for table in tables:
                with ipc.new_stream(sink, table.schema) as stream:
                    stream.write_table(table, BATCH_ROWS)
                ends.append(sink.tell())

        mapped = map_written(write, self._directory or Path(gettempdir()))
        self._maps.add(mapped)
        content = pa.py_buffer(mapped)
        starts = [0, *ends[:-1]]
        parts = [content.slice(start, end - start) for start, end in zip(starts, ends, strict=True)]
        read = [ipc.open_stream(part).read_all() for part in parts]
        self.let_go()
        return read


def _bytes(result: Result) -> int:
    if not isinstance(result, CleanSlice):
        return 0
    tables = [getattr(result, name) for name in TABLES]
    return SLICE_BYTES + sum(int(table.nbytes) for table in tables if table.num_rows)
