"""Secrets in AWS Secrets Manager: the current version of each."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from etl_daemon.adapters.aws import client, code, translated
from etl_daemon.core.secret import Secrets, decoded, parsed
from etl_daemon.errors import SecretMissingError

TIMEOUT_SECONDS = 10.0


class SecretsManagerStore:
    """Names are those of secrets, or their ARNs, which may lead to another region."""

    def __init__(self, region: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._region = region
        self._timeout_seconds = timeout_seconds
        self._clients: dict[str | None, Any] = {}

    def get(self, name: str) -> Secrets:
        """As the port says: the fields of a JSON object, or the whole text as ``value``."""
        place = f"Secrets Manager {name}"
        with translated(place, f"secretsmanager:GetSecretValue on {name}, and kms:Decrypt on its key"):
            answer = self._answer(name)
        text = answer.get("SecretString")
        return parsed(decoded(answer["SecretBinary"], place) if text is None else text, place)

    def close(self) -> None:
        """Let go of connections."""
        for each in self._clients.values():
            each.close()

    def _answer(self, name: str) -> Any:
        try:
            return self._client(_region(name)).get_secret_value(SecretId=name, VersionStage="AWSCURRENT")
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            hint = "aws secretsmanager create-secret --name ... --secret-string ..., or correct the name"
            detail = f"Secrets Manager {name}: there is no such secret, or it has no current version."
            raise SecretMissingError(detail, hint=hint) from error

    def _client(self, region: str | None) -> Any:
        if region not in self._clients:
            self._clients[region] = client("secretsmanager", self._region, self._timeout_seconds, named_region=region)
        return self._clients[region]


def _region(name: str) -> str | None:
    """The region that an ARN names."""
    return name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 6 else None
