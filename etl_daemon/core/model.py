"""The nouns of the corridor: one frozen type per station."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import Dataset

SLICE_ROWS = 2**18
"""Rows of an object that are deduplicated and searched for anomalies together."""


class Outcome(StrEnum):
    """What became of an object version; the ledger stores it."""

    LOADED = "loaded"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """One version of one object as a listing showed it.

    Sorts by ``modified`` (UTC), then key: the order in which objects are loaded.
    ``version`` identifies the content: the S3 version id, else etag and LastModified; local files: size and mtime.
    """

    modified: datetime
    key: str
    version: str
    bucket: str = ""
    etag: str = ""
    size: int = 0


@dataclass(frozen=True)
class BatchPlan:
    """The objects that one commit brings in, and the watermark that holds once it has.

    ``superseded`` objects are parts of deliveries older than these: they are entered in the ledger without being read.
    ``purpose`` tells apart batches of the same objects.
    """

    dataset: Dataset
    objects: tuple[ObjectRef, ...]
    watermark: datetime | None = None
    superseded: tuple[ObjectRef, ...] = ()
    purpose: str = ""

    @property
    def bucket(self) -> str:
        """Where all of them are."""
        return (*self.objects, *self.superseded)[0].bucket

    @cached_property
    def batch_id(self) -> str:
        """Twenty hex digits over dataset, target and the sorted object versions: the same work has the same id."""
        parts = [
            self.dataset.name,
            self.dataset.table,
            *sorted(f"{ref.bucket}\0{ref.key}\0{ref.version}" for ref in (*self.objects, *self.superseded)),
            *filter(None, [self.purpose]),
        ]
        return sha256("\1".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


RawText = Callable[["np.ndarray[Any, Any]"], pa.StringArray]
"""Positions within a slice (int64) -> the text of those rows as the object has it."""


@dataclass(frozen=True, slots=True)
class RawSlice:
    """Up to ``SLICE_ROWS`` decoded rows of one object, in the object's order.

    ``table`` has one column per dataset column that the object holds, under its canonical name, typed as the format
    gave it: text, floating point (NaN there means "present, but not a number"; null means missing), integer,
    decimal, date or timestamp. ``first_row`` is the 1-based ordinal of the first row in the object; header and blank
    lines do not count. ``malformed`` holds the positions (int64, ascending) of lines that are no records: all their
    cells are null. ``extra`` names the object's columns that no dataset column matches. ``ordinals`` (int64) gives the
    rows' places in the object where they do not simply follow one another from ``first_row``.
    """

    ref: ObjectRef
    first_row: int
    table: pa.Table
    malformed: np.ndarray[Any, Any]
    raw: RawText
    extra: tuple[str, ...] = ()
    ordinals: np.ndarray[Any, Any] | None = None

    def numbers(self, positions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Positions within the slice as ordinals within the object (int64)."""
        return positions + self.first_row if self.ordinals is None else self.ordinals[positions]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that cannot be loaded as it is: a deterministic fault of its content, with its reason code."""

    ref: ObjectRef
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Deferral:
    """An object that could not be read now; it stays pending, and the watermark waits for it.

    ``changed``: only because it was replaced or deleted after it was listed; the next listing knows better.
    """

    ref: ObjectRef
    detail: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class RawBatch:
    """A batch while it is read: object by object, in plan order, slices, or why there are no more of them."""

    plan: BatchPlan
    parts: Iterator[RawSlice | Refusal | Deferral]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of an object, or of a part of it. Every row is in exactly one of the last four."""

    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    superseded: int = 0
    filtered: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def conserved(self) -> bool:
        """Whether nothing was lost: read = loaded + quarantined + superseded + filtered."""
        return self.read == self.loaded + self.quarantined + self.superseded + self.filtered


@dataclass(frozen=True, slots=True)
class CleanSlice:
    """A slice after the rules.

    ``accepted``: target columns with their exact types, prices in a narrower one where the limits let them, plus
    ``_OBJECT_ROW``. ``quarantined``: ``OBJECT_ROW`` int64, ``REASONS`` text (codes joined by commas), ``RAW`` text.
    ``anomalies``: target columns of the anomalies dataset plus ``_OBJECT_ROW``. ``reasons`` counts each code;
    ``rounded`` and ``truncated`` count values brought to scale and timestamps cut to microseconds. ``stays`` (bool,
    one per accepted row) marks the rows that no later slice of the batch supersedes; None: all of them. ``counts``
    says the same. ``file``: where the destination itself finds the accepted rows, with all their columns;
    ``accepted`` has then only those that tell which of them stay.
    """

    ref: ObjectRef
    accepted: pa.Table
    quarantined: pa.Table
    anomalies: pa.Table
    counts: Counts
    reasons: Mapping[str, int] = field(default_factory=dict)
    rounded: int = 0
    truncated: int = 0
    extra: tuple[str, ...] = ()
    first_row: int = 1
    stays: np.ndarray[Any, Any] | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class CleanBatch:
    """A batch after the rules: what comes of its objects, in plan order, slice by slice."""

    plan: BatchPlan
    results: Iterator[CleanSlice | Refusal | Deferral]


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A batch on the destination's doorstep: nothing of it is visible yet.

    ``columns`` are those of the target, without the system's; None: those of the dataset's kind.
    """

    plan: BatchPlan
    slices: tuple[CleanSlice, ...]
    refusals: tuple[Refusal, ...]
    deferrals: tuple[Deferral, ...]
    columns: pa.Schema | None = None

    @property
    def target(self) -> pa.Schema:
        """The columns that the rows are inserted with, without the system's."""
        return self.plan.dataset.schema.target if self.columns is None else self.columns

    @property
    def settled(self) -> tuple[ObjectRef, ...]:
        """The objects that this batch's commit enters in the ledger."""
        late = {item.ref for item in self.deferrals}
        return tuple(ref for ref in self.plan.objects if ref not in late)

    @property
    def loaded(self) -> tuple[ObjectRef, ...]:
        """The objects whose rows come in; without any the target stays as it is."""
        refused = {item.ref for item in self.refusals}
        return tuple(ref for ref in self.settled if ref not in refused)


@dataclass(frozen=True, slots=True)
class ObjectReceipt:
    """One object's line in the ledger."""

    ref: ObjectRef
    outcome: Outcome
    reason: str = ""
    counts: Counts = Counts()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a commit brought in."""

    batch_id: str
    dataset: str
    objects: tuple[ObjectReceipt, ...]
    deferrals: tuple[Deferral, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    anomalies: Mapping[str, int] = field(default_factory=dict)
    replaced: int = 0
    watermark: datetime | None = None
    committed_at: datetime | None = None

    @property
    def counts(self) -> Counts:
        """The sum over the objects."""
        return sum((item.counts for item in self.objects), Counts())


@dataclass(frozen=True, slots=True)
class Fence:
    """Who commits: a later generation shuts out every earlier one."""

    generation: int
    holder: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a dataset has come. ``swept_at`` is when everything under the prefix was last compared."""

    watermark: datetime | None = None
    generation: int = 0
    holder: str = ""
    swept_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of a dataset: the latest version of each key (kept up by its one owner), and the cursor.

    ``refused`` holds the keys whose latest version was refused. ``modified`` is each key's latest LastModified, kept in
    mode TRUNCATE_INSERT only: it says how old a delivery is that lies in the bucket no more.
    ``settled_key`` is the greatest key whose object is not above the watermark: where keys only grow, nothing new comes
    before it. ``confirmed`` is the watermark that the last listing would allow, if everything that it showed is
    settled: the next commit carries it, also where it brings in objects that no listing has shown yet.
    """

    versions: dict[str, str] = field(default_factory=dict)
    cursor: Cursor = Cursor()
    refused: set[str] = field(default_factory=set)
    settled_key: str = ""
    modified: dict[str, datetime] = field(default_factory=dict)
    confirmed: datetime | None = None
