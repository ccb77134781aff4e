"""A few rejected rows of each reason: for those who look at a daemon. All of them are in the quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.compute as pc

from etl_daemon.core.model import CleanSlice

PER_REASON = 3
"""Rows of a batch that are shown for each reason."""

LOOKED_AT, LOOKED_AT_IN_SLICE = 1_000, 100
"""Rejected rows that are gone through at most."""

RAW_LENGTH = 500
"""So much of a row's text is shown (characters)."""


@dataclass(frozen=True, slots=True)
class Example:
    """A rejected row: where it is, all its reasons, and the beginning of its text; ``version`` is its object's."""

    key: str
    row: int
    reasons: tuple[str, ...]
    raw: str
    version: str = ""


def examples(slices: Iterable[CleanSlice]) -> tuple[Example, ...]:
    """The first rows of each reason, among those that are looked at."""
    found: list[Example] = []
    shown: Counter[str] = Counter()
    looked_at = 0
    for part in slices:
        if not part.quarantined.num_rows:
            continue
        rows = part.quarantined.slice(0, LOOKED_AT_IN_SLICE)
        raw = pc.utf8_slice_codeunits(rows["RAW"], 0, RAW_LENGTH).to_pylist()  # a line may have megabytes
        for number, codes, text in zip(rows["OBJECT_ROW"].to_pylist(), rows["REASONS"].to_pylist(), raw, strict=True):
            reasons = tuple(codes.split(","))
            if any(shown[reason] < PER_REASON for reason in reasons):
                found.append(Example(part.ref.key, number, reasons, text or "", part.ref.version))
                shown.update(reasons)
        looked_at += rows.num_rows
        if looked_at >= LOOKED_AT:
            break
    return tuple(found)
