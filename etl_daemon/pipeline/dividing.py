"""An object that several read: where it can be cut, what each of them reads, and the judgement of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import Counts, ObjectRef, RawSlice, Refusal
from etl_daemon.core.planning.sections import Portion, Section, Traits
from etl_daemon.errors import DataError, EtlError
from etl_daemon.pipeline.fetching import Fetching, Room
from etl_daemon.pipeline.intake import Intake, Tolerance, above_tolerance
from etl_daemon.ports import PortionReading, Portions
from etl_daemon.ports.dividing import Bytes, Sections


@dataclass(frozen=True, slots=True)
class Dividing:
    """How the objects of ``intake`` are divided, by its decoder."""

    intake: Intake

    @property
    def portions(self) -> Portions:
        """What the decoder knows of it."""
        return self.intake.decoder.portions

    def sections(self, ref: ObjectRef, dataset: Dataset) -> Sections:
        """As the port says."""
        try:
            return self.portions.sections(ref, self._bytes_of(ref), dataset)
        except (EtlError, OSError):
            return ()

    def section(self, ref: ObjectRef, number: int) -> Section | None:
        """One that was left open; None: no line begins there.

        Raises:
            EtlError, OSError: as reading the object.
        """
        return self.portions.section(ref, number, self._bytes_of(ref))

    def intake_of(self, part: Part) -> Intake:
        """What reads a portion; whether too many rows are unfit is a matter of all of them."""
        return replace(self.intake, decoder=part, tolerance=Tolerance())

    def part(self, ref: ObjectRef, portion: Portion, dataset: Dataset) -> Part:
        """What decodes a portion."""
        return Part(self.portions, self.portions.reading(portion, self._bytes_of(ref), dataset))

    def fetching(self, ref: ObjectRef, portion: Portion) -> Fetching:
        """Its bytes, on the way."""
        part = self.intake.source.part
        return Fetching([ref], lambda of: part(of, portion.begin, portion.end), Room(1, self.intake.ahead_bytes))

    def _bytes_of(self, ref: ObjectRef) -> Bytes:
        return partial(self.intake.source.part, ref)

    def verdict(self, dataset: Dataset, ref: ObjectRef, traits: Traits, counts: Counts) -> Refusal | None:
        """Why an object of which all portions were read is refused as a whole, if it is."""
        try:
            self.portions.judge(ref, traits, dataset)
        except DataError as error:
            return Refusal(ref, error.reason, str(error))
        return next(above_tolerance(ref, counts, self.intake.tolerance), None)


@dataclass(frozen=True, slots=True)
class Part:
    """A decoder of one portion of one object."""

    portions: Portions
    reading: PortionReading

    def decode(self, ref: ObjectRef, body: memoryview, dataset: Dataset) -> Iterator[RawSlice]:
        """The portion's rows."""
        return self.reading.slices(ref, body)

    def decode_together(
        self, bodies: Sequence[tuple[ObjectRef, memoryview]], dataset: Dataset
    ) -> Mapping[ObjectRef, list[RawSlice]]:
        """Nothing is read together with a portion."""
        return {}

    def close(self) -> None:
        """Whoever opened the portions closes them."""
