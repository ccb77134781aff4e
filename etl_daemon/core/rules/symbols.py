"""Symbols: stripped, upper-cased, and held against the pattern once per distinct value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow


@dataclass(frozen=True, slots=True)
class Symbols:
    """A column of symbols.

    ``dictionary`` (text) holds the distinct normalised symbols, ``codes`` (int32, one per row) points into it, -1
    where missing; ``invalid`` (bool, one per row) marks those that do not fit the pattern.
    """

    dictionary: pa.Array
    codes: np.ndarray[Any, np.dtype[np.int32]]
    missing: np.ndarray[Any, np.dtype[np.bool_]]
    invalid: np.ndarray[Any, np.dtype[np.bool_]]


def parse_symbols(column: pa.Array | pa.ChunkedArray, pattern: str) -> Symbols:
    """Normalise symbols (strip blanks, upper case) and match each distinct one with ``pattern`` as a whole.

    Blank text and nulls are missing. Booleans, NaN and the infinities are not symbols, whatever their text.
    """
    encoded = encode_text(column)
    texts = [text.strip().upper() for text in encoded.dictionary.to_pylist()]
    distinct = list(dict.fromkeys(texts))
    place = {text: index for index, text in enumerate(distinct)}
    remap = np.fromiter((place[text] if text else -1 for text in texts), np.int32, len(texts))
    matcher = re.compile(pattern)
    unfit = np.fromiter((matcher.fullmatch(text) is None for text in distinct), np.bool_, len(distinct))
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_boolean(kind):
        unfit[:] = True
    elif pa.types.is_floating(kind):
        unfit |= np.isin(distinct, ("NAN", "INF", "-INF"))
    codes = _through(remap, encoded.indices)
    missing = codes < 0
    invalid = np.append(unfit, False)[codes]
    return Symbols(arrow.texts(distinct), codes, missing, invalid)


def encode_text(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """The column as dictionary-encoded text in one chunk; nulls stay null indices."""
    if not pa.types.is_dictionary(column.type):
        return arrow.encode(pc.cast(column, pa.string()))
    column = arrow.chunk(column) if isinstance(column, pa.ChunkedArray) else column
    if column.dictionary.null_count:
        return pc.cast(column.dictionary_decode(), pa.string()).dictionary_encode()
    return column.cast(pa.dictionary(column.type.index_type, pa.string()))


def _through(table: np.ndarray[Any, Any], indices: pa.Array) -> np.ndarray[Any, Any]:
    """``table[indices]`` with -1 for null indices."""
    places = arrow.values(indices.cast(pa.int32()) if indices.null_count else indices, len(table))
    found: np.ndarray[Any, Any] = np.append(table, np.int32(-1)).take(places)
    return found
