"""The grammar of timestamps in text, read column-wise: texts of one length are a matrix of bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from etl_daemon.core import arrow

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Chars = npt.NDArray[np.uint8]
"""Texts of one length: row i holds the i-th byte of each of them."""

VALID, MISSING, CUT, LOCAL, LEAP = 1, 2, 4, 8, 16
"""Flags of a value: no flag means invalid; digits were cut; it is a wall time; it was second 60."""

SECOND = 10**6
DAY = 86_400 * SECOND
_BLOCK = 2**16  # rows: the temporary arrays of a block stay in the cache
_LONGEST = 64  # bytes: no accepted form needs more
_ZERO, _MINUS, _POINT = b"0-."


class Parsed(NamedTuple):
    """Microseconds since 1970 and the flags of each value; both arrays may be changed in place."""

    micros: Ints
    flags: Chars


def blank(size: int) -> Parsed:
    """Return ``size`` invalid values."""
    return Parsed(np.zeros(size, np.int64), np.zeros(size, np.uint8))


def flagged(valid: Bools, cut: Bools | None = None, more: int = 0) -> Chars:
    """Return the flags of values that are valid or not."""
    flags = valid.view(np.uint8) * np.uint8(VALID | more)
    if cut is not None:
        flags |= (valid & cut).view(np.uint8) * np.uint8(CUT)
    return flags


def midnights(year: Ints, month: Ints, day: Ints) -> tuple[Ints, Bools]:
    """Calendar dates -> their midnight UTC in microseconds, and whether they exist in the years 0001 to 9999."""
    starts = _month_starts()
    valid = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1)
    index = np.where(valid, year * 12 + month - 13, 0)
    days = starts.take(index) + day - 1
    return days * DAY, valid & (days < starts.take(index + 1))


@cache
def _month_starts() -> Ints:
    """Days since 1970 on which the months of the years 0001 to 9999 begin, and the one after them."""
    return np.arange("0001-01", "10000-02", dtype="M8[M]").astype("M8[D]").astype(np.int64)


def scan(array: pa.Array) -> Parsed:
    """Read string or large_string; wall times come back as if they were UTC, second 60 as the second after it.

    The forms are those of ``timestamps.parse_timestamps``.
    """
    size, (_, offsets, data) = len(array), array.buffers()
    parsed = blank(size)
    if size == 0:
        return parsed
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    bounds = np.frombuffer(offsets, width)[array.offset : array.offset + size + 1].astype(np.int64)
    present = arrow.values(array.is_valid())
    lengths = np.minimum(np.where(present, np.diff(bounds), 0), _LONGEST + 1)
    parsed.flags[lengths == 0] = MISSING
    chars = np.frombuffer(data or b"", np.uint8)
    for start in range(0, size, _BLOCK):
        block = lengths[start : start + _BLOCK]
        for length in np.flatnonzero(np.bincount(block, minlength=_LONGEST + 2)[1 : _LONGEST + 1]) + 1:
            rows = start + np.flatnonzero(block == length)
            parsed.micros[rows], parsed.flags[rows] = _read(_matrix(chars, bounds[rows], int(length)))
    return parsed


def _matrix(chars: Chars, starts: Ints, length: int) -> Chars:
    first, last = int(starts[0]), int(starts[-1]) + length
    if last - first == len(starts) * length:  # nothing lies between the texts
        return np.ascontiguousarray(chars[first:last].reshape(-1, length).T)
    return chars.take(starts + np.arange(length)[:, None])


def _choose(chars: Chars, kinds: Chars, reader: Callable[[int], Callable[[Chars], Parsed]]) -> Parsed:
    """Give the texts of each kind to the reader for that kind."""
    present = np.flatnonzero(np.bincount(kinds))
    if len(present) == 1:
        return reader(int(present[0]))(chars)
    parsed = blank(chars.shape[1])
    for kind in present:
        rows = np.flatnonzero(kinds == kind)
        parsed.micros[rows], parsed.flags[rows] = reader(int(kind))(chars[:, rows])
    return parsed


def _read(chars: Chars) -> Parsed:
    if len(chars) < 10:
        return _epoch(chars)
    calendar = _among(chars[4], "-/").view(np.uint8)
    return _choose(chars, calendar, lambda kind: _calendar if kind else _epoch)


def _among(row: Chars, characters: str) -> Bools:
    found = np.zeros(len(row), np.bool_)
    for character in characters:
        found |= row == ord(character)
    return found


def _number(digits: Chars) -> tuple[Ints, Bools]:
    """Return the numbers that up to 18 digits make, and whether all are digits."""
    value: npt.NDArray[Any] = np.zeros(digits.shape[1], np.int32 if len(digits) < 10 else np.int64)
    valid = np.ones(digits.shape[1], np.bool_)
    for column in digits - np.uint8(_ZERO):
        valid &= column < 10
        value *= 10
        value += column
    return value.astype(np.int64, copy=False), valid


def _below(digits: Chars, limit: int) -> tuple[Ints, Bools]:
    value, valid = _number(digits)
    return value, valid & (value < limit)


def _day(year: Chars, month: Chars, day: Chars) -> tuple[Ints, Bools]:
    (y, y_valid), (m, m_valid), (d, d_valid) = _number(year), _number(month), _number(day)
    micros, exists = midnights(y, m, d)
    return micros, exists & y_valid & m_valid & d_valid


def _fraction(digits: Chars) -> tuple[Ints, Bools, Bools]:
    """Digits after the point -> millionths, whether digits beyond them are lost, whether all are digits."""
    value, valid = _number(digits[:6])
    lost = (digits[6:] != _ZERO).any(axis=0)
    return value * 10 ** (6 - len(digits[:6])), lost, valid & (digits[6:] - np.uint8(_ZERO) < 10).all(axis=0)


def _calendar(chars: Chars) -> Parsed:
    if len(chars) == 10:
        micros, valid = _day(chars[:4], chars[5:7], chars[8:10])
        return Parsed(micros, flagged(valid & (chars[4] == chars[7])))
    zones = np.zeros(chars.shape[1], np.uint8)  # their widths
    if len(chars) > 20:
        zones[_among(chars[-5], "+-")] = 5
    if len(chars) > 21:
        zones[_among(chars[-6], "+-") & (chars[-3] == ord(":"))] = 6
    zones[_among(chars[-1], "Zz")] = 1
    return _choose(chars, zones, lambda width: partial(_time, zone=width))


def _time(chars: Chars, zone: int) -> Parsed:
    """Date and time of day, with a zone of that many characters."""
    end = len(chars) - zone
    if end not in {16, 19} and end < 21:
        return blank(chars.shape[1])
    micros, valid = _day(chars[:4], chars[5:7], chars[8:10])
    hour, hour_valid = _below(chars[11:13], 24)
    minute, minute_valid = _below(chars[14:16], 60)
    valid &= hour_valid & minute_valid & (chars[4] == chars[7]) & _among(chars[10], "Tt ") & (chars[13] == ord(":"))
    seconds, seconds_valid, cut = _seconds(chars[16:end])
    shift, shift_valid = _offset(chars[end:])
    micros += (hour * 60 + minute - shift) * 60 * SECOND + seconds
    flags = flagged(valid & seconds_valid & shift_valid, cut, 0 if zone else LOCAL)
    flags[(seconds >= 60 * SECOND) & (flags != 0)] |= LEAP
    return Parsed(micros, flags)


def _seconds(chars: Chars) -> tuple[Ints, Bools, Bools]:
    """``:SS.f...`` -> microseconds (of 61 seconds at most), whether it is that, whether digits are lost."""
    none = np.zeros(chars.shape[1], np.bool_)
    if len(chars) == 0:
        return np.zeros(chars.shape[1], np.int64), ~none, none
    second, valid = _below(chars[1:3], 61)
    valid &= chars[0] == ord(":")
    if len(chars) == 3:
        return second * SECOND, valid, none
    micros, lost, fraction_valid = _fraction(chars[4:])
    return second * SECOND + micros, valid & fraction_valid & _among(chars[3], ".,"), lost


def _offset(chars: Chars) -> tuple[Ints, Bools]:
    """Return a zone's minutes ahead of UTC, and whether it is valid. Its first and middle characters have been seen."""
    if len(chars) < 5:  # Z, or none
        return np.zeros(chars.shape[1], np.int64), np.ones(chars.shape[1], np.bool_)
    hour, hour_valid = _below(chars[1:3], 24)
    minute, minute_valid = _below(chars[-2:], 60)
    return np.where(chars[0] == _MINUS, -1, 1) * (hour * 60 + minute), hour_valid & minute_valid


def _epoch(chars: Chars) -> Parsed:
    points = chars == _POINT
    places = np.where(points.any(axis=0), points.argmax(axis=0), len(chars))
    kinds = (places * 2 + (chars[0] == _MINUS)).astype(np.uint8)
    return _choose(chars, kinds, lambda kind: partial(_decimal, point=kind // 2, sign=kind % 2))


def _decimal(chars: Chars, point: int, sign: int) -> Parsed:
    """Eight digits that are a date, or an epoch: ``sign`` characters, digits up to ``point``, digits after it."""
    whole, behind = chars[sign:point], chars[point + 1 :]
    if not 1 <= len(whole) <= 21 or point + 1 == len(chars):
        return blank(chars.shape[1])
    # Thousands apart from the rest: an int64 holds them where only nanoseconds need all the digits.
    thousands, thousands_valid = _number(whole[:-3])
    rest, valid = _number(whole[-3:])
    fraction, lost, fraction_valid = _fraction(behind)
    count = np.minimum(thousands, 10**14) * 1000 + rest
    is_seconds, is_millis, is_micros = count < 10**11, count < 10**14, count < 10**17
    micros = np.where(
        is_seconds, count * SECOND + fraction, np.where(is_millis, count * 1000 + fraction // 1000, count)
    )
    micros = np.where(is_micros, micros, thousands)
    finer = np.where(
        is_seconds, 0, np.where(is_millis, fraction % 1000, np.where(is_micros, fraction, fraction + rest))
    )
    cut = lost | (finer != 0)
    flags = flagged(valid & thousands_valid & fraction_valid, cut)
    if len(whole) == 8 and not sign:
        days, is_date = _day(whole[:4], whole[4:6], whole[6:])
        micros = np.where(is_date & (fraction == 0) & ~lost, days, micros)
    return Parsed(-micros - cut if sign else micros, flags)
