"""Secrets in the Parameter Store of AWS Systems Manager: all parameters below a path, or one."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from etl_daemon.adapters.aws import client, code, translated
from etl_daemon.core.secret import Secrets, named, parsed
from etl_daemon.errors import SecretMissingError

TIMEOUT_SECONDS = 10.0


class SsmSecretStore:
    """Names are paths, such as ``/prod/snowflake``. SecureStrings come decrypted."""

    def __init__(self, region: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._region = region
        self._timeout_seconds = timeout_seconds

    def get(self, name: str) -> Secrets:
        """As the port says. Where nothing is below the path, it is the name of a single parameter."""
        path = f"/{name.strip('/')}"
        grant = (
            f"ssm:GetParametersByPath and ssm:GetParameter on parameter{path} and parameter{path}/*, "
            "and kms:Decrypt on their key"
        )
        with translated(f"SSM {path}", grant):
            below = self._below(path)
            return named(below, f"SSM {path}") if below else self._single(path)

    def close(self) -> None:
        """Let go of connections."""
        if "_ssm" in self.__dict__:
            self._ssm.close()

    @cached_property
    def _ssm(self) -> Any:
        return client("ssm", self._region, self._timeout_seconds)

    def _below(self, path: str) -> list[tuple[str, str]]:
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
            Path=path, Recursive=True, WithDecryption=True
        )
        return [(each["Name"][len(path) :], each["Value"]) for page in pages for each in page["Parameters"]]

    def _single(self, path: str) -> Secrets:
        try:
            parameter = self._ssm.get_parameter(Name=path, WithDecryption=True)["Parameter"]
        except ClientError as error:
            if code(error) != "ParameterNotFound":
                raise
            hint = f"aws ssm put-parameter --type SecureString --name {path}/NAME --value ..., or correct the path"
            raise SecretMissingError(
                f"SSM {path}: there is no such parameter, and none below it.", hint=hint
            ) from error
        return parsed(parameter["Value"], f"SSM {path}")
