"""Small documents that are written over what was read only, so that two writers do not undo each other's work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """A document's text as it was read, with the tag that a write over it has to name."""

    text: str
    tag: str
