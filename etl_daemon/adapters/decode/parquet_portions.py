"""Parquet in portions: some row groups of a file, of which the rest is fetched where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from etl_daemon.adapters.decode.key_symbol import with_symbol
from etl_daemon.adapters.decode.parquet import pieces_of, readable_file
from etl_daemon.adapters.decode.parquet_batches import ParquetBatches
from etl_daemon.adapters.decode.pieces import Piece, regroup
from etl_daemon.adapters.decode.sizes import Sizes
from etl_daemon.adapters.decode.window import Window
from etl_daemon.adapters.spool import let_go
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef, RawSlice
from etl_daemon.core.planning.sections import Portion, Section, Traits
from etl_daemon.core.policy import ReadLimits
from etl_daemon.ports.dividing import Bytes, Sections


@dataclass(frozen=True, slots=True)
class ParquetPortions:
    """Divides files whose row groups lie one behind the other; their metadata say how many rows each has."""

    limits: ReadLimits
    sizes: Sizes

    def sections(self, ref: ObjectRef, fetch: Bytes, dataset: Dataset) -> Sections:
        """As the port says."""
        try:
            return () if dataset.raw else self._sections(ref, fetch)
        except (OSError, pa.ArrowException):
            return ()  # whoever reads the whole says what is wrong

    def reading(self, portion: Portion, fetch: Bytes, dataset: Dataset) -> ParquetReading:
        """As the port says."""
        return ParquetReading(self, portion, fetch, dataset)

    def _sections(self, ref: ObjectRef, fetch: Bytes) -> list[Section]:
        file = ParquetBatches(Window(ref.size, fetch), self.limits)
        groups = file.sections(self.sizes.section_bytes)
        return [
            Section(begin, end, file.rows(section))
            for (begin, end), section in zip(file.places(groups), groups, strict=False)
        ]


@dataclass(slots=True)
class ParquetReading:
    """A portion of a file."""

    portions: ParquetPortions
    portion: Portion
    fetch: Bytes
    dataset: Dataset
    traits: Traits = field(default_factory=Traits)

    def slices(self, ref: ObjectRef, body: memoryview) -> Iterator[RawSlice]:
        """As the port says."""
        pieces, slice_rows = self._pieces(ref, body), self.portions.sizes.slice_rows
        for part in regroup(ref, pieces, slice_rows, self.portion.first_row):
            yield with_symbol(self.dataset, part)
            del part

    def _pieces(self, ref: ObjectRef, body: memoryview) -> Iterator[Piece]:
        """What the file says of its size counts once for all portions: with the first."""
        with readable_file():
            window = Window(ref.size, self.fetch, self.portion.begin, body)
            file = ParquetBatches(window, self.portions.limits)
            sections = file.sections(self.portions.sizes.section_bytes)
            places = zip(file.places(sections), sections, strict=True)
            mine = [of for (begin, _), of in places if self.portion.begin <= begin < self.portion.end]
            for piece in pieces_of(file, self.dataset, mine):
                yield piece
                let_go(body)
            first = mine[:1] == sections[:1]
            self.traits = Traits(unpacked=file.found + (file.said if first else 0))
