"""Secrets in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from etl_daemon.core.secret import Secret, Secrets
from etl_daemon.errors import SecretMissingError


@dataclass(slots=True)
class MemorySecretStore:
    """What was put in; ``reads`` are the names that were asked for."""

    reads: list[str] = field(default_factory=list)
    _kept: dict[str, Secrets] = field(default_factory=dict)

    def put(self, name: str, texts: Mapping[str, str]) -> None:
        """Have these under the name, and nothing else."""
        self._kept[name] = {each: Secret(text) for each, text in texts.items()}

    def get(self, name: str) -> Secrets:
        """As the port says."""
        self.reads.append(name)
        if name not in self._kept:
            raise SecretMissingError(f"There is no secret {name}.", hint="put it in")
        return self._kept[name]

    def close(self) -> None:
        """Nothing is kept open."""
