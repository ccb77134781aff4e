"""Number columns of pandas frames in which some values are text, as one "n/a" among a million prices makes them."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.core.rules.numbers import parse_numbers

_KINDS = {float, np.float64, int, str, type(None)}
_WHOLE_BELOW = 2.0**53
"""From here on a double does not carry every integer."""


def mixed_numbers(series: pd.Series[Any], *, thousands_separators: bool) -> pa.Array | None:
    """Doubles, NaN for what is no number; None where other values are about, or some that a double does not carry.

    Numbers are taken as they are and only text is read as text: a Python call for each of a million values takes twenty
    times as long as all rules together.
    """
    values = series.to_list()
    kinds = set(map(type, values))
    if str not in kinds or not kinds <= _KINDS:
        return None
    text = np.fromiter(map(isinstance, values, repeat(str)), np.bool_, len(values))
    objects = series.to_numpy()
    read = parse_numbers(pa.array(objects[text], pa.string()), thousands_separators=thousands_separators)
    try:
        given = objects[~text].astype(np.float64)
    except OverflowError:
        return None
    if read.exact is not None or (int in kinds and (np.abs(given) >= _WHOLE_BELOW).any()):
        return None
    numbers, missing = np.empty(len(values)), np.zeros(len(values), np.bool_)
    numbers[text], numbers[~text] = read.values, given
    missing[text], missing[~text] = read.missing, np.isnan(given)
    return pa.array(numbers, mask=missing)
