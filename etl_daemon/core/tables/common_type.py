"""Which type holds all values of a column, among those that it may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.sql.dialect import length_limit
from etl_daemon.core.tables.exact import Exact, exact_cast
from etl_daemon.core.tables.plaintext import JSON, is_json

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_DATES = {pa.date32(), INSTANT}
_LONGEST = 38  # digits of a decimal
_WHOLE = 19  # digits of an int64


def cast_to(column: pa.ChunkedArray, field: pa.Field) -> Exact:
    """A canonical column in the type of a table's column, as far as its values fit there."""
    cast = exact_cast(column, field.type)
    limit = length_limit(field)
    if limit is None:
        return cast
    long = np.asarray(pc.greater(pc.utf8_length(cast.values), limit).fill_null(False))
    values = pc.if_else(pa.array(long), pa.scalar(None, field.type), cast.values)
    return Exact(values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]), cast.misfit | long)


def unfit(column: pa.ChunkedArray, field: pa.Field) -> Mask:
    """Which values (bool, one per row) have no place in a table's column.

    Text has its place in text, JSON and, where it says true or false, in booleans: it never turns into numbers or
    times on its own.
    """
    textual = pa.types.is_string(column.type) or is_json(column.type)
    if textual and not (pa.types.is_string(field.type) or is_json(field.type) or pa.types.is_boolean(field.type)):
        return np.asarray(column.is_valid())
    return cast_to(column, field).misfit


def widenings(field: pa.Field) -> list[pa.Field]:
    """A table's column as it is, then as ``ALTER TABLE`` may make it: more digits at the same scale, longer text."""
    type_ = field.type
    wider: list[pa.DataType] = []
    if pa.types.is_integer(type_):
        wider = [pa.int64(), pa.decimal128(_LONGEST, 0)]
    elif pa.types.is_decimal(type_):
        wider = [pa.decimal128(_LONGEST, type_.scale)]
    elif length_limit(field) is not None:
        wider = [type_]
    return [field, *(pa.field(field.name, each) for each in wider if each != type_ or length_limit(field) is not None)]


def candidates(columns: Sequence[pa.ChunkedArray]) -> list[pa.DataType]:
    """Types for a new column, the narrowest first; the values decide."""
    types = list(dict.fromkeys(column.type for column in columns if not pa.types.is_null(column.type)))
    if len(types) < 2:
        return types or [pa.string()]
    if all(pa.types.is_integer(each) or pa.types.is_decimal(each) or pa.types.is_floating(each) for each in types):
        return [*_numbers(types), pa.string()]
    if set(types) <= _DATES:
        return [INSTANT]
    return [JSON, pa.string()] if JSON in types else [pa.string()]


def _numbers(types: Sequence[pa.DataType]) -> list[pa.DataType]:
    """One decimal for integers and decimals, a double where one of them is."""
    if any(pa.types.is_floating(each) for each in types):
        return [pa.float64()]
    scale = max(each.scale if pa.types.is_decimal(each) else 0 for each in types)
    whole = max(each.precision - each.scale if pa.types.is_decimal(each) else _WHOLE for each in types)
    return [pa.decimal128(min(whole + scale, _LONGEST), scale)]


def holding(options: Sequence[pa.Field], columns: Sequence[pa.ChunkedArray]) -> pa.Field:
    """The first option that holds all columns; where none does, the first of those that hold most of them."""
    lost = []
    for option in options:
        lost.append(sum(bool(unfit(column, option).any()) for column in columns))
        if not lost[-1]:
            return option
    return options[int(np.argmin(lost))]
