"""Rows of many slices in few files: written by an executor one after another, read by the driver in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from uuid import uuid4

import pyarrow as pa
from pyarrow import ipc, parquet

from etl_daemon.core.rules.origin import OBJECT
from etl_daemon.ports.fleet import Depot

FILE_BYTES = 150 * 2**20
"""Size from which a file is closed, compressed: between 100 and 250 MB load best."""

GROUP_ROWS = 2**18
"""Rows that are written, and so read, together."""


@dataclass(slots=True)
class Sheaf:
    """Writes tables below one another; a file holds tables of one schema, and is in the depot when it is closed.

    Files are Parquet where they are ``shown`` to others. Else they are Arrow's own, which are read ten times as fast.
    """

    depot: Depot
    folder: str
    shown: bool = False
    file_bytes: int = FILE_BYTES
    _name: str = ""
    _schema: pa.Schema | None = None
    _file: IO[bytes] | None = None
    _writer: parquet.ParquetWriter | ipc.RecordBatchStreamWriter | None = None
    _waiting: list[pa.Table] = field(default_factory=list)

    def add(self, table: pa.Table) -> str:
        """The name of the file that the rows go to."""
        if self._writer and (self._schema != table.schema or self._size() >= self.file_bytes):
            self.close()
        if not self._writer:
            self._begin(table.schema)
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

    def _begin(self, schema: pa.Schema) -> None:
        ending = "parquet" if self.shown else "arrow"
        self._name, self._schema = f"{self.folder}/{uuid4().hex}.{ending}", schema
        self._file = NamedTemporaryFile(prefix="sheaf-")  # noqa: SIM115 - closed by drop()
        if self.shown:
            repeating = _repeating(schema)
            self._writer = parquet.ParquetWriter(
                self._file.name, schema, compression="snappy", use_dictionary=repeating
            )
        else:
            self._writer = ipc.new_stream(
                self._file.name, schema, options=ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
            )

    def _write(self) -> None:
        if self._writer and self._waiting:
            rows = pa.concat_tables(self._waiting)
            self._writer.write_table(rows.unify_dictionaries(), GROUP_ROWS)
            self._waiting = []

    def _size(self) -> int:
        return Path(self._file.name).stat().st_size if self._file else 0


def _repeating(schema: pa.Schema) -> list[str]:
    """Columns of few values: looking for repetitions among numbers takes as long as all the rest."""
    text = (pa.types.is_dictionary, pa.types.is_string, pa.types.is_large_string)
    return [field.name for field in schema if any(fits(field.type) for fits in text) or field.name == OBJECT[1]]


class Reading:
    """Gives the rows of one file, so many at a time; what was written together is in memory at once."""

    def __init__(self, body: memoryview, leave: tuple[str, ...] = (), only: tuple[str, ...] | None = None) -> None:
        content = pa.py_buffer(body)
        if bytes(body[:4]) == b"PAR1":
            file = parquet.ParquetFile(pa.BufferReader(content))
            schema, self._groups = file.schema_arrow, _row_groups(file, leave, only)
        else:
            stream = ipc.open_stream(content)
            schema, self._groups = stream.schema, (pa.Table.from_batches([batch]) for batch in stream)
        self._names = _named(schema, leave, only)
        self._left = schema.empty_table().select(self._names)

    def take(self, rows: int) -> pa.Table:
        """The next rows."""
        parts = [self._left.slice(0, rows)]
        self._left = self._left.slice(rows)
        while missing := rows - sum(part.num_rows for part in parts):
            group = next(self._groups).select(self._names)
            parts.append(group.slice(0, missing))
            self._left = group.slice(missing)
        return pa.concat_tables([part for part in parts if part.num_rows] or parts)


def _row_groups(file: parquet.ParquetFile, leave: tuple[str, ...], only: tuple[str, ...] | None) -> Iterator[pa.Table]:
    for number in range(file.num_row_groups):
        yield file.read_row_group(number, columns=_named(file.schema_arrow, leave, only))


def _named(schema: pa.Schema, leave: tuple[str, ...], only: tuple[str, ...] | None) -> list[str]:
    return [name for name in schema.names if name not in leave and (only is None or name in only)]
