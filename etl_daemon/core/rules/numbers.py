"""Numbers as sources give them -> float64, and on to exact decimals, column-wise.

A double carries every decimal of up to 15 significant digits: the decimal parses to a double that prints as it again
(DBL_DIG of IEEE 754 binary64). Where a source gives more than that, its own decimals are kept beside the doubles.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_05UP, Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.rules.scale import (
    EXACT,
    UNITS_BELOW,
    Bools,
    Floats,
    Ints,
    decimals,
    half_even,
    printed,
    to_scale,
    words,
)

__all__ = ["CARRIED_BELOW", "EXACT", "Numbers", "decimals", "in_units", "parse_numbers", "quantities", "to_scale"]

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"
_FITS_EXACT = r"^[+-]?([0-9]{1,20}(\.[0-9]{0,18})?|\.[0-9]{1,18})$"
CARRIED_BELOW = 2.0**22
"""From here on doubles are too far apart to tell a tie at eight decimals, which has nine, from its neighbours."""
_CARRIED_DIGITS = 15
_CARRIED = 10**_CARRIED_DIGITS
_BLOCK = 2**16  # rows: the temporary arrays of a block stay in the cache
_PLAIN_BYTES = 64  # longer texts take the regular expression
_DOT, _MINUS = b".-"
_OTHER = 256  # more than the dots that a plain text can have
_WEIGHTS = np.full(256, _OTHER, np.int32)
_WEIGHTS[list(b"0123456789")] = 0
_WEIGHTS[_DOT] = 1


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers; all arrays have its length. ``values`` may be a read-only view of the column.

    ``values``: NaN where missing or invalid. ``missing``: null or blank. ``invalid``: present, but no finite number.
    ``exact``: decimals of type ``EXACT`` for the rows whose value a double does not carry to eight decimals, null for
    all others; None where there is no such row.
    """

    values: Floats
    missing: Bools
    invalid: Bools
    exact: pa.Array | None = None


def parse_numbers(column: pa.Array | pa.ChunkedArray, *, thousands_separators: bool = False) -> Numbers:
    r"""Read a column of any type.

    Text, once the ASCII blanks around it are stripped, is a number if it matches
    ``[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?`` with ASCII digits, or, with ``thousands_separators``, the same with
    commas between all groups of three digits before the point. It becomes the nearest double; beyond the doubles it
    is invalid. Integers, floating point (NaN and the infinities are invalid) and decimals are numbers; booleans and
    all other types are not.
    """
    kind = column.type
    if pa.types.is_floating(kind):
        return _floats(column.cast(pa.float64()))
    array = arrow.chunk(column) if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(kind):
        return _spread(parse_numbers(array.dictionary, thousands_separators=thousands_separators), array.indices)
    if pa.types.is_integer(kind):
        return _integers(array)
    if pa.types.is_decimal(kind):
        return _decimal_column(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _texts(array.cast(pa.large_string()), thousands_separators)
    missing = _nulls(array)
    return Numbers(np.full(len(array), np.nan), missing, ~missing)


def _nulls(array: pa.Array | pa.ChunkedArray) -> Bools:
    found: Bools = arrow.values(array.is_null()) if array.null_count else np.zeros(len(array), np.bool_)
    return found


def _spread(distinct: Numbers, indices: pa.Array) -> Numbers:
    """Distinct values -> rows; null takes the entry put behind the last one."""
    chosen = arrow.values(indices.cast(pa.int64()), len(distinct.values))
    values, missing = np.append(distinct.values, np.nan).take(chosen), np.append(distinct.missing, True).take(chosen)
    exact = None if distinct.exact is None else distinct.exact.take(indices)
    return Numbers(values, missing, np.append(distinct.invalid, False).take(chosen), exact)


def _floats(array: pa.Array | pa.ChunkedArray) -> Numbers:
    values: Floats = arrow.values(array, np.nan)
    missing = _nulls(array)
    invalid = ~(np.isfinite(values) | missing)
    if np.isinf(values[invalid]).any():
        values = np.where(invalid, np.nan, values)
    return Numbers(values, missing, invalid)


def _integers(array: pa.Array) -> Numbers:
    missing, whole = _nulls(array), arrow.values(array, 0)
    values = np.where(missing, np.nan, whole.astype(np.float64))
    large = np.flatnonzero(np.abs(values) >= 2.0**53)
    exact = _scattered(array.take(arrow.array(large)).cast(EXACT), large, values) if large.size else None
    return Numbers(values, missing, np.zeros(len(array), np.bool_), exact)


def _decimal_column(array: pa.Array) -> Numbers:
    """Up to 15 digits: an exact integer divided by an exact power of ten, so correctly rounded. Else as text."""
    scale, missing = array.type.scale, _nulls(array)
    if pa.types.is_decimal128(array.type) and 0 <= scale <= 22:
        low, high = words(array)
        if bool(np.all(missing | ((high == low >> 63) & (low < _CARRIED) & (low > -_CARRIED)))):
            return Numbers(np.where(missing, np.nan, low / 10.0**scale), missing, np.zeros(len(array), np.bool_))
    return _texts(array.cast(pa.large_string()), thousands_separators=False)


def _texts(array: pa.Array, thousands_separators: bool) -> Numbers:
    """Plain texts are told from the rest by counting bytes, so that only the rest needs a regular expression."""
    plain = _plain(array)
    values: Floats = arrow.values(_kept(array, arrow.array(plain)).cast(pa.float64()), np.nan)
    rows = np.flatnonzero(~plain)
    missing = _nulls(array)
    if rows.size:
        values = values.copy()
        rest = pc.ascii_trim_whitespace(array.take(arrow.array(rows)))
        missing[rows] |= arrow.values(pc.binary_length(rest), -1) == 0
        values[rows] = _doubles(rest, thousands_separators)
    return Numbers(values, missing, np.isnan(values) & ~missing, _exact_texts(array, values))


def _plain(array: pa.LargeStringArray) -> Bools:
    """Tell which texts are ``-?`` digits with at most one point among them."""
    size, (_, offsets, data) = len(array), array.buffers()
    plain = np.zeros(size, np.bool_)
    if size == 0 or not data:
        return plain
    chars, present = np.frombuffer(data, np.uint8), ~_nulls(array)
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + size + 1]
    for start in range(0, size, _BLOCK):
        block = bounds[start : start + _BLOCK + 1]
        texts = chars[block[0] : block[-1]]
        first, length = block[:-1] - block[0], np.diff(block)
        weights = np.zeros(len(texts) + 1, np.int32)
        np.cumsum(_WEIGHTS.take(texts), out=weights[1:])
        sign = (length > 0) & (chars.take(block[:-1], mode="clip") == _MINUS)
        others = weights.take(first + length) - weights.take(first) - sign * np.int32(_OTHER)
        plain[start : start + _BLOCK] = (others <= 1) & (others < length - sign) & (length <= _PLAIN_BYTES)
    return plain & present


def _doubles(texts: pa.Array, thousands_separators: bool) -> Floats:
    """Stripped texts -> doubles, NaN where they are no numbers."""
    if thousands_separators:
        grouped = pc.match_substring_regex(texts, _GROUPED)
        texts = pc.if_else(grouped, pc.replace_substring(texts, ",", ""), texts)
    matches = pc.match_substring_regex(texts, _NUMBER)
    values: Floats = arrow.values(_kept(texts, matches).cast(pa.float64()), np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _kept(array: pa.Array, mask: pa.BooleanArray) -> pa.Array:
    return pc.if_else(mask, array, arrow.null(array.type))


def _exact_texts(array: pa.LargeStringArray, values: Floats) -> pa.Array | None:
    """Decimals of the large numbers that have more digits than a double carries."""
    large = np.flatnonzero(np.abs(values) >= CARRIED_BELOW)
    texts = pc.replace_substring(pc.ascii_trim_whitespace(array.take(arrow.array(large))), ",", "")
    long = np.flatnonzero(arrow.values(pc.binary_length(texts), 0) > _CARRIED_DIGITS)
    if not long.size:
        return None
    texts, rows = texts.take(arrow.array(long)), large[long]
    simple = pc.match_substring_regex(texts, _FITS_EXACT)
    exact = _kept(texts, simple).cast(EXACT)
    odd = _kept(texts, pc.invert(simple)).dictionary_encode()
    converted = pa.array([_decimal(text) for text in odd.dictionary.to_pylist()], EXACT)
    return _scattered(pc.coalesce(exact, converted.take(odd.indices)), rows, values)


def _decimal(text: str) -> Decimal | None:
    """Any finite number in the scale of ``EXACT``; None if it has too many digits before the point.

    ROUND_05UP leaves a trace of the digits cut off, so that a later rounding half-even does not see a false tie.
    """
    number = Decimal(text)
    if number.adjusted() >= EXACT.precision - EXACT.scale:
        return None
    return number.quantize(Decimal(1).scaleb(-EXACT.scale), ROUND_05UP, Context(prec=EXACT.precision))


def _scattered(exact: pa.Array, rows: Ints, values: Floats) -> pa.Array | None:
    """Bring decimals to their rows in the column; those that their doubles print as anyway are left out."""
    same = arrow.values(pc.equal(exact, printed(values[rows])), False)
    kept = np.flatnonzero(arrow.values(exact.is_valid()) & ~same)
    if not kept.size:
        return None
    index = np.full(len(values), -1)
    index[rows[kept]] = kept
    return exact.take(arrow.array(index, index >= 0))


def in_units(numbers: Numbers, values: Floats, type_: pa.Decimal128Type) -> bool:
    """Whether these values of the column are whole numbers in int64 of the type's last digit, once rounded."""
    return (
        numbers.exact is None
        and type_.precision > 18
        and max(values.max(initial=0), -values.min(initial=0)) * 10.0**type_.scale < UNITS_BELOW
    )


def quantities(numbers: Numbers, rows: Ints, type_: pa.Decimal128Type) -> tuple[pa.Array, Bools, Bools]:
    """Return the given rows as decimals, whether they had more decimals than the scale, whether they do not fit.

    Rounded half-even from ``exact`` where there is one, else from the shortest decimal that parses to the double.
    Null where there is no number or none that fits. ``type_`` has a scale from 0 to 12 and up to 20 digits before
    the point; what needs more does not fit.
    """
    values = numbers.values[rows]
    if in_units(numbers, values, type_):
        units, finer = to_scale(values, type_.scale)
        return decimals(units, type_), finer, np.zeros(len(rows), np.bool_)
    exact = pa.nulls(len(rows), EXACT) if numbers.exact is None else numbers.exact.take(arrow.array(rows))
    narrow = arrow.values(exact.is_null()) & (np.abs(values) * 10.0**type_.scale < UNITS_BELOW)
    units, finer = to_scale(np.where(narrow, values, np.nan), type_.scale)
    misfit = np.abs(units) >= 10 ** min(type_.precision, 18) if type_.precision < 19 else np.zeros(len(rows), np.bool_)
    result = decimals(units, type_, narrow & ~misfit)
    wide = np.flatnonzero(~narrow & ~np.isnan(values))
    if wide.size:
        source = pc.coalesce(exact.take(arrow.array(wide)), printed(values[wide]))
        rounded, finer[wide] = half_even(source, type_.scale)
        limit = pa.scalar(Decimal(10) ** (type_.precision - type_.scale), rounded.type)
        fits = pc.less(pc.abs(rounded), limit)
        misfit[wide] = ~arrow.values(fits, False)
        mask = np.zeros(len(rows), np.bool_)
        mask[wide] = True
        result = pc.replace_with_mask(result, arrow.array(mask), _kept(rounded, fits).cast(type_))
    return result, finer, misfit
