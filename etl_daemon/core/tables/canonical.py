"""Arrow's many types -> the few that tables have, without losing anything."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.tables.jsontext import json_text
from etl_daemon.core.tables.plaintext import JSON, is_json

MICROS = pa.time64("us")
_MICROS_OF = {"s": 1_000_000, "ms": 1_000, "us": 1}


def canonical(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in one of the types that tables have.

    These are null, bool, int64, double, decimal128, string, binary, date32, time64[us], timestamp[us] (UTC, without
    zone) and JSON. uint64 becomes decimal(20,0), a duration the number of its microseconds, nested values JSON text.
    What has no exact place among these types, such as a timestamp with nanoseconds, becomes text.
    """
    type_ = column.type
    if pa.types.is_dictionary(type_):
        return canonical(column.cast(type_.value_type))
    if isinstance(type_, pa.BaseExtensionType) and not is_json(type_):
        return canonical(pa.chunked_array([chunk.storage for chunk in column.chunks], type_.storage_type))
    if pa.types.is_nested(type_):
        return _by_chunk(column, json_text, pa.string()).cast(JSON)
    try:
        return _simple(column)
    except pa.ArrowInvalid:
        return column.cast(pa.string())
    except pa.ArrowNotImplementedError:  # calendar intervals
        return pa.chunked_array([[None if value is None else str(value) for value in column.to_pylist()]], pa.string())


def _simple(column: pa.ChunkedArray) -> pa.ChunkedArray:
    type_ = column.type
    goal = _goal(type_)
    if pa.types.is_date64(type_):
        column, goal = column.cast(INSTANT), _days(column)
    if pa.types.is_duration(type_):
        return _microseconds(column)
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        column = column.cast(pa.timestamp(type_.unit, "UTC"))
        return column.cast(pa.timestamp("us", "UTC")).cast(INSTANT)
    return column if goal == type_ else column.cast(goal)


def _goal(type_: pa.DataType) -> pa.DataType:
    """The type that holds every value of another one, or text."""
    if pa.types.is_null(type_) or pa.types.is_boolean(type_) or is_json(type_):
        return type_
    if pa.types.is_integer(type_):
        return pa.decimal128(20, 0) if pa.types.is_uint64(type_) else pa.int64()
    if pa.types.is_floating(type_):
        return pa.float64()
    if pa.types.is_decimal(type_):
        return _decimal(type_)
    return _other(type_)


def _other(type_: pa.DataType) -> pa.DataType:
    kinds = {
        pa.types.is_date32: pa.date32(),
        pa.types.is_time: MICROS,
        pa.types.is_timestamp: INSTANT,
        pa.types.is_binary: pa.binary(),
        pa.types.is_large_binary: pa.binary(),
        pa.types.is_fixed_size_binary: pa.binary(),
        pa.types.is_binary_view: pa.binary(),
    }
    return next((goal for check, goal in kinds.items() if check(type_)), pa.string())


def _decimal(type_: pa.DataType) -> pa.DataType:
    scale = max(type_.scale, 0)
    return pa.decimal128(min(38, type_.precision + scale - type_.scale), min(scale, 38))


def _days(column: pa.ChunkedArray) -> pa.DataType:
    days = column.cast(pa.date32(), safe=False)
    return pa.date32() if days.cast(pa.date64()).equals(column) else INSTANT


def _microseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The count as int64; of nanoseconds that are no whole microseconds as a decimal with three decimals."""
    counts = column.cast(pa.int64())
    if column.type.unit != "ns":
        return pc.multiply_checked(counts, _MICROS_OF[column.type.unit])
    if not pc.any(pc.not_equal(pc.multiply(pc.divide(counts, 1000), 1000), counts)).as_py():
        return pc.divide(counts, 1000)
    thousandth = pa.scalar(Decimal("0.001"), pa.decimal128(4, 3))
    return pc.multiply(counts.cast(pa.decimal128(19, 0)), thousandth)


def _by_chunk(column: pa.ChunkedArray, make: object, type_: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([make(chunk) for chunk in column.chunks], type_)  # type: ignore[operator]
