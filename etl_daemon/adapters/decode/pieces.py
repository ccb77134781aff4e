"""Decoded rows of any number, and how they become slices of exact size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.model import ObjectRef, RawSlice, RawText

Positions = np.ndarray[tuple[int], np.dtype[np.int64]]
NONE: Positions = np.zeros(0, np.int64)


SLICE_BYTES = 64 * 2**20
"""Rows and their text from which a slice ends before it has all its rows."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some consecutive rows of an object; the fields are as in ``RawSlice``.

    ``text_bytes``: how much text is kept for ``raw``. ``begins``: a section of the object begins with it.
    """

    table: pa.Table
    malformed: Positions
    raw: RawText
    extra: tuple[str, ...] = ()
    text_bytes: int = 0
    begins: bool = False

    @property
    def size(self) -> int:
        """What it takes in memory (bytes)."""
        return int(self.table.nbytes) + self.text_bytes

    def part(self, start: int, stop: int) -> Piece:
        """The rows from ``start`` up to ``stop``."""
        if start == 0 and stop == self.table.num_rows:
            return self
        inside = self.malformed[(self.malformed >= start) & (self.malformed < stop)] - start
        share = self.text_bytes * (stop - start) // self.table.num_rows
        return Piece(self.table.slice(start, stop - start), inside, lambda at: self.raw(at + start), self.extra, share)


def regroup(ref: ObjectRef, pieces: Iterable[Piece], slice_rows: int, first_row: int = 1) -> Iterator[RawSlice]:
    """Slices of exactly ``slice_rows`` rows, except the last of a section, and those whose rows are very wide."""
    pending: list[Piece] = []
    held = 0
    for piece in pieces:
        if piece.begins and held:
            yield _slice(ref, first_row, pending)
            pending, held, first_row = [], 0, first_row + held
        start, rows = 0, piece.table.num_rows
        while held + rows - start >= slice_rows:
            stop = start + slice_rows - held
            yield _slice(ref, first_row, [*pending, piece.part(start, stop)])
            pending, held, start, first_row = [], 0, stop, first_row + slice_rows
        if start < rows:
            pending.append(piece.part(start, rows))
            held += rows - start
        if sum(each.size for each in pending) >= SLICE_BYTES:
            yield _slice(ref, first_row, pending)
            pending, held, first_row = [], 0, first_row + held
    if held:
        yield _slice(ref, first_row, pending)


def _slice(ref: ObjectRef, first_row: int, pieces: list[Piece]) -> RawSlice:
    pieces = [piece for piece in pieces if piece.table.num_rows]
    if len(pieces) == 1:
        (piece,) = pieces
        return RawSlice(ref, first_row, piece.table, piece.malformed, piece.raw, piece.extra)
    starts = np.cumsum([0] + [piece.table.num_rows for piece in pieces])
    malformed = np.concatenate([piece.malformed + start for piece, start in zip(pieces, starts, strict=False)])

    def raw(positions: Positions) -> pa.StringArray:
        positions = np.asarray(positions, np.int64)
        order = np.argsort(positions, kind="stable")
        cuts = np.searchsorted(positions[order], starts)
        texts = [
            piece.raw(positions[order[low:high]] - start)
            for piece, start, low, high in zip(pieces, starts, cuts, cuts[1:], strict=False)
            if high > low
        ]
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.concat_arrays([pa.nulls(0, pa.string()), *texts]).take(arrow.array(back))

    extra = tuple(dict.fromkeys(name for piece in pieces for name in piece.extra))
    return RawSlice(ref, first_row, join([piece.table for piece in pieces]), malformed, raw, extra)


def join(tables: list[pa.Table]) -> pa.Table:
    """The tables under each other: absent columns are null, and text meeting numbers makes text."""
    if len(tables) == 1:
        return tables[0]
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    text = {
        name for name in names if _mixes_text({t.schema.field(name).type for t in tables if name in t.column_names})
    }
    return pa.concat_tables([_with_text(table, text) for table in tables], promote_options="permissive").select(names)


def _mixes_text(types: set[pa.DataType]) -> bool:
    return len(types) > 1 and any(pa.types.is_string(type_) for type_ in types)


def _with_text(table: pa.Table, names: set[str]) -> pa.Table:
    for name in names.intersection(table.column_names):
        table = table.set_column(table.column_names.index(name), name, pc.cast(table[name], pa.string()))
    return table


def readable(values: Iterable[bytes]) -> pa.StringArray:
    r"""Bytes as text; what is not UTF-8 stays visible as ``\xNN``."""
    return arrow.texts(value.decode("utf-8", "backslashreplace") for value in values)
