"""Bad rows to a file: .parquet, .csv or .json (an array), written slice by slice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson
import pyarrow as pa
import typer
from pyarrow import csv, parquet

from etl_daemon.core.model import CleanSlice
from etl_daemon.errors import SetupError

SCHEMA = pa.schema(
    [("object_key", pa.string()), ("object_row", pa.int64()), ("reasons", pa.string()), ("raw", pa.string())]
)


class Rejects:
    """Takes the quarantined rows of slices; a context manager that closes the file."""

    def __init__(self, path: Path) -> None:
        openers: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
            ".parquet": parquet.ParquetWriter,
            ".csv": csv.CSVWriter,
            ".json": _JsonArray,
        }
        if path.suffix.lower() not in openers:
            raise typer.BadParameter(f"{path} should end in {', '.join(openers)}.", param_hint="--rejects")
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise SetupError(
                f"Cannot write {path}: {error.strerror}.", hint="name another file with --rejects"
            ) from error
        self._writer = openers[path.suffix.lower()](self._file, SCHEMA)

    def write(self, part: CleanSlice) -> None:
        """Append the bad rows of a slice."""
        bad = part.quarantined
        if bad.num_rows:
            key = pa.repeat(pa.scalar(part.ref.key, pa.string()), bad.num_rows)
            columns = [key, bad["OBJECT_ROW"], bad["REASONS"], bad["RAW"]]
            self._writer.write_table(pa.table(columns, schema=SCHEMA))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()
        self._file.close()


class _JsonArray:
    """One array, a record per line."""

    def __init__(self, file: BinaryIO, _schema: pa.Schema) -> None:
        self._file = file
        self._before = b"[\n"

    def write_table(self, rows: pa.Table) -> None:
        for row in rows.to_pylist():
            self._file.write(self._before + orjson.dumps(row))
            self._before = b",\n"

    def close(self) -> None:
        self._file.write(b"\n]\n" if self._before == b",\n" else b"[]\n")
