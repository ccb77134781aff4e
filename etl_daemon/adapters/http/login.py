"""Who asks, as headers and parameters of a request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from etl_daemon.core.web.endpoint import Auth, Login, Pairs
from etl_daemon.errors import SetupError

FIELDS: Mapping[Login, tuple[str, ...]] = {
    Login.BEARER: ("token", "access_token"),
    Login.HEADER: ("api_key", "key", "token"),
    Login.QUERY: ("api_key", "key", "token"),
}
"""What a secret may call the one text that is needed; ``value`` is that of a secret without names."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is added to a request; it shows nothing of itself."""

    headers: Pairs = field(default=(), repr=False)
    params: Pairs = field(default=(), repr=False)


def proof(auth: Auth | None, secret: Mapping[str, str]) -> Proof:
    """The secret as the API takes it.

    Raises:
        SetupError: the secret lacks what is needed.
    """
    if auth is None:
        return Proof()
    if auth.kind is Login.BASIC:
        pair = f"{_one(auth, secret, ('username', 'user'))}:{_one(auth, secret, ('password',))}"
        return Proof(headers=(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"),))
    text = _one(auth, secret, (*FIELDS[auth.kind], "value"))
    if auth.kind is Login.BEARER:
        return Proof(headers=(("Authorization", f"Bearer {text}"),))
    if auth.kind is Login.HEADER:
        return Proof(headers=((auth.name, text),))
    return Proof(params=((auth.name, text),))


def _one(auth: Auth, secret: Mapping[str, str], names: tuple[str, ...]) -> str:
    text = next((secret[name] for name in names if secret.get(name)), "").strip()
    if not text:
        raise SetupError(f"The secret {auth.secret} has no {' or '.join(names)}.", hint=f"add it: {auth.kind} needs it")
    if auth.kind is not Login.QUERY and (not text.isprintable() or not text.isascii()):
        raise SetupError(f"The secret {auth.secret} has signs that no header takes.", hint="store it without line ends")
    return text
