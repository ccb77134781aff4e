"""The members of a big JSON array or object, one per line, without parsing them: a scan for quotes and brackets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from etl_daemon.adapters.decode.lines import SPACES
from etl_daemon.adapters.decode.pieces import Positions
from etl_daemon.adapters.decode.streams import Block
from etl_daemon.errors import DataError

QUOTE, BACKSLASH, COMMA, NEWLINE, RETURN, SPACE = 34, 92, 44, 10, 13, 32
INVALID = 1
"""A control character: where a raw line end stands within a string, it keeps the text as invalid as it was."""
OPENING, CLOSING = b"[{", b"]}"
BRACKET_BITS, ALL_BITS = 0x26, 0x7F
"""With these bits set, a bracket of either kind is this; so are Y, y, _ and DEL, which change no depth."""
DELTA = np.zeros(256, np.int8)
DELTA[list(OPENING)], DELTA[list(CLOSING)] = 1, -1
MAX_BACKSLASHES = 2**20
STEP_BYTES = 2**18
"""Scanned at a time: what is made of it stays in the processor's cache."""
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Depths = np.ndarray[Any, np.dtype[np.int32]]


class Splitter:
    """Turns one document into lines, block by block.

    With ``members`` each member of the outermost array or object becomes a line, the outer brackets are left out;
    otherwise the document becomes one line.
    """

    def __init__(self, max_nesting: int, *, members: bool) -> None:
        self._max_nesting = max_nesting
        self._members = members
        self._depth = 0
        self._carry = b""
        self._quoted = False
        self._opened = 0
        self._closed = False
        self._filled = False
        self._commas = 0

    def lines(self, blocks: Iterable[Block]) -> Iterator[bytes]:
        """The document as lines.

        Raises:
            DataError: ``undecodable`` (brackets or members are missing, or text follows), ``nesting_too_deep``.
        """
        for block in blocks:
            yield b"".join(self._step(block[at : at + STEP_BYTES]) for at in range(0, len(block), STEP_BYTES))
        if self._carry or not self._closed:
            raise DataError("undecodable", "The JSON document ends before its brackets close.", hint="upload it again")

    @property
    def expected(self) -> int:
        """Members there must be, by the commas between them; meaningful once all lines were taken."""
        return self._commas + 1 if self._filled or self._commas else 0

    def _step(self, block: Block) -> bytes:
        text = self._carry + bytes(block)
        body = text.rstrip(b"\\")  # an escape and what it escapes stay together
        self._carry = text[len(body) :]
        if len(self._carry) > MAX_BACKSLASHES:
            raise DataError("undecodable", "A string of the JSON document holds nothing but backslashes.")
        body = body if self._opened else body.lstrip()
        if body and not self._opened and body[0] not in OPENING:
            raise DataError("undecodable", "The JSON document begins with no bracket.")
        return self._scan(body) if body else b""

    def _scan(self, text: bytes) -> bytes:
        data = np.frombuffer(text, np.uint8).copy()
        if self._closed:
            self._check_rest(data)
            return b""
        inside = _inside_strings(data, self._quoted)
        self._quoted = bool(inside[-1])
        at = np.flatnonzero((((data | BRACKET_BITS) == ALL_BITS) | (data == COMMA)) & ~inside)
        kinds = data[at]
        depths = self._depth + np.cumsum(DELTA[kinds], dtype=np.int32)
        self._depth = int(depths[-1]) if len(at) else self._depth
        self._check_depth(depths)
        line_ends = np.flatnonzero((data == NEWLINE) | (data == RETURN))
        data[line_ends] = np.where(inside[line_ends], INVALID, SPACE)
        if self._members:
            commas = at[(kinds == COMMA) & (depths == 1)]
            self._commas += len(commas)
            data[commas] = NEWLINE
        return self._bounded(data, at, depths)

    def _check_depth(self, depths: Depths) -> None:
        if len(depths) and depths.max() > self._max_nesting:
            raise DataError("nesting_too_deep", f"The JSON document is nested deeper than {self._max_nesting} levels.")

    def _bounded(self, data: Bytes, at: Positions, depths: Depths) -> bytes:
        """The text up to the document's end, if that is here, without the outer brackets where members are wanted."""
        if not self._opened:
            self._opened = int(data[0])
            data[0] = SPACE if self._members else data[0]
        ends = np.flatnonzero(depths <= 0)
        if len(ends):
            end = int(at[ends[0]])
            self._close(int(data[end]), data[end + 1 :])
            data[end] = NEWLINE if self._members else data[end]
            data = data[: end + 1]
        text = data.tobytes()
        self._filled = self._filled or not text.isspace()
        return text

    def _close(self, bracket: int, rest: Bytes) -> None:
        if CLOSING[OPENING.index(self._opened)] != bracket:
            raise DataError("undecodable", "The brackets of the JSON document do not match.")
        self._closed = True
        self._check_rest(rest)

    def _check_rest(self, data: Bytes) -> None:
        if not SPACES[data].all():
            raise DataError("undecodable", "Text follows after the end of the JSON document.")


def without_blanks(text: bytes) -> bytes:
    """JSON without the white space between its tokens."""
    kept, quoted, begin = [], False, 0
    while begin < len(text):
        end = begin + STEP_BYTES
        while text[end - 1 : end] == b"\\":  # an escape and what it escapes stay together
            end += 1
        data = np.frombuffer(text[begin:end], np.uint8)
        inside = _inside_strings(data, quoted)
        kept.append(data[inside | ~SPACES[data]].tobytes())
        quoted, begin = bool(inside[-1]), end
    return b"".join(kept)


def _inside_strings(data: Bytes, quoted: bool) -> Bools:
    """Which bytes are inside strings, opening quotes too, if the text begins inside one or not.

    That is whether an odd number of quotes stands before a byte, for 64 bytes at once: shifts spread a quote's bit over
    all that follow it in its word, and a word turns around where the one before it ends inside a string.
    """
    quotes = data == QUOTE
    if BACKSLASH in data:
        at = np.flatnonzero(quotes)
        quotes[at[escaped(data, at)]] = False
    words = np.zeros(len(data) // 64 + 1, "<u8")
    packed = np.packbits(quotes, bitorder="little")
    words.view(np.uint8)[: len(packed)] = packed
    for shift in (1, 2, 4, 8, 16, 32):
        words ^= words << np.uint64(shift)
    odd = np.concatenate([[np.uint64(quoted)], words[:-1] >> np.uint64(63)])
    words ^= np.uint64(0) - np.bitwise_xor.accumulate(odd)
    return np.unpackbits(words.view(np.uint8), count=len(data), bitorder="little").view(np.bool_)


def escaped(data: Bytes, at: Positions) -> Bools:
    """Which of the positions come after an odd number of backslashes."""
    slashes = np.flatnonzero(data == BACKSLASH)
    if not len(slashes):
        return np.zeros(len(at), np.bool_)
    starts = slashes[np.concatenate([[True], np.diff(slashes) > 1])]
    after = (at > 0) & (data[at - 1] == BACKSLASH)
    run = starts[np.maximum(np.searchsorted(starts, at, side="left") - 1, 0)]
    odd: Bools = after & ((at - run) & 1 == 1)
    return odd
