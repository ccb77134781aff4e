"""Numbers of JSON lines that DuckDB would bring through a double, marked so that their digits stay."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.adapters.decode.lines import DIGITS, NEWLINE
from etl_daemon.adapters.decode.pieces import Positions
from etl_daemon.adapters.decode.splitter import QUOTE, escaped
from etl_daemon.adapters.decode.streams import Block
from etl_daemon.errors import DataError

LONG = 16
"""Characters: a double keeps every shorter number, unless its exponent is out of reach."""
CONTROL = b"\\u0001"
"""What marks consist of: more of them in a row than the text has in all, so that no string looks like a mark."""
MAX_CONTROLS = 1_000
_NUMERIC = np.isin(np.arange(256), np.frombuffer(b"0123456789+-.eE", np.uint8))
_NUMBER = rb"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_WORDS = (b"NaN", b"Infinity")
_EXPONENTS = np.frombuffer(b"eE", np.uint8)
_SIGNS = np.frombuffer(b"+-", np.uint8)
_FAR = 3  # digits of an exponent that may be out of reach
Spans = tuple[Positions, Positions]
"""Where pieces of text start and end."""


def marked(text: Block) -> tuple[Block, int]:
    """JSON lines with long numbers as marked strings, and NaN and the infinities, which JSON has not, as plain ones.

    Also how many ``CONTROL`` make a mark, 0 where there is none.

    Raises:
        DataError: ``undecodable``: there are too many control characters.
    """
    data, raw = np.frombuffer(text, np.uint8), bytes(text)
    numbers, words = _outside_strings(data, _numbers(data)), _outside_strings(data, _words(raw))
    valid = pc.match_substring_regex(_tokens(text, *numbers), _NUMBER).to_numpy(zero_copy_only=False)
    numbers = (numbers[0][valid], numbers[1][valid])
    if not len(numbers[0]) + len(words[0]):
        return text, 0
    length = raw.count(CONTROL) + 1
    if length > MAX_CONTROLS:
        raise DataError("undecodable", f"The JSON holds more than {MAX_CONTROLS} times the control character U+0001.")
    mark = np.frombuffer(b'"' + CONTROL * length, np.uint8)
    return _with_quotes(data, mark, numbers, words), length


def unmarked(column: pa.ChunkedArray, length: int) -> pa.ChunkedArray:
    """JSON text as DuckDB gives it back, the marked strings as the numbers that they were."""
    mark = f'"{CONTROL.decode() * length}'
    if not length or not pc.any(pc.match_substring(column, mark)).as_py():
        return column
    return pc.replace_substring_regex(column, rf"{re.escape(mark)}(-?[0-9.eE+-]+)\"", r"\1")


def _numbers(data: np.ndarray[Any, Any]) -> Spans:
    """Runs of characters of numbers that have ``LONG`` of them, or an exponent of three digits."""
    numeric = _NUMERIC[data]
    edges = np.flatnonzero(numeric[1:] != numeric[:-1]) + 1  # a line ends with no such character
    edges = np.concatenate([[0], edges]) if len(numeric) and numeric[0] else edges
    starts, ends = edges[::2], edges[1::2]
    chosen = ends - starts[: len(ends)] >= LONG
    chosen[np.searchsorted(starts, _far_exponents(data), side="right") - 1] = True
    return starts[: len(ends)][chosen], ends[chosen]


def _far_exponents(data: np.ndarray[Any, Any]) -> Positions:
    """Where an ``e`` stands between digits, three of them behind it."""
    spots: Positions = np.flatnonzero((data == _EXPONENTS[0]) | (data == _EXPONENTS[1]))
    spots = spots[(spots > 0) & (spots < len(data) - _FAR - 2)]
    spots = spots[DIGITS[data[spots - 1]]]
    first = spots + 1 + np.isin(data[spots + 1], _SIGNS)
    for at in range(_FAR):
        spots, first = spots[DIGITS[data[first + at]]], first[DIGITS[data[first + at]]]
    return spots


def _words(text: bytes) -> Spans:
    """NaN and the infinities, with their sign."""
    found = [hit.span() for word in _WORDS if word in text for hit in re.finditer(word, text)]
    starts, ends = np.array(found, np.int64).reshape(-1, 2).T
    return starts - np.array([text[start - 1 : start] == b"-" for start in starts.tolist()], np.int64), ends


def _outside_strings(data: np.ndarray[Any, Any], spans: Spans) -> Spans:
    """Those before which an even number of quotes stands in their line: no string goes over a line's end."""
    starts, ends = spans
    if not len(starts):
        return spans
    quotes = np.flatnonzero(data == QUOTE)
    quotes = quotes[~escaped(data, quotes)]
    line_ends = np.flatnonzero(data == NEWLINE)
    line_starts = np.concatenate([[0], line_ends])[np.searchsorted(line_ends, starts)]
    outside = (np.searchsorted(quotes, starts) - np.searchsorted(quotes, line_starts)) % 2 == 0
    return starts[outside], ends[outside]


def _tokens(text: Block, starts: Positions, ends: Positions) -> pa.Array:
    """The text between each start and end."""
    offsets = np.column_stack([starts, ends]).ravel()
    if not len(offsets):
        return pa.array([], pa.large_binary())
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers).take(
        pa.array(np.arange(0, len(offsets), 2))
    )


def _with_quotes(
    data: np.ndarray[Any, Any],
    mark: np.ndarray[Any, Any],
    numbers: Spans,
    words: Spans,
) -> bytes:
    """The text with a mark before and a quote behind numbers, and quotes around words."""
    before = np.repeat(numbers[0], len(mark))
    inserted = np.tile(mark, len(numbers[0]))
    others = np.concatenate([numbers[1], *words])
    spots = np.concatenate([before, others])
    return np.insert(data, spots, np.concatenate([inserted, np.full(len(others), QUOTE, np.uint8)])).tobytes()
