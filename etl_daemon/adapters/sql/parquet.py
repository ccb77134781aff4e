"""A spooled CSV file to Parquet, in the types of its columns where all values have them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from etl_daemon.adapters.sql.failures import translated
from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.sql.dialect import ZONED, arrow_type
from etl_daemon.core.tables.exact import exact_cast
from etl_daemon.core.tables.plaintext import is_json
from etl_daemon.errors import SetupError

BLOCK_BYTES = 16 * 2**20


def to_parquet(file: Path, types: Mapping[str, str], made: Path) -> None:
    """Write the rows of a CSV file as Parquet; a column with a value that its type does not hold stays text.

    Raises:
        SetupError: text is no UTF-8.
        TransientError: the disk is full.
    """
    wanted = {name: arrow_type(text) for name, text in types.items()}
    wanted = {name: type_ for name, type_ in wanted.items() if not (is_json(type_) or pa.types.is_string(type_))}
    spelled: dict[str, set[bool]] = {name: set() for name, type_ in wanted.items() if type_ == INSTANT}
    with translated(f"Writing {made.name}"), _readable():
        for table in _tables(file):
            for name, found in spelled.items():
                found.update(pc.unique(pc.ends_with(table[name], "Z")).drop_null().to_pylist())
            misfits = [
                name for name, type_ in wanted.items() if exact_cast(table[name], type_, declared=True).misfit.any()
            ]
            wanted = {name: type_ for name, type_ in wanted.items() if name not in misfits}
        _write(file, {name: _zoned(type_, spelled.get(name, set())) for name, type_ in wanted.items()}, made)


def _zoned(type_: pa.DataType, spelled: set[bool]) -> pa.DataType:
    """Instants with a Z are in UTC, whatever the source's zone is; beside others without one they stay text."""
    if True not in spelled:
        return type_
    return pa.string() if False in spelled else ZONED


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        hint = 'set format = "csv" beneath sql: there, text that is no UTF-8 costs its row only'
        raise SetupError(f"The rows are no Parquet: {error}.", hint=hint) from error


def _write(file: Path, types: Mapping[str, pa.DataType], made: Path) -> None:
    first = next(_tables(file))
    schema = pa.schema([(name, types.get(name, pa.string())) for name in first.column_names])
    with pq.ParquetWriter(made, schema, compression="zstd") as writer:
        for table in _tables(file):
            columns = [_column(table[field.name], field.type) for field in schema]
            writer.write_table(pa.table(columns, schema=schema))


def _column(text: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_string(type_):
        return text
    return exact_cast(text, INSTANT if type_ == ZONED else type_, declared=True).values.cast(type_)


def _tables(file: Path) -> Iterator[pa.Table]:
    """The file block by block, as text; at least one table."""
    with arrow_csv.open_csv(
        file,
        read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(_names(file), pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ) as reader:
        empty = True
        for batch in reader:
            empty = False
            yield pa.Table.from_batches([batch])
        if empty:
            yield reader.schema.empty_table()


def _names(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8") as text:
        return next(csv.reader(text))
