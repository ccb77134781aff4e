"""Values in another type, where they have exactly that value there; which of them have not is told apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.rules.timestamps import parse_timestamps
from etl_daemon.core.rules.timetext import DAY
from etl_daemon.core.tables.canonical import MICROS
from etl_daemon.core.tables.exact_numbers import exact_doubles, exact_numbers, is_text, kept
from etl_daemon.core.tables.jsontext import json_text, quoted
from etl_daemon.core.tables.plaintext import JSON, is_json, plain_text

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_CALENDAR = r"^[0-9]{4}[-/]"
_NUMBER = r"^\s*[+-]?[0-9]+([.,][0-9]*)?\s*$"
_FINER = r"[.,][0-9]{6}[0-9]*[1-9]"
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"


@dataclass(frozen=True, slots=True)
class TextForms:
    """How text is read; see ``Dataset`` and ``Rules`` for the meaning of the fields."""

    timezone: str = "UTC"
    timestamp_formats: tuple[str, ...] = ()
    thousands_separators: bool = False


@dataclass(frozen=True, slots=True)
class Exact:
    """A column in the wanted type.

    ``values`` are null where ``misfit`` (bool, one per row). ``truncated`` counts timestamps that lost digits beyond
    microseconds.
    """

    values: pa.ChunkedArray
    misfit: Mask
    truncated: int = 0


PLAIN = TextForms()


def exact_cast(
    column: pa.ChunkedArray, type_: pa.DataType, forms: TextForms = PLAIN, *, declared: bool = False
) -> Exact:
    """A canonical column in another type.

    A value fits if it is equal there: a decimal or an integer in any number type that holds all its digits, a double
    by the shortest decimal that parses to it, a date as its midnight, anything but undecodable binary as text, and text
    where it reads as a value of that type. With ``declared``, where the operator has said that the column is of that
    type, numbers may be timestamps too, timestamps may lose digits beyond microseconds, and text for JSON is JSON.
    """
    rows = len(column)
    if column.type == type_:
        return Exact(column, np.zeros(rows, np.bool_))
    if pa.types.is_null(column.type):
        return Exact(pa.chunked_array([pa.nulls(rows, type_)]), np.zeros(rows, np.bool_))
    if pa.types.is_timestamp(type_) and type_ != INSTANT:
        return _in_unit(exact_cast(column, INSTANT, forms, declared=declared), type_)
    truncated, values, misfits = 0, [], [np.zeros(0, np.bool_)]
    for chunk in column.chunks:
        made, lost = _made(chunk, type_, forms, declared=declared)
        values.append(made)
        misfits.append(_mask(pc.and_(made.is_null(), chunk.is_valid())))
        truncated += lost
    return Exact(pa.chunked_array(values, type_), np.concatenate(misfits), truncated)


def _in_unit(found: Exact, type_: pa.DataType) -> Exact:
    """UTC microseconds as timestamps of another unit or with a zone."""
    values = found.values.combine_chunks()
    made = values.cast(type_, safe=False)
    same = pc.equal(made.cast(INSTANT, safe=False), values)
    misfit = found.misfit | _mask(pc.invert(same))
    return Exact(pa.chunked_array([kept(made, same)]), misfit, found.truncated)


def _made(array: pa.Array, type_: pa.DataType, forms: TextForms, *, declared: bool) -> tuple[pa.Array, int]:
    """The values, null where there is none, and how many were truncated."""
    if type_ == INSTANT:
        return _instants(array, forms, declared=declared)
    if declared and is_json(type_) and pa.types.is_string(array.type):
        return _parsed(array), 0
    return _converted(array, type_, forms), 0


def _parsed(texts: pa.StringArray) -> pa.Array:
    encoded = texts.dictionary_encode()
    valid = pa.array([_is_valid_json(text) for text in encoded.dictionary.to_pylist()], pa.bool_())
    return kept(encoded.dictionary, valid).take(encoded.indices).cast(JSON)


def _is_valid_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _mask(array: pa.Array) -> Mask:
    return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False))


def _converted(array: pa.Array, type_: pa.DataType, forms: TextForms) -> pa.Array:
    """The values of the type; null where there is none."""
    if pa.types.is_string(type_):
        return plain_text(array)
    if is_json(type_):
        return json_values(array)
    if pa.types.is_floating(type_):
        return exact_doubles(array, type_, forms.thousands_separators)
    if pa.types.is_integer(type_) or pa.types.is_decimal(type_):
        return exact_numbers(array, type_, forms.thousands_separators)
    made = _OTHERS.get(type_)
    return made(array) if made else pa.nulls(len(array), type_)


def json_values(array: pa.Array) -> pa.Array:
    """The values as JSON; null where JSON has none: NaN, the infinities, binary."""
    if pa.types.is_binary(array.type):
        return pa.nulls(len(array), JSON)
    if pa.types.is_floating(array.type):
        array = kept(array, pc.is_finite(array))
    return (quoted(array) if pa.types.is_string(array.type) else json_text(array)).cast(JSON)


def _booleans(array: pa.Array) -> pa.Array:
    if not is_text(array):
        return pa.nulls(len(array), pa.bool_())
    text = pc.utf8_lower(pc.utf8_trim(plain_text(array), " "))
    return kept(pc.equal(text, "true"), pc.is_in(text, pa.array(["true", "false"])))


def _instants(array: pa.Array, forms: TextForms, *, declared: bool) -> tuple[pa.Array, int]:
    """Dates, and text in a form with a calendar date or one of the dataset's, as UTC; how many were truncated."""
    if not (declared or is_text(array)):
        return (array.cast(INSTANT) if pa.types.is_date(array.type) else pa.nulls(len(array), INSTANT)), 0
    given = plain_text(array) if is_text(array) else array
    if not declared and forms.timestamp_formats:
        given = kept(given, pc.invert(pc.match_substring_regex(given, _NUMBER)))  # it would be an epoch
    elif not declared:
        given = kept(given, pc.match_substring_regex(given, _CALENDAR))
    found = parse_timestamps(given, forms.timezone, forms.timestamp_formats)
    valid = ~(found.missing | found.invalid)
    if found.truncated and not declared:
        valid &= ~_mask(pc.match_substring_regex(given, _FINER))
    micros = pa.array(found.micros, mask=~valid).cast(INSTANT)
    return micros, found.truncated if declared else 0


def _dates(array: pa.Array) -> pa.Array:
    instants = array if pa.types.is_timestamp(array.type) else _instants(array, PLAIN, declared=False)[0]
    micros = instants.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    midnight = pc.and_(instants.is_valid(), pa.array(micros % DAY == 0))
    return kept(pa.array((micros // DAY).astype(np.int32)).cast(pa.date32()), midnight)


def _times(array: pa.Array) -> pa.Array:
    if not is_text(array):
        return pa.nulls(len(array), MICROS)
    text = plain_text(array)
    text = kept(text, pc.match_substring_regex(text, _CLOCK))
    day = pc.binary_join_element_wise("1970-01-01 ", text, "")
    return day.cast(INSTANT).cast(MICROS)


def _bytes(array: pa.Array) -> pa.Array:
    return array.cast(pa.binary()) if pa.types.is_string(array.type) else pa.nulls(len(array), pa.binary())


_OTHERS: Mapping[pa.DataType, Callable[[pa.Array], pa.Array]] = {
    pa.bool_(): _booleans,
    pa.date32(): _dates,
    MICROS: _times,
    pa.binary(): _bytes,
}
