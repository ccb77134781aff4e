"""How the objects of a batch are divided among those who read them, and what one of them says of a slice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from math import ceil

from etl_daemon.core.model import CleanSlice, Counts, Deferral, ObjectRef, Refusal

SHARE_BYTES = 256 * 2**20
"""Objects that one task reads, about: text of that size makes a file of some 100 MB at the destination's door."""


NO_ROWS = Counts()


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a part of an object, small enough to be collected: rows lie in the files that it names.

    Of each file the slices have, one after another, as many rows as they say. ``kind`` is slice, refusal or deferral.
    """

    kind: str
    counts: Counts = NO_ROWS
    first_row: int = 1
    anomalies: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rounded: int = 0
    truncated: int = 0
    extra: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""
    changed: bool = False

    def text(self) -> str:
        """It as a JSON document."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Report:
        """What ``text`` gave."""
        told = json.loads(text)
        return cls(**{**told, "counts": Counts(**told["counts"]), "extra": tuple(told["extra"])})


def reported(result: CleanSlice | Refusal | Deferral, files: dict[str, str]) -> Report:
    """What is to be told of a result whose rows are in these files."""
    if isinstance(result, Refusal):
        return Report("refusal", reason=result.reason, detail=result.detail)
    if isinstance(result, Deferral):
        return Report("deferral", detail=result.detail, changed=result.changed)
    return Report(
        "slice",
        result.counts,
        result.first_row,
        result.anomalies.num_rows,
        dict(result.reasons),
        result.rounded,
        result.truncated,
        result.extra,
        files,
    )


def cut(objects: Sequence[ObjectRef], most: int) -> Iterator[tuple[ObjectRef, ...]]:
    """The objects in order, in up to ``most`` shares of about the same size."""
    whole = sum(map(_weight, objects))
    places, before = [], 0
    for ref in objects:
        places.append((before + _weight(ref) // 2) * most // whole)
        before += _weight(ref)
    for _, share in groupby(zip(places, objects, strict=True), lambda each: each[0]):
        yield tuple(ref for _, ref in share)


def tasks(objects: Sequence[ObjectRef], cores: int) -> int:
    """How many shares are worth making: all cores are to have one, and none is to be much larger than others."""
    return max(cores, ceil(sum(map(_weight, objects)) / SHARE_BYTES))


def _weight(ref: ObjectRef) -> int:
    return ref.size + 2**12  # an object takes a request, however small it is
