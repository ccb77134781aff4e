"""Parquet to pieces, one batch of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.adapters.decode.parquet_batches import ParquetBatches
from etl_daemon.adapters.decode.pieces import NONE, Piece, Positions, readable
from etl_daemon.adapters.decode.plan import require
from etl_daemon.adapters.spool import let_go
from etl_daemon.core import arrow
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.policy import ReadLimits
from etl_daemon.core.rules.columns import match_columns
from etl_daemon.errors import DataError


def parquet_pieces(
    body: memoryview | bytes, dataset: Dataset, limits: ReadLimits, section_bytes: int
) -> Iterator[Piece]:
    """The rows of a Parquet file; only matched columns are read. Those of the kind ``table`` keep their types.

    Raises:
        DataError: ``undecodable``, ``too_large``, ``decompression_bomb``, ``missing_columns``, ``ambiguous_columns``.
    """
    with readable_file():
        file = ParquetBatches(body, limits)
        for piece in pieces_of(file, dataset, file.sections(section_bytes)):
            yield piece
            let_go(memoryview(body))


@contextmanager
def readable_file() -> Iterator[None]:
    """What is wrong with a file as an error of the object.

    Raises:
        DataError: ``undecodable``.
    """
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:  # names that are no text
        raise DataError(
            "undecodable", f"The Parquet file is broken: {error}.", hint="upload the object again"
        ) from error


def pieces_of(file: ParquetBatches, dataset: Dataset, sections: Sequence[range]) -> Iterator[Piece]:
    """The rows of these sections. Errors are those of ``parquet_pieces``."""
    file.check()
    if not file.metadata.num_rows:
        return
    schema = file.schema
    whole = dataset.kind is Kind.TABLE
    sources, extra = _matched(schema, dataset)
    numeric = {column.name for column in dataset.schema.columns if pa.types.is_decimal(column.type)}
    for section in sections:
        begins = True
        for batch in file.read(list(sources.values()), section):
            read = pa.Table.from_batches([batch])
            columns = {
                name: read[source] if whole else _deliverable(read[source], name in numeric)
                for name, source in sources.items()
            }
            yield Piece(pa.table(columns), NONE, _raw_of(read), extra, begins=begins)
            begins = False


def _matched(schema: pa.Schema, dataset: Dataset) -> tuple[dict[str, str], tuple[str, ...]]:
    """Which column of the file each of the dataset is, and the names of the others."""
    flat = [field.name for field in schema if dataset.kind is Kind.TABLE or not pa.types.is_nested(field.type)]
    doubled = sorted({name for name in flat if flat.count(name) > 1})
    matching = match_columns(flat, dataset)
    if any(name in doubled for names in matching.found.values() for name in names):
        raise DataError("ambiguous_columns", f"Columns {', '.join(map(repr, doubled))} come more than once.")
    require(matching, schema.names)
    sources = {name: names[0] for name, names in matching.found.items()}
    return sources, tuple(name for name in schema.names if name not in sources.values())


def _deliverable(column: pa.ChunkedArray, numeric: bool) -> pa.ChunkedArray:
    """Booleans are no numbers; text comes in one type; the rest as it is."""
    type_ = column.type
    if pa.types.is_dictionary(type_) and not pa.types.is_string(type_.value_type):
        return _deliverable(pc.cast(column, type_.value_type), numeric)
    if pa.types.is_boolean(type_) and numeric:
        return pc.if_else(pc.is_valid(column), pa.scalar(np.nan), pa.scalar(None, pa.float64()))
    if pa.types.is_float16(type_):
        return pc.cast(column, pa.float64())
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return _text(column)
    plain = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    if plain or pa.types.is_timestamp(type_) or pa.types.is_date(type_) or pa.types.is_dictionary(type_):
        return column
    return pc.cast(column, pa.string())


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return pc.cast(pc.cast(column, pa.binary()), pa.string())
    except pa.ArrowInvalid:
        texts = [None if value is None else readable([value])[0].as_py() for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])


def _raw_of(table: pa.Table) -> Any:
    def raw(positions: Positions) -> pa.StringArray:
        rows = table.take(arrow.array(positions))
        return records_text(pa.table([*map(_printable, rows.columns)], rows.column_names).to_pylist())

    return raw


def _printable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dates and times as text: Arrow prints those too that Python has no value for."""
    type_ = column.type
    if pa.types.is_dictionary(type_):
        return _printable(pc.cast(column, type_.value_type))
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        utc = pc.cast(pc.cast(column, pa.timestamp(type_.unit, "UTC")), pa.timestamp(type_.unit))
        return pc.binary_join_element_wise(pc.cast(utc, pa.string()), "Z", "")
    return pc.cast(column, pa.string()) if pa.types.is_temporal(type_) else column


def records_text(records: list[dict[str, Any]]) -> pa.StringArray:
    """Records as compact JSON objects; what JSON has no type for comes as text."""
    return arrow.texts(
        json.dumps(
            {name: _plain(value) for name, value in record.items()},
            default=_shown,
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for record in records
    )


def _plain(value: object) -> object:
    return repr(value) if isinstance(value, float) and not np.isfinite(value) else value


def _shown(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
