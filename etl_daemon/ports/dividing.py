"""Reading a part of an object as if all of it were read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import Counts, ObjectRef, RawSlice, Refusal
from etl_daemon.core.planning.sections import Portion, Section, Traits

Bytes = Callable[[int, int], memoryview]
"""The object's bytes from the one place up to the other."""


class PortionReading(Protocol):
    """A portion of an object while it is read."""

    def slices(self, ref: ObjectRef, body: memoryview) -> Iterator[RawSlice]:
        """Those that decoding the whole object gives of the portion, whose bytes ``body`` is.

        Raises:
            DataError: the object cannot be read.
        """

    @property
    def traits(self) -> Traits:
        """What the portion, once it is read, tells of the object as a whole."""


Sections = Sequence[Section | None]
"""Of how many sections an object may be; None: somebody has to look at the text to tell where one lies."""


class Portions(Protocol):
    """How objects are divided among those who read them."""

    def sections(self, ref: ObjectRef, fetch: Bytes, dataset: Dataset) -> Sections:
        """What can be told of the object's sections at once; none: it can be read as a whole only."""

    def section(self, ref: ObjectRef, number: int, fetch: Bytes) -> Section | None:
        """One that ``sections`` left open, from 0 on, by the text; None: no line begins there."""

    def reading(self, portion: Portion, fetch: Bytes, dataset: Dataset) -> PortionReading:
        """The reading of a portion, for which more than its bytes may have to be fetched."""

    def judge(self, ref: ObjectRef, traits: Traits, dataset: Dataset) -> None:
        """Look at what all portions of an object have told.

        Raises:
            DataError: the object as a whole cannot be loaded.
        """


class Divider(Protocol):
    """Who looks at objects as a whole, before and after others have read portions of them."""

    def sections(self, ref: ObjectRef, dataset: Dataset) -> Sections:
        """What can be told of the object's sections at once; none: it is read as a whole, and faults show then."""

    def verdict(self, dataset: Dataset, ref: ObjectRef, traits: Traits, counts: Counts) -> Refusal | None:
        """Why an object of which all portions were read is refused, if it is."""
