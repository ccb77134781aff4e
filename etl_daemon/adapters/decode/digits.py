"""Long numbers of JSON lines whose digits a double cannot hold, taken from the text again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.adapters.decode.lines import Lines
from etl_daemon.adapters.decode.pieces import Positions
from etl_daemon.adapters.decode.plan import Plan
from etl_daemon.core import arrow
from etl_daemon.core.rules.numbers import CARRIED_BELOW

LONG_NUMBER = "[0-9.]{16,}"
WHOLE_BELOW = 2.0**26
"""Below this doubles lie closer than 1e-8: a whole one stands for no number with a fraction of eight decimals."""


def restore_digits(table: pa.Table, plan: Plan, lines: Lines) -> pa.Table:
    """The table with each exact column as text where it holds a number too long for a double; else as it is."""
    for name in plan.exact.intersection(table.column_names):
        rows = _long_rows(arrow.values(table[name], np.nan), lines)
        texts = {row: text for row in rows.tolist() if (text := _number_text(lines, row, plan.keys[name])) is not None}
        if texts:
            column = _with_texts(table[name], texts)
            table = table.set_column(table.column_names.index(name), name, column)
    return table


def _long_rows(values: np.ndarray[Any, Any], lines: Lines) -> Positions:
    size = np.abs(values)  # NaN compares false
    rows = np.flatnonzero((size >= CARRIED_BELOW) & ((size >= WHOLE_BELOW) | (values != np.rint(values))))
    if not len(rows):
        return rows
    long: Positions = rows[arrow.values(pc.match_substring_regex(lines.binary(rows), LONG_NUMBER))]
    return long


def _number_text(lines: Lines, row: int, keys: tuple[str, ...]) -> str | None:
    line = lines.binary(np.array([row]))[0].as_py()
    try:
        record = json.loads(line, parse_float=str, parse_int=str, object_pairs_hook=_first_wins)
    except (ValueError, RecursionError):
        return None  # Python reads more strictly here and there; the double stands
    value = next((record[key] for key in keys if record.get(key) is not None), None)
    return value if isinstance(value, str) else None


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _with_texts(column: pa.ChunkedArray, texts: dict[int, str]) -> pa.Array:
    rows = np.fromiter(sorted(texts), np.int64)
    mask = np.zeros(len(column), np.bool_)
    mask[rows] = True
    text = pc.cast(column, pa.string()).combine_chunks()
    return pc.replace_with_mask(text, arrow.array(mask), arrow.texts(texts[int(row)] for row in rows))
