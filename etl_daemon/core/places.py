"""Full names of secrets: which store, and the name in it."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMES = ("ssm", "secretsmanager", "credential", "env")


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
