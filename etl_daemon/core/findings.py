"""What a check found: for the commands that print it, and for alerts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"

    @property
    def gravity(self) -> int:
        """The greater, the worse."""
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it stands, and what to type where it is not well. ``dataset`` is empty for the whole."""

    name: str
    state: State
    detail: str
    hint: str = ""
    dataset: str = ""


def failed(findings: Iterable[Finding]) -> bool:
    """Whether something is wrong; what could be better is not."""
    return any(finding.state is State.FAIL for finding in findings)
