"""Rows of many slices in few files: written by an executor one after another, read by the driver in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from uuid import uuid4

import pyarrow as pa
from pyarrow import parquet

from etl_daemon.ports.fleet import Depot

FILE_BYTES = 150 * 2**20
"""Size from which a file is closed, compressed: between 100 and 250 MB load best."""

GROUP_ROWS = 2**18


@dataclass(slots=True)
class Sheaf:
    """Writes tables below one another; a file holds tables of one schema, and is in the depot when it is closed."""

    depot: Depot
    folder: str
    file_bytes: int = FILE_BYTES
    _name: str = ""
    _file: IO[bytes] | None = None
    _writer: parquet.ParquetWriter | None = None
    _waiting: list[pa.Table] = field(default_factory=list)

    def add(self, table: pa.Table) -> str:
        """The name of the file that the rows go to."""
        if self._writer and (self._writer.schema != table.schema or self._size() >= self.file_bytes):
            self.close()
        if not self._writer:
            self._name = f"{self.folder}/{uuid4().hex}.parquet"
            self._file = NamedTemporaryFile(prefix="sheaf-", suffix=".parquet")  # noqa: SIM115 - closed by close()
            self._writer = parquet.ParquetWriter(self._file.name, table.schema, compression="snappy")
        self._waiting.append(table)
        if sum(each.num_rows for each in self._waiting) >= GROUP_ROWS:
            self._write()
        return self._name

    def close(self) -> None:
        """Have what was added in the depot."""
        if self._writer and self._file:
            self._write()
            self._writer.close()
            self.depot.put(self._name, Path(self._file.name))
            self.drop()

    def drop(self) -> None:
        """Let go of what is not in the depot."""
        if self._file:
            self._file.close()
        self._writer = self._file = None
        self._waiting = []

    def _write(self) -> None:
        if self._writer and self._waiting:
            rows = pa.concat_tables(self._waiting).unify_dictionaries()
            self._writer.write_table(rows, row_group_size=GROUP_ROWS)
            self._waiting = []

    def _size(self) -> int:
        return Path(self._file.name).stat().st_size if self._file else 0


class Reading:
    """Gives the rows of one file, so many at a time; a row group is in memory at once, and what was taken of it."""

    def __init__(self, body: memoryview, leave: tuple[str, ...] = (), only: tuple[str, ...] | None = None) -> None:
        self._file = parquet.ParquetFile(pa.BufferReader(pa.py_buffer(body)))
        names = [name for name in self._file.schema_arrow.names if name not in leave]
        self._names = [name for name in names if only is None or name in only]
        self._groups = self._tables()
        self._left = self._file.schema_arrow.empty_table().select(self._names)

    def take(self, rows: int) -> pa.Table:
        """The next rows."""
        parts = [self._left.slice(0, rows)]
        self._left = self._left.slice(rows)
        while missing := rows - sum(part.num_rows for part in parts):
            group = next(self._groups)
            parts.append(group.slice(0, missing))
            self._left = group.slice(missing)
        return pa.concat_tables([part for part in parts if part.num_rows] or parts)

    def _tables(self) -> Iterator[pa.Table]:
        for number in range(self._file.num_row_groups):
            yield self._file.read_row_group(number, columns=self._names)
