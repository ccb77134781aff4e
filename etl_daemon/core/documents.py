"""Small documents that are written over what was read only, so that two writers do not undo each other's work.

They lie where others may write too, so nothing in them is believed to be what we would have written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

LARGEST_BYTES = 16 * 2**20
"""More than any of ours has; what is longer is read no further, and is none then."""

UNFIT = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""What reading a document raises that somebody else has written."""


@dataclass(frozen=True, slots=True)
class Written:
    """A document's text as it was read, with the tag that a write over it has to name."""

    text: str
    tag: str


def of_kind(value: Any, *kinds: type) -> Any:
    """The value, which is of one of these kinds and no other: a boolean is no number.

    Raises:
        TypeError: it is not.
    """
    if type(value) not in kinds:
        raise TypeError(f"{value!r} is of another kind")
    return value


def instant(text: str) -> datetime:
    """The time of that text, with its zone.

    Raises:
        ValueError: it is none.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return at
