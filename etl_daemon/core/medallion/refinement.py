"""What an appended table (bronze) is to become in the next one (silver) and its view (gold), as it is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Tidying(StrEnum):
    """What is done to a text on its way to silver."""

    TRIM = "trim"
    UPPER = "upper"
    LOWER = "lower"
    BLANK_TO_NULL = "blank_to_null"


@dataclass(frozen=True, slots=True)
class Refinement:
    """Where the rows of a dataset go from its table.

    ``table`` (silver) and ``view`` (gold) are DATABASE.SCHEMA.NAME. ``key`` are the columns of which each row of silver
    has its own values. ``tidy`` says by column what is done to its texts, in this order.
    """

    table: str
    view: str
    key: tuple[str, ...]
    tidy: Mapping[str, tuple[Tidying, ...]] = field(default_factory=dict)
