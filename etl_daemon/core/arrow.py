"""NumPy and Arrow share memory here. pyarrow's own conversions import pandas, which takes longer than many a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

Values = np.ndarray[Any, Any]

MERGED_ROWS = 2**15
"""Up to so many rows of neighbouring chunks become one chunk: what a chunk costs hardly depends on its rows."""


def array(values: Values, valid: np.ndarray[Any, np.dtype[np.bool_]] | None = None) -> pa.Array:
    """Numbers or booleans, null where not ``valid``; numbers are not copied if they lie one behind another."""
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if values.dtype == np.bool_:
        type_, data = pa.bool_(), np.packbits(values, bitorder="little")
    else:
        type_, data = pa.from_numpy_dtype(values.dtype), np.ascontiguousarray(values)
    return pa.Array.from_buffers(type_, len(values), [bits, pa.py_buffer(data)])


def texts(values: Iterable[str]) -> pa.StringArray:
    """Texts, none of them null."""
    encoded = [value.encode() for value in values]
    offsets = np.fromiter(accumulate(map(len, encoded), initial=0), np.int32, len(encoded) + 1)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def constant(text: str, length: int) -> pa.StringArray:
    """The same text ``length`` times."""
    return pa.repeat(texts([text])[0], length)


def runs(ends: np.ndarray[Any, np.dtype[np.int32]], values: pa.Array) -> pa.RunEndEncodedArray:
    """Each value up to where its run ends."""
    length = int(ends[-1]) if len(ends) else 0
    return pa.Array.from_buffers(
        pa.run_end_encoded(pa.int32(), values.type), length, [None], children=[array(ends), values]
    )


def null(type_: pa.DataType) -> pa.Scalar:
    """Nothing, of that type."""
    return pa.nulls(1, type_)[0]


def values(column: pa.Array | pa.ChunkedArray, null: Any = None) -> Values:
    """Numbers or booleans as NumPy has them; nulls become ``null``, or anything if that is None. Not to be changed."""
    if isinstance(column, pa.ChunkedArray):
        return np.concatenate([values(part, null) for part in column.chunks or [chunk(column)]])
    found = _bits(column) if pa.types.is_boolean(column.type) else _numbers(column)
    if null is None or not column.null_count:
        return found
    return np.where(values(column.is_null()), found.dtype.type(null), found)


def chunk(column: pa.ChunkedArray) -> pa.Array:
    """The column in one piece, copied only if it is in several."""
    if not column.num_chunks:
        return pa.nulls(0, column.type)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def encode(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """The distinct values and which of them each row has, in one piece."""
    encoded = column.dictionary_encode()
    if isinstance(encoded, pa.DictionaryArray):
        return encoded
    if encoded.num_chunks < 2:
        return chunk(encoded)
    indices = pa.concat_arrays([part.indices for part in encoded.chunks])  # of one dictionary, which all parts share
    return pa.DictionaryArray.from_arrays(indices, encoded.chunk(0).dictionary)


def merged(table: pa.Table) -> Iterator[pa.Table]:
    """The rows in parts of one chunk each: small neighbours are copied into one, large chunks stay as they are."""
    begin = size = 0
    for some in max(table.columns, key=lambda column: column.num_chunks).chunks:
        if size and size + len(some) > MERGED_ROWS:
            yield table.slice(begin, size).combine_chunks()
            begin, size = begin + size, 0
        size += len(some)
    yield table.slice(begin, size).combine_chunks()


def _numbers(array: pa.Array) -> Values:
    whole = pa.Array.from_buffers(array.type, len(array), [None, array.buffers()[1]], offset=array.offset)
    found: Values = np.from_dlpack(whole)  # which wants no nulls
    return found


def _bits(array: pa.Array) -> Values:
    packed = np.frombuffer(array.buffers()[1], np.uint8)
    return np.unpackbits(packed, count=array.offset + len(array), bitorder="little")[array.offset :].view(np.bool_)
