"""How the objects of a batch are divided among those who read them, and what one of them says of a slice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from math import ceil

from etl_daemon.core.model import CleanSlice, Counts, Deferral, ObjectRef, Refusal
from etl_daemon.core.planning.sections import Portion, Section, Traits

SHARE_BYTES = 256 * 2**20
"""Objects that one task reads, about: text of that size makes a file of some 100 MB at the destination's door."""

OVERSIZE = 1.5
"""So many times a share: to divide an object is to read it twice, once to count its lines."""

NO_ROWS = Counts()
NO_TRAITS = Traits()


@dataclass(frozen=True, slots=True)
class Share:
    """What one task reads: some objects, or a portion of one."""

    objects: tuple[ObjectRef, ...]
    portion: Portion | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a part of an object, small enough to be collected: rows lie in the files that it names.

    Of each file the slices have, one after another, as many rows as they say. ``kind`` is slice, refusal or deferral;
    or traits, at the end of a portion.
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
    traits: Traits = NO_TRAITS

    def text(self) -> str:
        """It as a JSON document."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Report:
        """What ``text`` gave."""
        told = json.loads(text)
        made = {"counts": Counts(**told["counts"]), "extra": tuple(told["extra"]), "traits": Traits.of(told["traits"])}
        return cls(**(told | made))


def reported(result: CleanSlice | Refusal | Deferral | Traits, files: dict[str, str]) -> Report:
    """What is to be told of a result whose rows are in these files."""
    if isinstance(result, Traits):
        return Report("traits", traits=result)
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


Verdict = Callable[[ObjectRef, Traits, Counts], Refusal | None]
"""Of an object of which every row was read in some portion: why it is refused as a whole, if it is."""


def rejoined(told: Iterable[tuple[ObjectRef, Report]], verdict: Verdict) -> Iterator[tuple[ObjectRef, Report]]:
    """What was told of a batch, in its order, as if no object had been divided: behind a fault is nothing more."""
    for ref, found in groupby(told, lambda each: each[0]):
        traits, counts = NO_TRAITS, NO_ROWS
        divided = False
        for _, report in found:
            if report.kind == "traits":
                traits, divided = traits + report.traits, True
                continue
            yield ref, report
            if report.kind != "slice":
                break
            counts += report.counts
        else:
            refusal = verdict(ref, traits, counts) if divided else None
            if refusal:
                yield ref, reported(refusal, {})


def cut(
    objects: Sequence[ObjectRef], most: int, sections: Mapping[ObjectRef, Sequence[Section]] | None = None
) -> Iterator[Share]:
    """The objects in order, in up to ``most`` shares of about the same size.

    Objects whose ``sections`` are known are divided where a share ends, and have shares of their own: there may be two
    more for each of them.
    """
    items = [(ref, section) for ref in objects for section in (sections or {}).get(ref) or (None,)]
    weights = [_weight(ref) if section is None else section.end - section.begin for ref, section in items]
    whole, places, before = max(sum(weights), 1), [], 0
    for weight in weights:
        places.append((before + weight // 2) * most // whole)
        before += weight
    rows: dict[ObjectRef, int] = {}
    placed = zip(places, items, strict=True)
    for (_, divided), share in groupby(placed, lambda each: (each[0], each[1][1] and each[1][0])):
        found = [item for _, item in share]
        if divided is None:
            yield Share(tuple(ref for ref, _ in found))
            continue
        parts = [section for _, section in found if section]
        first_row = rows.get(divided, 0) + 1
        rows[divided] = first_row - 1 + sum(section.rows for section in parts)
        yield Share((divided,), Portion(parts[0].begin, parts[-1].end, first_row))


def oversized(objects: Sequence[ObjectRef], most: int) -> list[ObjectRef]:
    """Those that are much more than a share: whoever had one would be at work when the others are done."""
    fair = sum(map(_weight, objects)) / most
    return [ref for ref in objects if _weight(ref) > OVERSIZE * fair]


def tasks(objects: Sequence[ObjectRef], cores: int) -> int:
    """How many shares are worth making: all cores are to have one, and none is to be much larger than others."""
    return max(cores, ceil(sum(map(_weight, objects)) / SHARE_BYTES))


def _weight(ref: ObjectRef) -> int:
    return ref.size + 2**12  # an object takes a request, however small it is
