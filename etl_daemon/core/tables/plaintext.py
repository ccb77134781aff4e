"""Values of any simple type as text that stands for exactly that value."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

JSON = pa.json_()
"""JSON text; VARIANT on Snowflake, JSON on DuckDB."""

_DIGITS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
"""Two digits for each byte."""


def is_json(type_: pa.DataType) -> bool:
    """Whether a column of that type holds JSON text."""
    return bool(type_ == JSON)


def plain_text(array: pa.Array) -> pa.StringArray:
    """Each value as text; null stays null, and so becomes binary that is no UTF-8.

    Decimals without exponent and without zeros at the end of the fraction, doubles as the shortest text that parses to
    them, times in ISO 8601 with a blank before the time of day, JSON strings without their quotes.
    """
    type_ = array.type
    if pa.types.is_decimal(type_):
        return _decimals(array)
    if (pa.types.is_timestamp(type_) or pa.types.is_time(type_)) and type_.unit != "s":
        return pc.replace_substring_regex(array.cast(pa.string()), r"\.?0*(Z?)$", r"\1")
    if is_json(type_):
        return _unquoted(array.cast(pa.string()))
    if pa.types.is_binary(type_):
        return _decoded(array)
    return array.cast(pa.string())


def hexadecimal(array: pa.BinaryArray) -> pa.LargeStringArray:
    """The bytes of each value, two digits each."""
    whole = array.cast(pa.large_binary())
    if not len(whole):
        return whole.cast(pa.large_string())
    valid, offsets, data = whole.buffers()
    bounds = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    digits = _DIGITS[np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]]
    starts = pa.py_buffer(2 * (bounds - bounds[0]))
    spelled = pa.Array.from_buffers(pa.large_string(), len(whole), [None, starts, pa.py_buffer(digits)])
    return pc.if_else(whole.is_valid(), spelled, pa.scalar(None, spelled.type)) if valid else spelled


def _decimals(array: pa.Array) -> pa.StringArray:
    """By the digits of their units: Arrow itself would write small ones with an exponent."""
    scale = array.type.scale
    units = pa.decimal256(76, 0) if pa.types.is_decimal256(array.type) else pa.decimal128(38, 0)
    texts = pa.Array.from_buffers(units, len(array), array.buffers(), offset=array.offset).cast(pa.string())
    if scale <= 0:
        return texts
    digits = pc.utf8_lpad(pc.utf8_ltrim(texts, "-"), scale + 1, "0")
    sign = pc.if_else(pc.starts_with(texts, "-"), "-", "")
    whole, fraction = pc.utf8_slice_codeunits(digits, 0, -scale), pc.utf8_slice_codeunits(digits, -scale)
    fraction = pc.utf8_rtrim(fraction, "0")
    point = pc.if_else(pc.equal(fraction, ""), "", ".")
    return pc.binary_join_element_wise(sign, whole, point, fraction, "")


def _unquoted(texts: pa.StringArray) -> pa.StringArray:
    strings = pc.starts_with(texts, '"')
    bare = pc.if_else(strings, pc.utf8_slice_codeunits(texts, 1, -1), texts)
    escaped = pc.and_(strings, pc.match_substring(texts, "\\")).fill_null(False)
    if pc.any(escaped).as_py():
        read = pa.array([json.loads(text) for text in texts.filter(escaped).to_pylist()], pa.string())
        bare = pc.replace_with_mask(bare, escaped, read)
    return bare


def _decoded(array: pa.Array) -> pa.StringArray:
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else _utf8(value) for value in array.to_pylist()], pa.string())


def _utf8(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
