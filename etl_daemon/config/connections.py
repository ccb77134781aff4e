"""Tables ``[connections.NAME]`` of the TOML file: where the secrets of a source lie, and what is no secret of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from etl_daemon.config.aws_names import SecretId, SsmPath
from etl_daemon.config.problems import unknown, wrong_values
from etl_daemon.config.redact import STARS, shown

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def _word(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be letters, digits and _, beginning with a letter")
    return value


Word = Annotated[str, AfterValidator(_word)]


class StoreOptions(BaseModel):
    """The stores that a connection may name, by the scheme that a secret's full name begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    ssm: SsmPath | None = Field(None, description="Path of SSM parameters, or one parameter with a JSON object.")
    secretsmanager: SecretId | None = Field(None, description="Secret of Secrets Manager, by name or ARN.")
    credential: Word | None = Field(None, description="Credential that systemd gives the service.")
    env: Word | None = Field(None, description="What environment variables begin with, without the _.")


STORES = tuple(StoreOptions.model_fields)


@dataclass(frozen=True, slots=True)
class Connection:
    """``secret`` is the full name of its secrets, such as ``ssm:/prod/affiliate``; empty: it names no store.

    ``plain`` is everything else that the table says, as text.
    """

    secret: str = ""
    plain: Mapping[str, str] = field(default_factory=dict)


def read_connections(tables: object, origin: str) -> tuple[Mapping[str, Connection], list[str]]:
    """The connections by name in upper case, and a line for each problem."""
    if not isinstance(tables, dict):
        return {}, [f"connections ({origin}): should be tables [connections.NAME]."]
    found: dict[str, Connection] = {}
    problems: list[str] = []
    for name, table in tables.items():
        where = f" ({origin} [connections.{name}])"
        if not _NAME.fullmatch(name) or not isinstance(table, dict) or name.upper() in found:
            problems.append(f"{name}{where}: should be one table, named by letters, digits and _.")
            continue
        found[name.upper()], wrong = _connection(table, where)
        problems += wrong
    return found, problems


def _connection(table: Mapping[str, object], where: str) -> tuple[Connection, list[str]]:
    named = {name: value for name, value in table.items() if name in STORES}
    plain = {name: value for name, value in table.items() if name not in STORES}
    problems = [line for name, value in plain.items() for line in _plain_problems(name, value, where)]
    if len(named) > 1:
        problems.append(f"{' and '.join(named)}{where}: only one of them can be; leave the others out.")
    try:
        stores = StoreOptions.model_validate(named)
    except ValidationError as error:
        fields = StoreOptions.model_fields
        return Connection(), problems + wrong_values(error, fields, dict.fromkeys(fields, where))
    secret = next((f"{name}:{value}" for name, value in stores if value), "")
    return Connection(secret, {name: _text(value) for name, value in plain.items()}), problems


def _plain_problems(name: str, value: object, where: str) -> list[str]:
    if shown(name, "x") == STARS or shown("", str(value)) != str(value):
        return [f"{name}{where}: is a secret, and has no place in this file; put it into a store: docs/secrets.md."]
    if isinstance(value, dict | list):
        return [unknown(name, STORES, where)]
    return []


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
