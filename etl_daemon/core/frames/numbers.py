"""Number columns of pandas frames in which some values are text, as one "n/a" among a million prices makes them."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.core import arrow
from etl_daemon.core.rules.numbers import parse_numbers
from etl_daemon.core.rules.scale import BLOCK_ROWS


def mixed_numbers(series: pd.Series[Any], *, thousands_separators: bool) -> pa.Array | None:
    """Doubles, NaN for what is no number; None where other values are about, or some that a double does not carry.

    Numbers are taken as they are and only text is read as text: a Python call for each of a million values takes twenty
    times as long as all rules together. They lie all over memory, so a block of them is done with before the next.
    """
    objects = series.to_numpy()
    try:
        text, given = _told_apart(objects)
        texts = pa.array(objects[text], pa.string())
    except (ValueError, TypeError, OverflowError):
        return None
    read = parse_numbers(texts, thousands_separators=thousands_separators)
    numbers, missing = arrow.values(given, np.nan), arrow.values(given.is_null())
    units = objects[(numbers == 0) | (numbers == 1)]
    truths = any(isinstance(value, bool) for value in units)  # which Arrow takes for numbers
    if not len(text) or read.exact is not None or truths:
        return None
    numbers[text], missing[text] = read.values, read.missing
    return pa.array(numbers, mask=missing)


def _told_apart(objects: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], pa.ChunkedArray]:
    """Where there is text, and all others as doubles, null where missing.

    Raises:
        ValueError, TypeError, OverflowError: one of them is no number, or an integer that a double does not carry.
    """
    marks: list[np.ndarray[Any, Any]] = [np.zeros(0, np.bool_)]
    numbers: list[pa.Array] = [pa.nulls(0, pa.float64())]
    for at in range(0, len(objects), BLOCK_ROWS):
        block = objects[at : at + BLOCK_ROWS]
        text = np.frombuffer(bytes(map(isinstance, block.tolist(), repeat(str))), np.bool_)
        marks.append(text)
        numbers.append(pa.array(block, pa.float64(), mask=text, from_pandas=True))
    return np.flatnonzero(np.concatenate(marks)), pa.chunked_array(numbers)
