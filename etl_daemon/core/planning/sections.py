"""Parts of an object that are decoded by themselves: where they lie, and what they tell of the object as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECTION_BYTES = 2**26
"""Text from which a section ends, at the next line's end, or columns, with their row group."""

SECTION_ROWS = 2**19
"""Rows from which it does in files that say how many rows a group has; their bytes say little of what is to be done."""


@dataclass(frozen=True, slots=True)
class Section:
    """From byte ``begin`` up to ``end``: no slice reaches beyond it."""

    begin: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class Portion:
    """Sections that follow one another; ``first_row`` is the 1-based ordinal of their first row in the object."""

    begin: int
    end: int
    first_row: int = 1


@dataclass(frozen=True, slots=True)
class Traits:
    """Of some sections: the names that columns have in their records, and whether there is any record.

    ``unpacked`` is what is known of how large their object is once it is unpacked (bytes).
    """

    names: tuple[str, ...] = ()
    has_records: bool = False
    unpacked: int = 0

    def __add__(self, other: Traits) -> Traits:
        names = (*dict.fromkeys((*self.names, *other.names)),)
        return Traits(names, self.has_records or other.has_records, self.unpacked + other.unpacked)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Traits:
        """What ``dataclasses.asdict`` made of them, perhaps by way of JSON."""
        return cls(**{**told, "names": tuple(told["names"])})
