"""Numbers, and text that says numbers, in number types: exactly, or not at all."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.tables.plaintext import is_json, plain_text

_DOUBLE = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?$"
_SIGNIFICANT = 15  # digits that a double carries, whatever they are


def kept(array: pa.Array, mask: pa.Array) -> pa.Array:
    """The values where the mask holds, null elsewhere."""
    return pc.if_else(mask.fill_null(False), array, pa.scalar(None, array.type))


def is_text(array: pa.Array) -> bool:
    """Whether values are read from text: plain, or JSON."""
    return bool(pa.types.is_string(array.type) or is_json(array.type))


def _number_text(array: pa.Array, separators: bool) -> pa.StringArray:
    """Text stripped, and without its thousands separators."""
    text = pc.utf8_trim(plain_text(array), " \t\r\n\f\v")
    return without_separators(text) if separators else text


def without_separators(text: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Numbers like 4,787,699 without their commas; all other text as it is."""
    return pc.if_else(pc.match_substring_regex(text, _GROUPED), pc.replace_substring(text, ",", ""), text)


def exact_numbers(array: pa.Array, type_: pa.DataType, separators: bool) -> pa.Array:
    """Numbers, or their text, as integers or decimals; null where the type does not hold them exactly.

    Arrow reads them at once where all fit; else it goes by way of text, not of wider decimals: Arrow's division of
    decimal256 is wrong for some values.
    """
    if pa.types.is_integer(array.type) or _scales(array.type, type_) or _plain(array, type_):
        try:
            return array.cast(type_)
        except pa.ArrowInvalid:
            pass
    elif not (is_text(array) or pa.types.is_floating(array.type) or pa.types.is_decimal(array.type)):
        return pa.nulls(len(array), type_)
    decimal = type_ if pa.types.is_decimal(type_) else pa.decimal128(38, 0)
    fit = _decimals(_number_text(array, separators), decimal)
    if decimal == type_:
        return fit
    low, high = (pa.scalar(limit, decimal) for limit in _limits(type_))
    return kept(fit, pc.and_(pc.greater_equal(fit, low), pc.less_equal(fit, high))).cast(type_)


def _scales(given: pa.DataType, type_: pa.DataType) -> bool:
    """Whether Arrow may give decimals another scale: it does not see where they outgrow 128 bits meanwhile."""
    if not pa.types.is_decimal(given):
        return False
    return not pa.types.is_decimal(type_) or given.precision - given.scale + type_.scale <= 38


def _plain(array: pa.Array, type_: pa.DataType) -> bool:
    """Whether Arrow may read the text, which it does twenty times as fast.

    It takes 0x10 for an integer, and decimals that outgrow 128 bits while it gives them their scale come out wrong.
    """
    if not pa.types.is_string(array.type) or _holds(array, "e" if pa.types.is_decimal(type_) else "x"):
        return False
    longest = pc.max(pc.binary_length(array)).as_py() or 0
    return not pa.types.is_decimal(type_) or longest + type_.scale <= 38


def _holds(array: pa.StringArray, letter: str) -> bool:
    """Whether the letter, small or capital, is anywhere in the bytes of the texts, which is seen at memory's speed."""
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return False
    first, last = np.frombuffer(offsets, np.int32)[[array.offset, array.offset + len(array)]]
    return bool(np.any(np.frombuffer(data, np.uint8)[first:last] | 0x20 == ord(letter)))


def _decimals(text: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Text that says a number which the type holds; null for all other."""
    text = kept(text, pc.match_substring_regex(text, _DOUBLE))
    mantissa = pc.utf8_ltrim(pc.replace_substring_regex(text, r"[eE].*$", ""), "+-")
    power = pc.replace_substring_regex(text, r"^[^eE]*[eE]?[+]?", "")
    powers = pc.if_else(pc.equal(power, ""), "0", power).cast(pa.int32())
    whole = pc.replace_substring_regex(mantissa, r"\..*$", "")
    digits = pc.utf8_rtrim(pc.replace_substring(mantissa, ".", ""), "0")
    significant = pc.utf8_ltrim(digits, "0")
    before = pc.add(pc.utf8_length(whole), powers)  # digits before the point, zeros in front included
    zeros = pc.subtract(pc.utf8_length(digits), pc.utf8_length(significant))
    nothing = pc.equal(significant, "")
    few = pc.and_(
        pc.less_equal(pc.subtract(before, zeros), type_.precision - type_.scale),
        pc.less_equal(pc.subtract(pc.utf8_length(digits), before), type_.scale),
    )
    sign = pc.if_else(pc.starts_with(text, "-"), "-", "")
    exponents = pc.subtract(before, pc.utf8_length(digits)).cast(pa.string())
    plain = pc.binary_join_element_wise(sign, significant, "e", exponents, "")
    return kept(pc.if_else(nothing, "0", plain), pc.or_(nothing, few)).cast(type_)


def _limits(type_: pa.DataType) -> tuple[Decimal, Decimal]:
    """The least and the greatest value of an integer type."""
    if pa.types.is_unsigned_integer(type_):
        return Decimal(0), Decimal(2**type_.bit_width - 1)
    return Decimal(-(2 ** (type_.bit_width - 1))), Decimal(2 ** (type_.bit_width - 1) - 1)


def exact_doubles(array: pa.Array, type_: pa.DataType, separators: bool) -> pa.Array:
    """Numbers, or their text, as floating point; null where it does not stand for them."""
    if pa.types.is_floating(array.type):
        values = array.cast(pa.float64())
        same = pc.equal(array.cast(type_).cast(pa.float64()), values)
        return kept(array.cast(type_), pc.or_(same, pc.is_nan(values)))
    if not (is_text(array) or pa.types.is_integer(array.type) or pa.types.is_decimal(array.type)):
        return pa.nulls(len(array), type_)
    text = _number_text(array, separators)
    text = kept(text, pc.match_substring_regex(text, _DOUBLE))
    values = text.cast(pa.float64())
    return exact_doubles(kept(values, same_number(text, values)), type_, separators)


def same_number(text: pa.StringArray, values: pa.DoubleArray) -> pa.BooleanArray:
    """Whether each double stands for exactly the number that its text says: null for null."""
    same = pc.equal(text, values.cast(pa.string()))
    doubt = pc.invert(same).fill_null(False)
    return pc.replace_with_mask(same, doubt, _same(text.filter(doubt), values.filter(doubt)))


def _same(text: pa.StringArray, values: pa.DoubleArray) -> pa.BooleanArray:
    """The same for numbers that their doubles are not printed as."""
    digits = pc.replace_substring_regex(text, r"[eE].*$", "")
    digits = pc.utf8_ltrim(pc.replace_substring_regex(digits, r"[+.-]", ""), "0")
    few = pc.less_equal(pc.binary_length(pc.utf8_rtrim(digits, "0")), _SIGNIFICANT)
    size = pc.abs(values)
    usual = pc.or_(pc.and_(pc.greater(size, 1e-290), pc.less(size, 1e290)), pc.equal(digits, ""))
    sure = pc.and_(few, usual)
    rest = pc.invert(sure)
    pairs = zip(text.filter(rest).to_pylist(), values.filter(rest).to_pylist(), strict=True)
    compared = pa.array([Decimal(one) == Decimal(repr(two)) for one, two in pairs], pa.bool_())
    return pc.replace_with_mask(sure, rest, compared)
