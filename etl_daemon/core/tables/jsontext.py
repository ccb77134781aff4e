"""Columns of any type, nested ones too, as JSON text: column by column, never row by row."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.tables.plaintext import hexadecimal, is_json, plain_text

_CONTROL = r"[\x00-\x1f]"
_NUMBERS = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_decimal, pa.types.is_floating)
_BINARY = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)


def json_text(array: pa.Array) -> pa.StringArray:
    """Each value as JSON text, null where it is null.

    Numbers are written in full; NaN and the infinities, times and binary (as text, or in hexadecimal) become strings.
    """
    return pc.if_else(array.is_valid(), _text(array), pa.scalar(None, pa.string()))


def _text(array: pa.Array) -> pa.StringArray:
    """The same with ``null`` for null."""
    type_ = array.type
    if pa.types.is_dictionary(type_):
        return _text(array.cast(type_.value_type))
    if pa.types.is_map(type_):
        return _braced("{", _joined(array, _entries(array)), "}")
    if pa.types.is_struct(type_):
        return _struct(array)
    if _is_list(type_):
        return _braced("[", _joined(array, _text(array.flatten())), "]")
    if isinstance(type_, pa.BaseExtensionType) and not is_json(type_):
        return _text(array.storage)
    return _scalar(array)


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))


def _scalar(array: pa.Array) -> pa.StringArray:
    if is_json(array.type):
        text = array.cast(pa.string())
    elif any(check(array.type) for check in _BINARY):
        text = quoted(readable(array))
    elif any(check(array.type) for check in _NUMBERS):
        text = _number(array)
    elif pa.types.is_null(array.type):
        text = array.cast(pa.string())
    else:
        text = quoted(plain_text(array))
    return text.fill_null("null")


def _number(array: pa.Array) -> pa.StringArray:
    text = plain_text(array)
    if not pa.types.is_floating(array.type):
        return text
    return pc.if_else(pc.is_finite(array), text, quoted(text))


def readable(array: pa.Array) -> pa.StringArray:
    """Binary as the text that it encodes, in hexadecimal where it is no UTF-8."""
    values = array.cast(pa.binary())
    text = plain_text(values)
    unreadable = pc.and_(text.is_null(), values.is_valid())
    if pc.any(unreadable).as_py():
        text = pc.replace_with_mask(text, unreadable, hexadecimal(values.filter(unreadable)).cast(pa.string()))
    return text


def _struct(array: pa.StructArray) -> pa.StringArray:
    names = [array.type.field(at).name for at in range(array.type.num_fields)]
    if not names:
        return pc.if_else(array.is_valid(), "{}", "null")
    members = [
        pc.binary_join_element_wise(json.dumps(name, ensure_ascii=False) + ":", _text(child), "")
        for name, child in zip(names, array.flatten(), strict=True)
    ]
    inside = pc.binary_join_element_wise(*members, ",")
    return pc.if_else(array.is_valid(), _braced("{", inside, "}"), "null")


def _entries(array: pa.MapArray) -> pa.StringArray:
    pairs = array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)]))).flatten()
    keys, values = pairs.flatten()
    keys = keys.cast(keys.type.value_type) if pa.types.is_dictionary(keys.type) else keys
    return pc.binary_join_element_wise(quoted(plain_text(keys)), _text(values), ":")


def _joined(array: pa.Array, members: pa.StringArray) -> pa.StringArray:
    """The members of each list with commas between them; null for a list that is null."""
    lists = (
        array
        if not pa.types.is_map(array.type)
        else array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])))
    )
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, members), ",")
    return pc.if_else(array.is_valid(), joined, pa.scalar(None, pa.string()))


def _braced(opening: str, inside: pa.StringArray, closing: str) -> pa.StringArray:
    return pc.binary_join_element_wise(opening, inside, closing, "").fill_null("null")


def quoted(texts: pa.StringArray) -> pa.StringArray:
    """Texts as JSON strings; null stays null."""
    escaped = pc.replace_substring(pc.replace_substring(texts.cast(pa.string()), "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(escaped, _CONTROL)).as_py():
        for code in range(32):
            escaped = pc.replace_substring(escaped, chr(code), json.dumps(chr(code))[1:-1])
    return pc.binary_join_element_wise('"', escaped, '"', "")
