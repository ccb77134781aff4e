"""Timestamps as sources give them -> microseconds since 1970 UTC, column-wise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.rules.numbers import parse_numbers
from etl_daemon.core.rules.timetext import (
    CUT,
    DAY,
    LEAP,
    LOCAL,
    MISSING,
    SECOND,
    VALID,
    Bools,
    Ints,
    Parsed,
    blank,
    flagged,
    midnights,
    scan,
)

if TYPE_CHECKING:
    import pandas as pd

EPOCH_UNITS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Formats that say what numbers count: microseconds each."""

_FIRST, _LAST = -719_162 * DAY, 2_932_897 * DAY - 1  # the years 0001 to 9999
_GREGORIAN_CYCLE = 146_097 * DAY  # after 400 years dates fall on the same days of the week again
_SAMPLE = 2**14  # rows
_HOURS = re.compile(r"%[HIcXTRr]")
_ZONES = re.compile(r"%[zZ]")
_PLAIN = r"^([0-9]|[^\p{Nd}])*$"


@dataclass(frozen=True, slots=True)
class Instants:
    """A column of instants; all arrays have its length.

    ``micros``: microseconds since 1970 UTC, 0 where there is no valid timestamp. ``missing``: null or empty text.
    ``invalid``: present, but no timestamp. ``cut``: valid, but with digits (other than 0) beyond microseconds.
    """

    micros: Ints
    missing: Bools
    invalid: Bools
    cut: Bools

    @property
    def truncated(self) -> int:
        """How many valid rows lost digits."""
        return int(np.count_nonzero(self.cut))


def parse_timestamps(
    column: pa.Array | pa.ChunkedArray, timezone: str = "UTC", formats: tuple[str, ...] = ()
) -> Instants:
    """Read a column of any type.

    Text, of which no blanks are stripped (RFC 3339, ISO 8601 calendar dates; ``/`` may stand for both ``-``)::

        YYYY-MM-DD                                                midnight UTC, never shifted
        YYYY-MM-DD{T|t| }HH:MM[:SS[{.|,}f...]][Z|z|±HH:MM|±HHMM]  without a zone: wall time of ``timezone``
        YYYYMMDD, if that is a date                               midnight UTC; a fraction of zeros may follow
        [-]digits[.digits]                                        epoch

    An epoch counts, by its absolute value, seconds below 1e11, milliseconds below 1e14, microseconds below 1e17, else
    nanoseconds. Numbers (integers, floating point, decimals) are read as such text is; floating point stands for the
    microsecond that it is the nearest double of, if there is one. What is finer than a microsecond is cut off toward
    the past. Second 60 is valid at 23:59:60 UTC and means the second that follows, as in POSIX. Wall times that a
    change of the clocks skips or repeats are invalid, and so is all outside the years 0001 to 9999 UTC.

    Dates, and timestamps with a zone, keep their instant; timestamps without one are wall times. NaN, booleans and
    all other types are invalid. ``formats`` are strptime formats as pandas knows them, tried in order on texts that
    fit none of the above: second 60 is invalid there, and a format without an hour means midnight UTC. ``epoch_s``,
    ``epoch_ms`` or ``epoch_us`` among them says what all numbers count, whatever their size.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: ``timezone`` is no name of the IANA database.
        ValueError: one of ``formats`` was needed and is no format.
    """
    zone = None if timezone == "UTC" else ZoneInfo(timezone)
    array = _in_one(column) if isinstance(column, pa.ChunkedArray) else column
    units = [EPOCH_UNITS[form] for form in formats if form in EPOCH_UNITS]
    micros, flags = _parse(array, zone, tuple(form for form in formats if form not in EPOCH_UNITS))
    if units:
        _count(array, units[0], micros, flags)
    valid, missing = (flags & VALID) != 0, (flags & MISSING) != 0
    return Instants(micros, missing, ~(valid | missing), (flags & CUT) != 0)


def _in_one(column: pa.ChunkedArray) -> pa.Array:
    """The column in one piece; texts that repeat are looked up rather than copied."""
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return arrow.encode(column) if text and _repeats(column) else arrow.chunk(column)


def _count(array: pa.Array, unit: int, micros: Ints, flags: npt.NDArray[np.uint8]) -> None:
    """Read every number of the column as a count of ``unit`` microseconds."""
    counts = parse_numbers(array).values
    rows = np.flatnonzero(np.abs(counts) <= _LAST // unit)
    micros[rows] = np.floor(counts[rows] * unit)
    flags[rows] = np.where((micros[rows] >= _FIRST) & (micros[rows] <= _LAST), np.uint8(VALID), np.uint8(0))


def _parse(array: pa.Array, zone: ZoneInfo | None, formats: tuple[str, ...]) -> Parsed:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _spread(_parse(array.dictionary, zone, formats), array.indices)
    if pa.types.is_string_view(kind):
        return _parse(array.cast(pa.large_string()), zone, formats)
    if pa.types.is_decimal(kind):
        return _parse(_decimal_text(array.dictionary_encode()), zone, formats)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return _settle(_typed(array), zone)
    if _repeats(array):
        return _parse(arrow.encode(array), zone, formats)
    parsed = scan(array)
    rows = np.flatnonzero(parsed.flags == 0) if formats else np.empty(0, np.int64)
    if rows.size:
        parsed.micros[rows], parsed.flags[rows] = _by_formats(array.take(arrow.array(rows)), formats)
    return _settle(parsed, zone)


def _spread(distinct: Parsed, indices: pa.Array) -> Parsed:
    """Distinct values -> rows; null takes the entry put behind the last one."""
    chosen = arrow.values(indices.cast(pa.int64()), len(distinct.micros))
    return Parsed(np.append(distinct.micros, 0).take(chosen), np.append(distinct.flags, np.uint8(MISSING)).take(chosen))


def _repeats(array: pa.Array | pa.ChunkedArray) -> bool:
    """Tell whether a dictionary pays: values repeat in an evenly spread sample."""
    sample = array.take(arrow.array(np.arange(0, len(array), max(1, len(array) // _SAMPLE))))
    return bool(pc.count_distinct(sample, mode="all").as_py() < 0.9 * len(sample))


def _decimal_text(encoded: pa.DictionaryArray) -> pa.DictionaryArray:
    """Decimals as plain digits: Arrow itself would write small ones with an exponent."""
    texts = [None if value is None else format(value, "f") for value in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(texts, pa.string()))


def _settle(parsed: Parsed, zone: ZoneInfo | None) -> Parsed:
    """Wall times to UTC; then what is no instant after all loses its flags."""
    micros, flags = parsed
    local = np.flatnonzero(flags & LOCAL)
    if zone and local.size:
        micros[local], exists = _to_utc(micros[local], zone)
        flags[local[~exists]] = 0
    flags[(micros < _FIRST) | (micros > _LAST)] &= MISSING
    leaps = np.flatnonzero(flags & LEAP)
    flags[leaps[micros[leaps] % DAY >= SECOND]] = 0
    micros[(flags & VALID) == 0] = 0
    return parsed


def _to_utc(walls: Ints, zone: ZoneInfo) -> tuple[Ints, Bools]:
    """Wall times -> UTC, and whether each of them exists exactly once."""
    import pandas as pd  # a third of a second: only for wall times and formats

    # pandas raises in the last day of the year 9999: the same day of 400 years before stands in.
    shift = np.where(walls > _LAST - 2 * DAY, _GREGORIAN_CYCLE, 0)
    index = pd.DatetimeIndex((walls - shift).view("M8[us]"))
    found = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return np.asarray(found.asi8) + shift, np.asarray(found.notna())


def _typed(array: pa.Array) -> Parsed:
    kind, parsed = array.type, blank(len(array))
    if pa.types.is_integer(kind):
        parsed = _epoch_integers(arrow.values(array, 0))
    elif pa.types.is_floating(kind):
        parsed = _epoch_floats(arrow.values(array.cast(pa.float64()), 0))
    elif pa.types.is_date32(kind):
        parsed = _counted(array.cast(pa.int32()), DAY)
    elif pa.types.is_date64(kind):
        parsed = _counted(array.cast(pa.int64()), 1000)
    elif pa.types.is_timestamp(kind):
        parsed = _counted(array.cast(pa.int64()), {"s": SECOND, "ms": 1000, "us": 1, "ns": 0}[kind.unit])
        parsed.flags[:] |= np.uint8(0 if kind.tz else LOCAL)
    parsed.flags[arrow.values(array.is_null())] = MISSING
    return parsed


def _counted(array: pa.Array, unit: int) -> Parsed:
    """Counts of ``unit`` microseconds since 1970; unit 0 is the nanosecond."""
    counts = arrow.values(array.cast(pa.int64()), 0)
    if unit == 0:
        return Parsed(counts // 1000, flagged(np.ones(len(counts), np.bool_), counts % 1000 != 0))
    fits = (counts >= _FIRST // unit) & (counts <= _LAST // unit)
    return Parsed(np.where(fits, counts, 0) * unit, flagged(fits))


def _epoch_integers(numbers: npt.NDArray[Any]) -> Parsed:
    values = numbers if numbers.dtype == np.uint64 else numbers.astype(np.int64, copy=False)
    nanos = (values >= 10**17) | (values <= -(10**17))
    counts = np.where(nanos, 0, values).astype(np.int64)
    size = np.abs(counts)
    micros = counts * np.where(size < 10**11, SECOND, np.where(size < 10**14, 1000, 1))
    micros[nanos] = values[nanos] // 1000
    cut = nanos & (values % 1000 != 0)
    return Parsed(_or_dates(counts, micros), flagged(np.ones(len(values), np.bool_), cut))


def _epoch_floats(values: npt.NDArray[np.float64]) -> Parsed:
    valid = np.abs(values) < 1e21
    values = np.where(valid, values, 0.0)
    size = np.abs(values)
    factor = np.where(size < 1e11, 1e6, np.where(size < 1e14, 1e3, 1.0))
    divisor = np.where(size < 1e17, 1.0, 1e3)
    nearest = np.rint(values * factor / divisor)
    # Division is correctly rounded: the quotient is the double that the decimal with these digits parses to.
    quotient = nearest * divisor / factor
    micros = (nearest - (quotient > values)).astype(np.int64)
    # microseconds beyond the year 2255 have more digits than a double carries
    whole = (values == np.rint(values)) & (size < 2.0**53)
    exact = _epoch_integers(np.where(whole, values, 0.0).astype(np.int64)).micros
    return Parsed(np.where(whole, exact, micros), flagged(valid, ~whole & (quotient != values)))


def _or_dates(counts: Ints, micros: Ints) -> Ints:
    """Midnight where the count has eight digits that make a date YYYYMMDD, else ``micros``."""
    dates, exist = midnights(counts // 10_000, counts // 100 % 100, counts % 100)
    return np.where(exist & (counts >= 10**7), dates, micros)


def _by_formats(texts: pa.Array, formats: tuple[str, ...]) -> Parsed:
    encoded = texts.dictionary_encode()
    # pandas would read digits of any script, and "now" and "today" by the clock.
    readable = pc.and_(
        pc.match_substring_regex(encoded.dictionary, _PLAIN),
        pc.invert(pc.is_in(encoded.dictionary, pa.array(["now", "today"], texts.type))),
    )
    distinct = pc.if_else(readable, encoded.dictionary, None).to_numpy(zero_copy_only=False)
    parsed = blank(len(distinct))
    for form in formats:
        left = np.flatnonzero(parsed.flags == 0)
        parsed.micros[left], parsed.flags[left] = _by_format(distinct[left], form)
    return _spread(parsed, encoded.indices)


def _by_format(texts: npt.NDArray[np.object_], form: str) -> Parsed:
    found = _strptime(texts, form)
    micros, valid = np.asarray(found.as_unit("us").asi8), np.asarray(found.notna())
    # pandas lets seconds 60 and 61 run over into the next minute: look for them as literals.
    suspects = np.flatnonzero(valid & (micros % (60 * SECOND) < 2 * SECOND) & ("%S" in form))
    for second in ("60", "61"):
        valid[suspects] &= np.asarray(_strptime(texts[suspects], form.replace("%S", second)).isna())
    cut = np.asarray(found.asi8) % 1000 != 0 if found.unit == "ns" else None
    local = bool(_HOURS.search(form)) and not _ZONES.search(form)
    return Parsed(micros, flagged(valid, cut, LOCAL if local else 0))


def _strptime(texts: npt.NDArray[np.object_], form: str) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.to_datetime(pd.Index(texts, dtype=object), format=form, errors="coerce", exact=True, utc=True)
