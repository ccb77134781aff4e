"""Secrets in the environment of the process: for tests, and where there is no store."""

from __future__ import annotations

from collections.abc import Mapping

from etl_daemon.core.secret import Secrets, named
from etl_daemon.errors import SecretMissingError


class EnvironmentSecretStore:
    """``AFFILIATE`` stands for all variables whose names begin with ``AFFILIATE_``; empty ones count as not set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def get(self, name: str) -> Secrets:
        """As the port says."""
        begun = f"{name.upper()}_"
        found = [(each[len(begun) :], text) for each, text in self._environment.items() if each.startswith(begun)]
        secrets = named(((short, text) for short, text in sorted(found) if text), f"environment {begun}...")
        if not secrets:
            hint = f"export {begun}PASSWORD=..., or name a store for {name.lower()}: docs/secrets.md"
            raise SecretMissingError(f"The environment has nothing that begins with {begun}.", hint=hint)
        return secrets

    def close(self) -> None:
        """Nothing is kept open."""
