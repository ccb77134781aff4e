"""What a store of secrets said of the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """``place`` is the store and the name asked for; ``taken`` are settings, ``ignored`` names that mean none.

    ``setting`` is the one that named the place; empty: none had to.
    """

    place: str
    setting: str = ""
    taken: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For a message about settings that are missing."""
        has = ", ".join(self.taken) or "nothing that is not set already"
        more = f" (and {', '.join(self.ignored)}, which mean no setting)" if self.ignored else ""
        return f"{self.setting or 'credentials'}: {self.place} has {has}{more}."
