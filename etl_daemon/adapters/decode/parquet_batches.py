"""Batches of a Parquet file that take little memory, whatever the file says: it can hold one text a million times.

Text stays a dictionary until it is known how much it comes to; a batch that comes to too much is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl_daemon.adapters.decode.footer import has_encrypted_columns
from etl_daemon.adapters.decode.streams import check_expansion
from etl_daemon.adapters.decode.window import Window
from etl_daemon.core import arrow
from etl_daemon.core.planning.sections import SECTION_ROWS
from etl_daemon.core.policy import ReadLimits
from etl_daemon.errors import DataError

INT96 = "us"
"""The unit of times in Impala's old type: in nanoseconds Arrow would have years beyond 2262 begin anew in 1677."""

BATCH_ROWS = 2**17
BATCH_BYTES = 32 * 2**20
SHORT_BYTES = 64
"""Texts up to this length are reckoned with by their number; no bomb can be made of them."""

NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A column as it is stored, of which several may make one of the schema; ``width``: bytes that a value takes."""

    index: int
    path: str
    column: str
    is_text: bool
    width: int
    repeated: bool


class ParquetBatches:
    """The rows of a Parquet file in batches with the types of ``schema``, the columns that are asked for.

    ``said`` is how large it unpacks by what it says of itself, ``found`` what long texts came to beyond that (bytes).

    Raises:
        OSError, pyarrow.ArrowException: the file is broken.
        DataError: ``unsupported_format``: columns are encrypted.
    """

    def __init__(self, body: memoryview | bytes | Window, limits: ReadLimits) -> None:
        self._body, self._size, self._limits = body, len(body), limits
        plain = pq.ParquetFile(self._opened(), coerce_int96_timestamp_unit=INT96)
        if has_encrypted_columns(self._opened()):
            raise DataError(
                "unsupported_format", "Columns of the Parquet file are encrypted.", hint="upload it without encryption"
            )
        stored = [field for field in plain.schema_arrow if _leaves(field.type)]  # of an empty group nothing is
        self.schema = pa.schema(stored, plain.schema_arrow.metadata)
        self.metadata: pq.FileMetaData = plain.metadata
        owners = [field.name for field in self.schema for _ in range(_leaves(field.type))]
        if len(owners) != len(plain.schema):
            raise pa.ArrowInvalid("its columns are not those of its schema")
        self._leaves = [_leaf(plain.schema, index, owner) for index, owner in enumerate(owners)]
        self._groups = [self.metadata.row_group(index) for index in range(self.metadata.num_row_groups)]
        if any(group.num_columns != len(self._leaves) for group in self._groups):
            raise pa.ArrowInvalid("its row groups do not have the columns of its schema")
        self.said = self.found = 0

    def check(self) -> None:
        """Refuse a file that says of itself that it unpacks to too much.

        Raises:
            DataError: ``too_large``, ``decompression_bomb``.
        """
        if sum(group.num_rows for group in self._groups) != self.metadata.num_rows:
            raise pa.ArrowInvalid(f"its row groups do not have the {self.metadata.num_rows} rows that it says it has")
        repeated = [leaf.index for leaf in self._leaves if leaf.repeated]
        wide = [leaf for leaf in self._leaves if leaf.width > SHORT_BYTES and not leaf.is_text]
        self.said = sum(
            group.total_byte_size
            + sum(NUMBER_BYTES * group.column(index).num_values for index in repeated)
            + sum(leaf.width * group.column(leaf.index).num_values for leaf in wide)
            for group in self._groups
        )
        self._spend(0)

    def sections(self, size: int) -> list[range]:
        """Row groups that are read together: so many that they come to ``size`` bytes, unpacked, or to many rows."""
        ends, held, rows = [0], 0, 0
        for at, group in enumerate(self._groups):
            held, rows = held + group.total_byte_size, rows + group.num_rows
            if held >= size or rows >= SECTION_ROWS or at + 1 == len(self._groups):
                ends.append(at + 1)
                held = rows = 0
        return [range(*bounds) for bounds in pairwise(ends)]

    def places(self, sections: Sequence[range]) -> list[tuple[int, int]]:
        """Where the bytes of these sections, of all row groups, begin and end; nothing, where they lie disorderly."""
        begins = [_begin(self._groups[section[0]]) for section in sections]
        bounds = list(pairwise([*begins, self._size]))
        return bounds if all(begin < end for begin, end in bounds) else []

    def rows(self, groups: range) -> int:
        """How many rows these row groups have."""
        return sum(self._groups[at].num_rows for at in groups)

    def read(self, columns: Collection[str], groups: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of these row groups, or all of them; these columns.

        Raises:
            DataError: ``too_large``, ``decompression_bomb``.
        """
        groups = range(len(self._groups)) if groups is None else groups
        wanted = [leaf for leaf in self._leaves if leaf.column in columns]
        texts = [leaf.path for leaf in wanted if leaf.is_text]
        file = pq.ParquetFile(
            self._opened(), metadata=self.metadata, read_dictionary=texts, coerce_int96_timestamp_unit=INT96
        )
        expected, rows = self.rows(groups), 0
        batches = file.iter_batches(batch_size=self._rows(wanted), row_groups=list(groups), columns=list(columns))
        for batch in batches:
            rows += batch.num_rows
            self._spend(_weight(batch))
            for part in _parts(batch):
                yield self._typed(part)
        if rows != expected:
            raise pa.ArrowInvalid(f"it has {rows} rows, and says that it has {expected}")

    def _opened(self) -> pa.NativeFile:
        if isinstance(self._body, Window):
            return pa.PythonFile(self._body, "r")
        return pa.BufferReader(pa.py_buffer(self._body))

    def _rows(self, wanted: Collection[_Leaf]) -> int:
        """So many that a batch is not too large, if the rows of a group are alike."""
        per_row = [
            max(sum(_bytes_per_row(group, leaf) for leaf in wanted), 1.0) for group in self._groups if group.num_rows
        ]
        return int(min(BATCH_ROWS, max(BATCH_BYTES / max(per_row, default=1.0), 1)))

    def _spend(self, more: int) -> None:
        self.found += more
        check_expansion(self.said + self.found, self._size, self._limits)

    def _typed(self, part: pa.RecordBatch) -> pa.RecordBatch:
        fields = [self.schema.field(name) for name in part.schema.names]
        made = [_cast(column, field.type) for column, field in zip(part.columns, fields, strict=True)]
        return pa.RecordBatch.from_arrays(made, part.schema.names)


def _leaves(type_: pa.DataType) -> int:
    """How many stored columns make one of that type. Their names do not tell: a name may hold dots."""
    if isinstance(type_, pa.BaseExtensionType):
        return _leaves(type_.storage_type)
    if pa.types.is_map(type_):
        return _leaves(type_.key_type) + _leaves(type_.item_type)
    if pa.types.is_struct(type_):
        return sum(_leaves(field.type) for field in type_)
    return _leaves(type_.value_type) if pa.types.is_nested(type_) else 1


def _begin(group: pq.RowGroupMetaData) -> int:
    """Where its first column begins; not all writers say where a dictionary does."""
    chunks = [group.column(at) for at in range(group.num_columns)]
    offsets = [offset for chunk in chunks for offset in (chunk.dictionary_page_offset, chunk.data_page_offset)]
    return int(min(filter(None, offsets), default=0))


def _leaf(schema: pq.ParquetSchema, index: int, owner: str) -> _Leaf:
    stored = schema.column(index)
    is_text = stored.physical_type == "BYTE_ARRAY"
    fixed = stored.physical_type == "FIXED_LEN_BYTE_ARRAY"
    width = SHORT_BYTES if is_text else max(stored.length, NUMBER_BYTES) if fixed else NUMBER_BYTES
    return _Leaf(index, stored.path, owner, is_text, width, stored.max_repetition_level > 0)


def _bytes_per_row(group: pq.RowGroupMetaData, leaf: _Leaf) -> Any:
    chunk = group.column(leaf.index)
    return max(chunk.num_values * leaf.width, chunk.total_uncompressed_size) / int(group.num_rows)


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in parts that are not too large once their texts stand by themselves."""
    if batch.num_rows < 2 or _weight(batch) <= BATCH_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _parts(batch.slice(0, half))
    yield from _parts(batch.slice(half))


def _weight(batch: pa.RecordBatch) -> int:
    """What the long texts of dictionaries come to, each as often as it comes (bytes)."""
    return sum(_weight_of(leaf) for column in batch.columns for leaf in _flat(column))


def _weight_of(array: pa.Array) -> int:
    if not pa.types.is_dictionary(array.type) or not _is_text(array.type.value_type) or not len(array.dictionary):
        return 0
    lengths = arrow.values(pc.binary_length(array.dictionary), 0).astype(np.int64)
    beyond = np.maximum(lengths - SHORT_BYTES, 0)
    if not beyond.any():
        return 0
    codes = arrow.values(array.indices.drop_null())
    return int(beyond[codes].sum())


def _flat(array: pa.Array) -> Iterator[pa.Array]:
    type_ = array.type
    if pa.types.is_map(type_):
        window = slice(array.offsets[0].as_py(), array.offsets[-1].as_py())
        yield from _flat(array.keys[window])
        yield from _flat(array.items[window])
    elif pa.types.is_struct(type_):
        for inner in array.flatten():
            yield from _flat(inner)
    elif pa.types.is_nested(type_):
        yield from _flat(array.flatten())
    else:
        yield array


def _is_text(type_: pa.DataType) -> bool:
    return any(
        is_kind(type_)
        for is_kind in (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    )


def _cast(column: pa.Array, type_: pa.DataType) -> pa.Array:
    """The column as the schema has it; text that is a view of other text, which nothing casts to, as plain text."""
    if column.type == type_:
        return column
    if pa.types.is_string_view(type_) or pa.types.is_binary_view(type_):
        return pc.cast(column, column.type.value_type)
    return pc.cast(column, type_)
