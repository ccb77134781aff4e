"""Which technology keeps the secrets of which scheme; each is imported when it is needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from etl_daemon.ports import SecretStore

if TYPE_CHECKING:
    from etl_daemon.adapters.systemd.credentials import CredentialStore

Stores = Callable[[str], SecretStore]
"""A store by its scheme; close it after use."""


def stores(region: str | None, environment: Mapping[str, str] = os.environ) -> Stores:
    """The stores of this machine; ``region`` is for those of AWS where the AWS SDK finds none."""

    def store(scheme: str) -> SecretStore:
        if scheme == "ssm":
            from etl_daemon.adapters.ssm.store import SsmSecretStore

            return SsmSecretStore(region)
        if scheme == "secretsmanager":
            from etl_daemon.adapters.secretsmanager.store import SecretsManagerStore

            return SecretsManagerStore(region)
        if scheme == "credential":
            return credentials(environment)
        from etl_daemon.adapters.local.environment import EnvironmentSecretStore

        return EnvironmentSecretStore(environment)

    return store


def credentials(environment: Mapping[str, str]) -> CredentialStore:
    """What systemd gave this process, if it did."""
    from etl_daemon.adapters.systemd.credentials import CredentialStore

    named = environment.get("CREDENTIALS_DIRECTORY")
    return CredentialStore(Path(named) if named else None)
