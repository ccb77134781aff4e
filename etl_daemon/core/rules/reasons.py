"""Reason codes: why a row is in the quarantine. A row carries all of its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa

from etl_daemon.core import arrow
from etl_daemon.core.rules.stack import Stack


class Reason(IntFlag):
    """One bit per reason; the member's name is its stable code."""

    undecodable = 1 << 0
    missing_field = 1 << 1
    symbol_format = 1 << 2
    timestamp_invalid = 1 << 3
    timestamp_future = 1 << 4
    price_not_numeric = 1 << 5
    price_range = 1 << 6
    ohlc_relation = 1 << 7
    volume_invalid = 1 << 8
    volume_negative = 1 << 9
    scale_overflow = 1 << 10
    rsi_range = 1 << 11
    macd_invalid = 1 << 12
    sma_not_positive = 1 << 13
    severity_unknown = 1 << 14
    value_invalid = 1 << 15
    type_mismatch = 1 << 16


CODES = tuple(str(reason.name) for reason in Reason)
"""All codes, in the order in which a row's reasons are written."""

Flags = np.ndarray[Any, np.dtype[np.uint32]]
"""One ``Reason`` value per row; 0 means that the row is fit."""


Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Judged(Generic[Read]):
    """A slice's rows after the rules: ``kept`` and ``rejected`` are positions (int64, ascending)."""

    cells: Read
    flags: Flags
    kept: np.ndarray[Any, Any]
    rejected: np.ndarray[Any, Any]

    @property
    def superseded(self) -> int:
        """Fit rows that lost to another row with the same key."""
        return len(self.flags) - len(self.kept) - len(self.rejected)


def flag(length: int, **masks: np.ndarray[Any, Any]) -> Flags:
    """Flags of ``length`` rows from one boolean mask per reason code."""
    flags = np.zeros(length, dtype=np.uint32)
    for code, mask in masks.items():
        flags |= mask.astype(np.uint32) << np.uint32(Reason[code].bit_length() - 1)
    return flags


def codes(flags: Flags) -> pa.Array:
    """The codes of each row as text, joined by commas in the order of ``Reason``."""
    distinct, position = np.unique(flags, return_inverse=True)
    texts = [",".join(str(reason.name) for reason in Reason if reason & int(value)) for value in distinct]
    return arrow.texts(texts).take(arrow.array(position))


def count(flags: Flags) -> dict[str, int]:
    """How many rows carry each reason; reasons that none carries are left out."""
    distinct, rows = np.unique(flags, return_counts=True)
    totals = {reason: int(rows[(distinct & int(reason)) != 0].sum()) for reason in Reason}
    return {str(reason.name): total for reason, total in totals.items() if total}


def count_each(flags: Flags, stack: Stack, rows: np.ndarray[Any, Any]) -> list[dict[str, int]]:
    """``count`` of each slice; ``rows`` are the positions of all that carry a reason."""
    if stack.single:
        return [count(flags[rows])]
    found: list[dict[str, int]] = [{} for _ in stack.slices]
    carried = flags[rows]
    for reason in Reason:
        totals = stack.counted((carried & np.uint32(reason)) != 0, rows)
        for at in np.flatnonzero(totals).tolist():
            found[at][str(reason.name)] = int(totals[at])
    return found


def quarantined(stack: Stack, flags: Flags, rows: np.ndarray[Any, Any]) -> pa.Table:
    """The given rows (positions, int64) as the quarantine takes them."""
    return pa.table(
        {"OBJECT_ROW": arrow.array(stack.numbers(rows)), "REASONS": codes(flags[rows]), "RAW": stack.raw(rows)}
    )
