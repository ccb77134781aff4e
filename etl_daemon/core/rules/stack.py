"""Slices under one another: the rules go over many small ones at once, and what comes of each is cut out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core.model import RawSlice

Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Stack:
    """Slices with the same columns. Positions are those within ``table``, int64; sorted ones can be cut."""

    slices: Sequence[RawSlice]

    @cached_property
    def table(self) -> pa.Table:
        """All rows."""
        if self.single:
            return self.slices[0].table
        return pa.concat_tables([each.table for each in self.slices]).combine_chunks()

    @property
    def single(self) -> bool:
        """Whether there is one slice only."""
        return len(self.slices) == 1

    @cached_property
    def starts(self) -> Ints:
        """Where each slice begins, and where the last one ends."""
        return np.cumsum([0, *(each.table.num_rows for each in self.slices)])

    @cached_property
    def owner(self) -> Ints:
        """Which slice each row is of."""
        return np.repeat(np.arange(len(self.slices)), np.diff(self.starts))

    @cached_property
    def malformed(self) -> Ints:
        """The positions of lines that are no records."""
        return _gathered([each.malformed + start for each, start in self._placed()])

    @property
    def latest_micros(self) -> Ints:
        """The LastModified of each row's object, in microseconds since 1970 UTC."""
        found = np.array([int(each.ref.modified.timestamp() * 1e6) for each in self.slices])
        return np.broadcast_to(found, self.table.num_rows) if self.single else found[self.owner]

    def numbers(self, positions: Ints) -> Ints:
        """Positions as ordinals within their objects."""
        return _gathered([each.numbers(inside) for each, inside in self._inside(positions)])

    def raw(self, positions: Ints) -> pa.Array:
        """The text of these rows as their objects have it."""
        texts = [each.raw(inside) for each, inside in self._inside(positions) if len(inside)]
        return pa.concat_arrays([pa.nulls(0, pa.string()), *texts])

    def bounds(self, positions: Ints) -> Ints:
        """Where the positions of each slice begin among these, and where the last ones end."""
        return np.array([0, len(positions)]) if self.single else np.searchsorted(positions, self.starts)

    def cut(self, table: pa.Table, positions: Ints) -> list[pa.Table]:
        """A row per position, slice by slice."""
        bounds = self.bounds(positions).tolist()
        return [table.slice(at, end - at) for at, end in pairwise(bounds)]

    def counted(self, marks: np.ndarray[Any, np.dtype[np.bool_]], positions: Ints) -> Ints:
        """How many of the positions, of which each has a mark, are marked in each slice."""
        if self.single:
            return np.array([np.count_nonzero(marks)])
        return np.bincount(self.owner[positions[marks]], minlength=len(self.slices))

    def _placed(self) -> list[tuple[RawSlice, int]]:
        return list(zip(self.slices, self.starts.tolist(), strict=False))

    def _inside(self, positions: Ints) -> list[tuple[RawSlice, Ints]]:
        if self.single:
            return [(self.slices[0], positions)]
        parts = np.split(positions, self.bounds(positions)[1:-1])
        return [(each, part - start) for (each, start), part in zip(self._placed(), parts, strict=True)]


def _gathered(parts: list[Ints]) -> Ints:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
