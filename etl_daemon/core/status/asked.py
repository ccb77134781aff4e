"""What people ask of the history, and what they get of it: a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")

PAGE_LINES = 50


@dataclass(frozen=True, slots=True)
class ObjectsAsked:
    """Objects of a dataset or of a commit, the latest first. ``text`` is in the key; empty parts leave it open."""

    dataset: str = ""
    batch_id: str = ""
    at: datetime | None = None
    text: str = ""
    outcome: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class RowsAsked:
    """Rejected rows, the latest first. ``text`` is in the object's key or in the row; empty parts leave it open."""

    dataset: str = ""
    reason: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    batch_id: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Extent:
    """The objects of a batch that are kept: how many, their size, and when the first and the last was modified."""

    objects: int = 0
    bytes: int = 0
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The lines of one page, and how many there are in all."""

    lines: tuple[T, ...] = ()
    total: int = 0
    page: int = 1

    @property
    def first(self) -> int:
        """The number of its first line, from 1."""
        return (self.page - 1) * PAGE_LINES + 1

    @property
    def last(self) -> int:
        """The number of its last line."""
        return self.first + len(self.lines) - 1

    @property
    def pages(self) -> int:
        """How many there are."""
        return max(-(-self.total // PAGE_LINES), 1)
