"""What is to befall chosen statements on their way in or out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACTIONS = ("503", "drop", "hang", "kill", "error")


@dataclass(slots=True)
class Fault:
    """Befalls the next ``times`` statements whose SQL ``match`` finds (a regular expression, case ignored).

    A login is found by ``LOGIN``, and only before it.

    ``when`` is ``before`` (the statement is not run, unless the action is ``hang``) or ``after`` (it was run, and its
    answer is lost). ``action``: ``503`` answers so; ``drop`` cuts the connection; ``hang`` waits ``seconds`` and goes
    on; ``kill`` ends the server's process at once; ``error`` answers that the statement failed with ``errno``.
    """

    match: str
    when: str = "before"
    action: str = "503"
    times: int = 1
    seconds: float = 5.0
    errno: int = 370001
    sqlstate: str = "XX000"
    message: str = "injected"

    def __post_init__(self) -> None:
        if self.when not in {"before", "after"} or self.action not in ACTIONS:
            raise ValueError(f"No such fault: {self.action} {self.when}")
        re.compile(self.match)


class Faults:
    """The faults in wait, used up in order."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fields: Mapping[str, Any]) -> None:
        """Take a fault as ``POST /emulator/fault`` gets it.

        Raises:
            ValueError: no such action or moment.
            TypeError: no such field.
        """
        self._waiting.append(Fault(**fields))

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()

    def take(self, when: str, sql: str) -> Fault | None:
        """The fault for this statement, which counts as one of its times."""
        for fault in self._waiting:
            if fault.when == when and re.search(fault.match, sql, re.IGNORECASE):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
