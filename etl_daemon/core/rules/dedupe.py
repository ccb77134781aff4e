"""Which of several rows with one key stays: the last, in the order of the object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

TABLE_CELLS = 2**25
"""Possible keys that a table with one cell per key (4 bytes) has room for; more of them take several tables in turn."""

CELLS_PER_ROW = 16
"""Up to so many times more possible keys than rows such tables are quicker than sorting."""

TABLES = 8
STEP_ROWS = 2**20
LARGEST_SORT = 2**22
"""Rows that are sorted together at most: more of them are parted by their keys first, for sorting takes copies."""

Codes = np.ndarray[Any, Any]
Marks = np.ndarray[Any, np.dtype[np.bool_]]


def combine(first: Codes, second: Codes) -> Codes:
    """One int64 code per row for the pair of two non-negative codes; dense when the product would not fit."""
    width = int(second.max(initial=0)) + 1
    if (int(first.max(initial=0)) + 1) * width >= 2**62:
        first, second = _dense(first), _dense(second)
        width = int(second.max(initial=0)) + 1
    codes: Codes = first.astype(np.int64)
    codes *= width
    codes += second
    return codes


def compact(codes: Codes) -> Codes:
    """Codes with the same differences and hardly any gaps: arrays with an entry per code stay small."""
    return codes if int(codes.max(initial=0)) < 4 * len(codes) else _dense(codes)


def shrunk(offsets: Codes) -> Codes:
    """Offsets divided by the largest round unit that all share: minute bars need far fewer codes than microseconds."""
    unit = common_unit(lambda: [offsets])
    return offsets // unit if unit > 1 else offsets


def common_unit(parts: Callable[[], Iterable[Codes]]) -> int:
    """The largest of some round units (days, minutes, seconds, milliseconds) that all offsets share; else 1.

    ``parts`` gives them, each time from the beginning.
    """
    for unit in (86_400_000_000, 60_000_000, 1_000_000, 1_000):
        if not any((part[:1000] % unit).any() or (part % unit).any() for part in parts()):
            return unit
    return 1


def last_of_each(keys: Codes, let_go: Callable[[], None] = lambda: None) -> Marks:
    """Marks the last row of every key. ``keys``: non-negative int64, one per row, read step by step.

    ``let_go`` is called after each step, for keys that lie elsewhere than in memory.
    """
    winners = np.zeros(len(keys), np.bool_)
    steps = [slice(at, min(at + STEP_ROWS, len(keys))) for at in range(0, len(keys), STEP_ROWS)]
    cells = 0
    for step in steps:
        cells = max(cells, int(keys[step].max()) + 1)
        let_go()
    if cells <= min(CELLS_PER_ROW * len(keys), TABLES * TABLE_CELLS):
        for low in range(0, cells, TABLE_CELLS):
            _mark_by_table(keys, steps, (low, min(low + TABLE_CELLS, cells)), winners, let_go)
        return winners
    parts = -(-len(keys) // LARGEST_SORT)
    for part in range(parts):
        rows = np.concatenate([_of_part(keys[step], parts, part) + step.start for step in steps])
        winners[rows[_last_by_sorting(keys[rows])]] = True
        let_go()
    return winners


def _of_part(keys: Codes, parts: int, part: int) -> Codes:
    """The rows of one part: all rows of a key are in the same."""
    return np.flatnonzero(keys % parts == part) if parts > 1 else np.arange(len(keys))


def _last_by_sorting(keys: Codes) -> Codes:
    """The last rows of all keys, in any order."""
    place_bits = len(keys).bit_length()
    if int(keys.max(initial=0)) < 2 ** (63 - place_bits) - 1:  # key and place in one number: many times quicker
        ordered = np.sort(keys << place_bits | np.arange(len(keys)))
        ends = np.append((ordered[1:] ^ ordered[:-1]) >> place_bits != 0, True)[: len(keys)]
        places: Codes = ordered[ends] & (2**place_bits - 1)
        return places
    order: Codes = np.argsort(keys, kind="stable")
    ordered = keys[order]
    return np.compress(np.append(ordered[1:] != ordered[:-1], True)[: len(keys)], order)


def _mark_by_table(
    keys: Codes, steps: Sequence[slice], bounds: tuple[int, int], winners: Marks, let_go: Callable[[], None]
) -> None:
    """Mark the last row of each key within the bounds."""
    low, high = bounds
    last = np.empty(high - low, np.int32)
    whole = low == 0 and high < TABLE_CELLS  # or there would be another table
    for marking in (False, True):
        for step in steps:
            some, rows = keys[step], np.arange(step.start, step.stop, dtype=np.int32)
            if not whole:
                inside = np.flatnonzero((some >= low) & (some < high))
                some, rows = some[inside] - low, rows[inside]
            if marking:
                winners[rows[last[some] == rows]] = True
            else:
                last[some] = rows  # NumPy assigns repeated indices in order, so the last row stays
            let_go()


def first_of_each(keys: Codes, let_go: Callable[[], None] = lambda: None) -> Marks:
    """Marks the first row of every key, as ``last_of_each`` marks the last."""
    return last_of_each(keys[::-1], let_go)[::-1]


def _dense(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1]
