"""Texts that must not be shown: what a secret store holds, by name, and the full name that says which store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from etl_daemon.errors import SetupError

STARS = "********"
PLAIN = "value"
"""The name of a secret that is one text without names."""
SCHEMES = ("ssm", "secretsmanager", "credential", "env")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that shows only to who asks for it."""

    _text: str

    def reveal(self) -> str:
        """The text itself; hand it on, and keep it nowhere."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({STARS})"

    def __str__(self) -> str:
        return STARS


Secrets = Mapping[str, Secret]


@dataclass(frozen=True, slots=True)
class Place:
    """``scheme`` is one of ``SCHEMES``; ``name`` is as the store calls it."""

    scheme: str
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"


def place(full_name: str) -> Place | None:
    """Where the secret is; None: the name is that of a connection.

    ``ssm:/prod/affiliate``, or the path alone; ``secretsmanager:prod/affiliate``, or an ARN; ``credential:affiliate``;
    ``env:AFFILIATE``.
    """
    if full_name.startswith("/"):
        return Place("ssm", full_name)
    if full_name.startswith("arn:"):
        return Place("secretsmanager", full_name)
    scheme, colon, name = full_name.partition(":")
    return Place(scheme, name) if colon and name and scheme in SCHEMES else None


class Revealed(dict[str, str]):
    """Secret texts by name, to be handed on; printing it shows the names alone."""

    def __repr__(self) -> str:
        return f"Revealed({', '.join(f'{name}={STARS}' for name in self)})"

    __str__ = __repr__


def revealed(secrets: Secrets) -> Revealed:
    """The texts themselves."""
    return Revealed({name: secret.reveal() for name, secret in secrets.items()})


def parsed(text: str, place: str) -> Secrets:
    """The fields of a JSON object; any other text is one secret, ``value``.

    Raises:
        SetupError: two fields have one name.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return {PLAIN: Secret(text)}
    return named(((name, _written(value)) for name, value in document.items() if value is not None), place)


def named(found: Iterable[tuple[str, str]], place: str) -> Secrets:
    """The texts under names of small letters, digits and ``_``, whatever they are called in their store.

    Raises:
        SetupError: two of them have one name then.
    """
    secrets: dict[str, Secret] = {}
    for name, text in found:
        simple = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        if simple in secrets:
            raise SetupError(f"{place} has {simple} twice.", hint="remove one of them; case and signs do not count")
        secrets[simple] = Secret(text)
    return secrets


def decoded(content: bytes, place: str) -> str:
    """The text that the bytes are.

    Raises:
        SetupError: they are none.
    """
    with suppress(UnicodeDecodeError):  # it holds the bytes, so nothing may come of it
        return content.decode()
    raise SetupError(f"{place} is no text.", hint="store UTF-8 text or a JSON object")


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
