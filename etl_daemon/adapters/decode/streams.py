"""Bytes as they come out of an object, in blocks, within limits, and cut at line ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.spool import let_go
from etl_daemon.core.planning.sections import SECTION_BYTES
from etl_daemon.core.policy import ReadLimits
from etl_daemon.errors import DataError

Block = bytes | memoryview

CHUNK_LINES = 2**17
"""So many lines are parsed at a time: each takes memory of its own, and a block may hold millions of a few bytes."""

NEWLINE = 10

RATIO_FREE_BYTES = 16 * 2**20
"""Small objects of blanks or zeros compress better than any limit and harm nobody."""
BACKWARD_BYTES = 2**16


def expand(
    body: memoryview, codec: str | None, limits: ReadLimits, block_bytes: int, section_bytes: int = SECTION_BYTES
) -> Iterator[Block]:
    """The object's bytes, decompressed, in blocks of at most ``block_bytes``; concatenated streams are one.

    Where nothing is compressed, blocks end at line ends if they can, and begin anew with each section of lines.

    Raises:
        DataError: ``too_large``, ``decompression_bomb``, ``undecodable`` (truncated or corrupt stream).
    """
    if len(body) > limits.max_object_bytes:
        raise DataError("too_large", f"The object has {len(body)} bytes, more than {limits.max_object_bytes}.")
    if codec is None:
        yield from plain_blocks(body, block_bytes, section_bytes)
        return
    total = 0
    with pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(body)), codec) as stream:
        while block := _read(stream, codec, min(block_bytes, RATIO_FREE_BYTES)):
            let_go(body)
            total += len(block)
            check_expansion(total, len(body), limits)
            yield block


def plain_blocks(body: memoryview, block_bytes: int, section_bytes: int, begin: int = 0) -> Iterator[Block]:
    """The text in such blocks; it begins with a section, at byte ``begin`` of its object."""
    at, mark = begin, _mark(begin, section_bytes)
    while body:
        let_go(body)
        block = body[:block_bytes]  # and no byte behind it is looked at: a text without line ends may have any length
        section_end = line_end(block, max(mark - at, 0))
        end = section_end or last_newline(block) or len(block)
        yield block[:end]
        body, at = body[end:], at + end
        mark = _mark(at, section_bytes) if section_end else mark


def in_sections(blocks: Iterable[Block], size: int, begin: int = 0) -> Iterator[tuple[int, Block]]:
    """The same bytes, each block with the number of its section, of which it holds no more than one.

    A section ends with the first line end at or behind the next multiple of ``size``; the first begins at ``begin``.
    """
    at, mark, number = begin, _mark(begin, size), 0
    for block in blocks:
        start = 0
        while start < len(block):
            end = line_end(block, start + max(mark - at, 0))
            yield number, block[start : end or len(block)]
            if not end:
                at += len(block) - start
                break
            at, number = at + end - start, number + 1
            start, mark = end, _mark(at, size)


def _mark(at: int, size: int) -> int:
    return max(-(-at // size), 1) * size


def line_end(block: Block, at: int) -> int:
    """The position after the first newline at or behind ``at``; 0 without one."""
    if at >= len(block):
        return 0
    end = at + first_newline(block[at:])
    return end if block[end - 1 : end] == b"\n" else 0


def _read(stream: pa.NativeFile, codec: str, size: int) -> bytes:
    try:
        return bytes(stream.read(size))
    except (OSError, pa.ArrowInvalid) as error:
        detail = f"The {codec} stream is broken: {error}."
        raise DataError("undecodable", detail, hint="upload the object again") from error


def check_expansion(total: int, compressed: int, limits: ReadLimits) -> None:
    """Refuse bytes beyond the limits; both sizes in bytes.

    Raises:
        DataError: ``too_large`` or ``decompression_bomb``.
    """
    if total > limits.max_expanded_bytes:
        raise DataError("too_large", f"The object expands to more than {limits.max_expanded_bytes} bytes.")
    if total > RATIO_FREE_BYTES and total > compressed * limits.max_expansion_ratio:
        raise DataError("decompression_bomb", f"The object expands more than {limits.max_expansion_ratio:g} times.")


def cut_lines(blocks: Iterable[Block], max_line_bytes: int) -> Iterator[Block]:
    """The same bytes, each block ending at a line's end, and of ``CHUNK_LINES`` at most.

    Of a line much longer than ``max_line_bytes`` only the beginning is kept, so that memory stays bounded.
    """
    for block in _whole_lines(blocks, max_line_bytes):
        yield from _fewer_lines(block)


def _fewer_lines(block: Block) -> Iterator[Block]:
    ends = np.frombuffer(block, np.uint8) == NEWLINE
    if np.count_nonzero(ends) <= CHUNK_LINES:
        yield block
        return
    cuts = np.flatnonzero(ends)[CHUNK_LINES - 1 :: CHUNK_LINES] + 1
    for start, end in pairwise(dict.fromkeys([0, *cuts.tolist(), len(block)])):
        yield block[start:end]


def _whole_lines(blocks: Iterable[Block], max_line_bytes: int) -> Iterator[Block]:
    carry: list[Block] = []
    carried = 0
    for block in blocks:
        start, end = 0, last_newline(block)
        if end and carry:
            start = first_newline(block)
            yield b"".join([*carry, block[:start]])
            carry, carried = [], 0
        if end > start:
            yield block[start:end]
        if end < len(block) and carried <= max_line_bytes:  # what follows of an overlong line is let go
            carry.append(block[end:])
            carried += len(block) - end
    if carried:
        yield b"".join(carry)


def last_newline(block: Block) -> int:
    """The position after the last newline; 0 without one."""
    end = len(block)
    while end > 0:
        start = max(0, end - BACKWARD_BYTES)
        at = bytes(block[start:end]).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def first_newline(block: Block) -> int:
    """The position after the first newline; the length without one."""
    for start in range(0, len(block), BACKWARD_BYTES):
        at = bytes(block[start : start + BACKWARD_BYTES]).find(b"\n")
        if at >= 0:
            return start + at + 1
    return len(block)
