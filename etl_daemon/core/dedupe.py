"""Which of several rows with one key stays: the last, in the order of the object."""

from __future__ import annotations

from typing import Any

import numpy as np

DIRECT_TABLE_CELLS = 2**26
"""Up to this many possible keys a table with one cell per key (4 bytes) is quicker than sorting."""

Codes = np.ndarray[Any, Any]


def combine(first: Codes, second: Codes) -> Codes:
    """One int64 code per row for the pair of two non-negative codes; dense when the product would not fit."""
    width = int(second.max(initial=0)) + 1
    if (int(first.max(initial=0)) + 1) * width >= 2**62:
        first, second = _dense(first), _dense(second)
        width = int(second.max(initial=0)) + 1
    codes: Codes = first.astype(np.int64) * width
    codes += second
    return codes


def compact(codes: Codes) -> Codes:
    """Codes with the same differences and hardly any gaps: arrays with an entry per code stay small."""
    return codes if int(codes.max(initial=0)) < 4 * len(codes) else _dense(codes)


def shrunk(offsets: Codes) -> Codes:
    """Offsets divided by the largest round unit that all share: minute bars need far fewer codes than microseconds."""
    for unit in (86_400_000_000, 60_000_000, 1_000_000, 1_000):
        if not (offsets[:1000] % unit).any():
            codes = offsets // unit
            if np.array_equal(codes * unit, offsets):
                return codes
    return offsets


def last_of_each(keys: Codes) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Marks the last row of every key. ``keys``: non-negative int64, one per row."""
    rows = np.arange(len(keys), dtype=np.int64)
    if not len(keys):
        return np.zeros(0, np.bool_)
    cells = int(keys.max()) + 1
    if cells <= max(DIRECT_TABLE_CELLS, len(keys)):
        last = np.empty(cells, np.int32)
        last[keys] = rows  # NumPy assigns repeated indices in order, so the last row stays
        return np.equal(last[keys], rows)
    winners = np.zeros(len(keys), np.bool_)
    place_bits = len(keys).bit_length()
    if cells < 2 ** (63 - place_bits):  # key and place in one number: a plain sort is many times quicker
        ordered = np.sort(keys << place_bits | rows)
        ends = np.append((ordered[1:] ^ ordered[:-1]) >> place_bits != 0, True)
        winners[ordered[ends] & (2**place_bits - 1)] = True
        return winners
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    ends = np.append(ordered[1:] != ordered[:-1], True)
    winners[order[ends]] = True
    return winners


def first_of_each(keys: Codes) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Marks the first row of every key, as ``last_of_each`` marks the last."""
    return last_of_each(keys[::-1])[::-1]


def _dense(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1]
