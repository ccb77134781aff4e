"""Objects in portions, by what they are: JSON lines can be cut at any line's end, Parquet between row groups."""

from __future__ import annotations

from dataclasses import dataclass

from etl_daemon.adapters.decode.line_portions import LinePortions
from etl_daemon.adapters.decode.parquet_portions import ParquetPortions
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.sections import judge
from etl_daemon.adapters.decode.sizes import Sizes
from etl_daemon.adapters.decode.streams import check_expansion
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.planning.sections import Portion, Section, Traits
from etl_daemon.core.policy import ReadLimits
from etl_daemon.ports.dividing import Bytes, PortionReading, Sections


@dataclass(frozen=True, slots=True)
class ObjectPortions:
    """As the port says. What is compressed, CSV, or a document is read as a whole."""

    workshop: Workshop
    limits: ReadLimits
    sizes: Sizes

    def sections(self, ref: ObjectRef, fetch: Bytes, dataset: Dataset) -> Sections:
        """As the port says."""
        if not 4 < ref.size <= self.limits.max_object_bytes:
            return ()
        return self._kind(fetch).sections(ref, fetch, dataset)

    def section(self, ref: ObjectRef, number: int, fetch: Bytes) -> Section | None:
        """As the port says; Parquet leaves none open."""
        return self._lines.section(ref, number, fetch)

    def reading(self, portion: Portion, fetch: Bytes, dataset: Dataset) -> PortionReading:
        """As the port says."""
        return self._kind(fetch).reading(portion, fetch, dataset)

    def judge(self, ref: ObjectRef, traits: Traits, dataset: Dataset) -> None:
        """As the port says.

        Raises:
            DataError: ``missing_columns``, ``ambiguous_columns``, ``too_large``, ``decompression_bomb``.
        """
        judge(traits, dataset)
        check_expansion(traits.unpacked, ref.size, self.limits)

    @property
    def _lines(self) -> LinePortions:
        return LinePortions(self.workshop, self.limits, self.sizes)

    def _kind(self, fetch: Bytes) -> LinePortions | ParquetPortions:
        return ParquetPortions(self.limits, self.sizes) if bytes(fetch(0, 4)) == b"PAR1" else self._lines
