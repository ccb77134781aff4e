"""Many small objects of JSON lines, read as if they were one: what a query costs does not depend on its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise

import numpy as np

from etl_daemon.adapters.decode import sniff
from etl_daemon.adapters.decode.lines import Lines, closed
from etl_daemon.adapters.decode.ndjson import JsonLines, sampled_rows
from etl_daemon.adapters.decode.pieces import Piece
from etl_daemon.adapters.decode.plan import Keys, names_of
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.sniff import Format
from etl_daemon.core.budget import CHUNK_BYTES
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import ObjectRef

Body = tuple[ObjectRef, memoryview]
Pieces = Mapping[ObjectRef, Piece]


class SmallObjects:
    """Reads objects together whose records have the same keys, so that all are read alike.

    Rows, rejected lines and names of keys are what each object gives by itself: what would make a difference, such as a
    key that turns up where no sample saw it, or a column under two names, leaves the objects to be read one by one.
    """

    def __init__(self, dataset: Dataset, workshop: Workshop, max_record_bytes: int) -> None:
        self._dataset = dataset
        self._workshop = workshop
        self._max_record_bytes = max_record_bytes

    def pieces(self, bodies: Sequence[Body]) -> Pieces:
        """The rows of those objects that could be read together."""
        found: dict[ObjectRef, Piece] = {}
        for pieces in self._workshop.in_order(self._chunk, _chunks([each for each in bodies if self._fit(*each)])):
            found.update(pieces)
        return found

    def _fit(self, ref: ObjectRef, body: memoryview) -> bool:
        if self._dataset.kind is Kind.TABLE or self._dataset.raw or self._dataset.records_path:
            return False
        head = bytes(body[: sniff.HEAD_BYTES])
        plain = sniff.codec(head[:4]) is None and head.lstrip(b" \t\r\n").startswith(b"{")
        whole = len(body) <= sniff.HEAD_BYTES
        return plain and sniff.text_format(head, ref.key, whole=whole) is Format.LINES

    def _chunk(self, bodies: Sequence[Body]) -> Pieces:
        """Objects side by side are mostly of one writer: where they are not, each shape is read by itself."""
        lines, bounds = self._lines(bodies)
        shapes: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for at, names in enumerate(_shapes(lines, bounds)):
            shapes[names].append(at)
        if len(shapes) == 1:
            return self._read(bodies, lines, bounds, next(iter(shapes)))
        found: dict[ObjectRef, Piece] = {}
        for names, places in shapes.items():
            alike = [bodies[at] for at in places]
            found.update(self._read(alike, *self._lines(alike), names))
        return found

    def _lines(self, bodies: Sequence[Body]) -> tuple[Lines, list[int]]:
        """The lines of all objects, and where the rows of each begin and the last ones end."""
        parts = [closed(bytes(body)) for _, body in bodies]
        lines = Lines(b"".join(parts), self._max_record_bytes)
        return lines, lines.rows_before(np.cumsum([0, *map(len, parts)])).tolist()

    def _read(self, bodies: Sequence[Body], lines: Lines, bounds: list[int], names: tuple[str, ...]) -> Pieces:
        keys = Keys(self._dataset)
        keys.add(names)
        expected, extra = keys.plan, keys.extra
        if not expected.complete or expected.several or keys.matching.ambiguous:
            return {}
        piece = JsonLines(keys, self._workshop, self._max_record_bytes).piece(lines)
        if keys.plan != expected or keys.extra != extra:
            return {}
        return {ref: piece.part(*bounds[at : at + 2]) for at, (ref, _) in enumerate(bodies)}


def _chunks(bodies: Sequence[Body]) -> Iterator[list[Body]]:
    chunk: list[Body] = []
    size = 0
    for ref, body in bodies:
        if chunk and size + len(body) > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append((ref, body))
        size += len(body)
    if chunk:
        yield chunk


def _shapes(lines: Lines, bounds: list[int]) -> Iterator[tuple[str, ...]]:
    """The keys of each object's records, in the order in which they first come, as far as its sample shows."""
    samples = [sampled_rows(end - at) + at for at, end in pairwise(bounds)]
    texts = iter(lines.binary(np.concatenate(samples)).to_pylist())
    for rows in samples:
        yield tuple(names_of(islice(texts, len(rows))))
