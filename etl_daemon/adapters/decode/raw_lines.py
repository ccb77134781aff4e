"""Chunks of JSON lines to pieces with one column of JSON as it came, for raw tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.decode.lines import Lines
from etl_daemon.adapters.decode.pieces import Piece
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.streams import Block
from etl_daemon.core.datasets import RAW_COLUMN
from etl_daemon.core.tables.plaintext import JSON


class RawLines:
    """Each line is a row, whatever JSON it is; a line that is none, or longer than the limit, is malformed."""

    def __init__(self, workshop: Workshop, max_record_bytes: int) -> None:
        self._workshop = workshop
        self._max_record_bytes = max_record_bytes

    def pieces(self, chunks: Iterable[Block]) -> Iterator[Piece]:
        """The rows of chunks that end at line ends."""
        return self._workshop.in_order(self._piece, chunks)

    def _piece(self, chunk: Block) -> Piece:
        lines = Lines(chunk, self._max_record_bytes)
        texts = lines.text(np.arange(lines.rows)).to_pylist()
        fit = [len(text.encode()) <= self._max_record_bytes and _is_json(text) for text in texts]
        values = pa.array([text if ok else None for text, ok in zip(texts, fit, strict=True)], pa.string())
        malformed = np.flatnonzero(~np.array(fit, np.bool_))
        return Piece(pa.table({RAW_COLUMN: values.cast(JSON)}), malformed, lines.text, text_bytes=len(chunk))


def _is_json(text: str) -> bool:
    """As RFC 8259 has it: without NaN and the infinities."""
    try:
        json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> float:
    raise ValueError(name)
