"""The lines of a chunk: where each row's text is, blank lines left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.adapters.decode.pieces import NONE, Positions, readable
from etl_daemon.adapters.decode.streams import Block
from etl_daemon.core import arrow

NEWLINE, UNDERSCORE = 10, 95
STEP_BYTES = 2**18
MAX_INDENT = 16
"""Blanks at a line's beginning that are looked through for all lines at once; more of them one by one."""
BROKEN = b"!\n"
"""Stands for an overlong line where the text is parsed: malformed in any case."""
SPACES = np.isin(np.arange(256), np.frombuffer(b" \t\n\v\f\r", np.uint8))
DIGITS = np.isin(np.arange(256), np.frombuffer(b"0123456789", np.uint8))


class Lines:
    """A chunk that ends at a line's end, and the rows in it: its lines that are not blank.

    ``data`` is what is to be parsed: the chunk, but a lone mark for each line longer than ``max_bytes``.
    """

    def __init__(self, chunk: Block, max_bytes: int) -> None:
        self._original = _Text(chunk)
        lengths = np.diff(self._original.offsets)
        self.longest = int(lengths.max(initial=0))
        self._parsed = self._original
        if self.longest > max_bytes:
            self._parsed = _Text(_without_long(self._original, lengths, max_bytes))
        self._of_row = self._original.not_blank()
        self.rows = len(lengths) if self._of_row is None else len(self._of_row)

    @property
    def data(self) -> Block:
        """What is to be parsed: as many rows as ``rows``."""
        return self._parsed.chunk

    def pick(self, rows: Positions) -> pa.Buffer:
        """The lines of these rows, to be parsed again."""
        return self._parsed.array().take(self._lines(rows)).buffers()[2]

    def binary(self, rows: Positions) -> pa.LargeBinaryArray:
        """The lines of these rows with their line ends."""
        return self._original.array().take(self._lines(rows))

    def samples(self, rows: Positions) -> list[bytes]:
        """The lines of these rows, but for overlong ones, of which nothing is to be learned."""
        found: list[bytes] = self._parsed.array().take(self._lines(rows)).to_pylist()
        return found

    def braced(self, rows: Positions) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of these rows begin and end as an object does."""
        ends = ((line.lstrip()[:1], line.rstrip()[-1:]) for line in self.samples(rows))
        return np.fromiter((pair == (b"{", b"}") for pair in ends), np.bool_, len(rows))

    def text(self, rows: Positions) -> pa.StringArray:
        r"""The lines of these rows without their line ends; what is not UTF-8 stays visible as ``\xNN``."""
        lines = self.binary(rows)
        try:
            return pc.utf8_rtrim(lines.cast(pa.string()), "\r\n")
        except pa.ArrowInvalid:
            return readable(line.rstrip(b"\r\n") for line in lines.to_pylist())

    def rows_before(self, places: Positions) -> Positions:
        """How many rows begin before each of these places in the chunk."""
        begins = self._original.offsets[:-1] if self._of_row is None else self._original.offsets[self._of_row]
        return np.searchsorted(begins, places)

    def grouped_digits(self) -> Positions:
        """The rows with an underscore between digits, which DuckDB takes for a number."""
        data, marks = self._parsed.bytes, self._parsed.underscores
        marks = marks[(marks > 0) & (marks < len(data) - 1)]
        marks = marks[DIGITS[data[marks - 1]] & DIGITS[data[marks + 1]]]
        lines = np.unique(np.searchsorted(self._parsed.offsets, marks, side="right") - 1)
        return lines if self._of_row is None else np.searchsorted(self._of_row, lines)

    def _lines(self, rows: Positions) -> pa.Array:
        return arrow.array(rows if self._of_row is None else self._of_row[rows])


class _Text:
    """A chunk and the offsets of its lines: line i is ``chunk[offsets[i] : offsets[i + 1]]``."""

    def __init__(self, chunk: Block) -> None:
        self.chunk = closed(chunk)
        self.bytes = np.frombuffer(self.chunk, np.uint8)
        ends, self.underscores = _positions(self.bytes, NEWLINE, UNDERSCORE)
        self.offsets = np.concatenate([np.zeros(1, np.int64), ends + 1])

    def array(self) -> pa.LargeBinaryArray:
        buffers = [None, pa.py_buffer(self.offsets), pa.py_buffer(self.chunk)]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(self.offsets) - 1, buffers)

    def not_blank(self) -> Positions | None:
        """The lines that hold more than white space; None where all do."""
        blank = np.zeros(len(self.offsets) - 1, np.bool_)
        lines = np.flatnonzero(SPACES[self.bytes[self.offsets[:-1]]])
        for depth in range(MAX_INDENT):
            spots = self.bytes[self.offsets[lines] + depth]
            blank[lines[spots == NEWLINE]] = True
            lines = lines[SPACES[spots] & (spots != NEWLINE)]
        for line in lines.tolist():
            blank[line] = bytes(self.chunk[self.offsets[line] : self.offsets[line + 1]]).isspace()
        return np.flatnonzero(~blank) if blank.any() else None


def closed(chunk: Block) -> Block:
    """The chunk with an end to its last line."""
    return chunk if not len(chunk) or chunk[-1:] == b"\n" else bytes(chunk) + b"\n"


def _positions(data: np.ndarray[Any, Any], *wanted: int) -> list[Positions]:
    """Where each of these bytes occurs. In steps that stay in the processor's cache."""
    found = [[NONE] for _ in wanted]
    hits = np.empty(min(len(data), STEP_BYTES), np.bool_)
    for at in range(0, len(data), STEP_BYTES):
        step = data[at : at + STEP_BYTES]
        for byte, places in zip(wanted, found, strict=True):
            here = np.equal(step, byte, out=hits[: len(step)])
            if here.any():
                places.append(np.flatnonzero(here) + at)
    return [np.concatenate(places) for places in found]


def _without_long(text: _Text, lengths: Positions, max_bytes: int) -> bytes:
    parts, at = [], 0
    for line in np.flatnonzero(lengths > max_bytes):
        start, end = int(text.offsets[line]), int(text.offsets[line + 1])
        long = bytes(text.chunk[start:end])
        parts += [bytes(text.chunk[at:start]), BROKEN if long.strip() else b"\n"]
        at = end
    return b"".join([*parts, bytes(text.chunk[at:])])
