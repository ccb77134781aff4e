"""JSON lines in portions: plain text can be cut at any line's end, once its lines are counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etl_daemon.adapters.decode import sniff
from etl_daemon.adapters.decode.key_symbol import with_symbol
from etl_daemon.adapters.decode.lines import Lines
from etl_daemon.adapters.decode.pieces import regroup
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.sections import LineSections
from etl_daemon.adapters.decode.sizes import Sizes
from etl_daemon.adapters.decode.sniff import Format
from etl_daemon.adapters.decode.streams import cut_lines, line_end, plain_blocks
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import ObjectRef, RawSlice
from etl_daemon.core.planning.sections import Portion, Section, Traits
from etl_daemon.core.policy import ReadLimits
from etl_daemon.errors import DataError
from etl_daemon.ports.dividing import Bytes, Sections

TAIL_BYTES = 2**16
"""Looked at behind a section for the end of its last line."""


@dataclass(frozen=True, slots=True)
class LinePortions:
    """Divides uncompressed JSON lines of the built-in kinds. Types of other datasets hold for an object as a whole."""

    workshop: Workshop
    limits: ReadLimits
    sizes: Sizes

    def sections(self, ref: ObjectRef, fetch: Bytes, dataset: Dataset) -> Sections:
        """As the port says; by the same look at the beginning that decoding takes."""
        if dataset.kind is Kind.TABLE or dataset.records_path or ref.size <= sniff.HEAD_BYTES:
            return ()
        text = bytes(fetch(0, sniff.HEAD_BYTES))
        if sniff.codec(text[:4]) or text.startswith(sniff.BOM) or not text.strip():
            return ()
        try:
            sniff.refuse_foreign(text)
        except DataError:
            return ()
        is_lines = sniff.text_format(text, ref.key, whole=False) is Format.LINES
        return [None] * -(-ref.size // self.sizes.section_bytes) if is_lines else ()

    def section(self, ref: ObjectRef, number: int, fetch: Bytes) -> Section | None:
        """As the port says."""
        size, tail = self.sizes.section_bytes, TAIL_BYTES
        begin, body, stop = number * size, memoryview(b""), 0
        while not stop and begin + len(body) < ref.size:
            body = fetch(begin, min(begin + size + tail, ref.size))
            stop, tail = line_end(body, size), tail * 16
        start, stop = (line_end(body, 0) if number else 0), stop or len(body)
        if start >= stop or (number and not 0 < start <= size):
            return None
        text, longest = body[start:stop], self.limits.max_record_bytes
        blocks = plain_blocks(text, self.sizes.chunk_bytes, size, begin + start)
        rows = sum(Lines(chunk, longest).rows for chunk in cut_lines(blocks, longest))
        return Section(begin + start, begin + stop, rows)

    def reading(self, portion: Portion, fetch: Bytes, dataset: Dataset) -> LineReading:
        """As the port says; the portion's bytes are enough."""
        sizes = self.sizes
        longest = self.limits.max_record_bytes
        sections = LineSections(dataset, self.workshop, longest, sizes.section_bytes, portion.begin)
        return LineReading(sections, portion, sizes)


@dataclass(frozen=True, slots=True)
class LineReading:
    """A portion of an object's lines."""

    sections: LineSections
    portion: Portion
    sizes: Sizes

    def slices(self, ref: ObjectRef, body: memoryview) -> Iterator[RawSlice]:
        """As the port says."""
        sizes, sections = self.sizes, self.sections
        blocks = plain_blocks(body, sizes.chunk_bytes, sizes.section_bytes, self.portion.begin)
        for part in regroup(ref, sections.pieces(blocks), sizes.slice_rows, self.portion.first_row):
            yield with_symbol(sections.dataset, part)
            del part

    @property
    def traits(self) -> Traits:
        """As the port says."""
        return self.sections.traits
