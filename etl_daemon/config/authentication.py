"""Which way to log in to Snowflake the settings choose, and what is missing or too much for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """A way to log in without anybody at a screen, by the name that Snowflake's clients know; the best first."""

    KEY_PAIR = "snowflake_jwt"
    WORKLOAD_IDENTITY = "workload_identity"
    ACCESS_TOKEN = "programmatic_access_token"  # noqa: S105  # a name
    OAUTH_TOKEN = "oauth"  # noqa: S105  # a name
    CLIENT_CREDENTIALS = "oauth_client_credentials"
    PASSWORD = "snowflake"  # noqa: S105  # a name


class Provider(StrEnum):
    """Who vouches for this machine."""

    AWS = "AWS"
    AZURE = "AZURE"
    GCP = "GCP"
    OIDC = "OIDC"


@dataclass(frozen=True, slots=True)
class _Needs:
    """Settings that a method needs: each of ``all_of``, and exactly one of ``one_of`` if there are any."""

    all_of: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()


_KEYS = ("SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_PRIVATE_KEY")
_TOKENS = ("SNOWFLAKE_TOKEN_FILE_PATH", "SNOWFLAKE_TOKEN")
_PROVIDER = "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER"
_PASSPHRASE = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"  # noqa: S105  # a name
_PASSWORD = "SNOWFLAKE_PASSWORD"  # noqa: S105  # a name
_CLIENT = tuple(f"SNOWFLAKE_OAUTH_{name}" for name in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN_REQUEST_URL"))

NEEDS: Mapping[Method, _Needs] = {
    Method.KEY_PAIR: _Needs(("SNOWFLAKE_USERNAME",), _KEYS),
    Method.WORKLOAD_IDENTITY: _Needs((_PROVIDER,)),
    Method.ACCESS_TOKEN: _Needs(("SNOWFLAKE_USERNAME",), _TOKENS),
    Method.OAUTH_TOKEN: _Needs((), _TOKENS),
    Method.CLIENT_CREDENTIALS: _Needs(_CLIENT),
    Method.PASSWORD: _Needs(("SNOWFLAKE_USERNAME", _PASSWORD)),
}

_MARKS: Mapping[Method, tuple[str, ...]] = {
    Method.KEY_PAIR: (*_KEYS, _PASSPHRASE),
    Method.WORKLOAD_IDENTITY: (_PROVIDER,),
    Method.CLIENT_CREDENTIALS: (*_CLIENT, "SNOWFLAKE_OAUTH_SCOPE"),
    Method.ACCESS_TOKEN: _TOKENS,
    Method.PASSWORD: (_PASSWORD,),
}
"""Settings that only make sense with a method, and so choose it where SNOWFLAKE_AUTHENTICATOR does not."""

LOGIN = frozenset(
    {"SNOWFLAKE_AUTHENTICATOR", "SNOWFLAKE_USERNAME"}
    | {name for needs in NEEDS.values() for name in (*needs.all_of, *needs.one_of)}
    | {name for marks in _MARKS.values() for name in marks}
)
"""All settings of which a login is made, whichever way; not where it goes to."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The method, if the settings choose one, and a line for each problem."""

    method: Method | None
    problems: tuple[str, ...] = ()


def choose(given: Mapping[str, object]) -> Choice:
    """How to log in. ``given`` has the settings that are set, by name; SNOWFLAKE_AUTHENTICATOR decides if it is set.

    Without it, settings that point to more than one method contradict each other: nothing is tried in turn.
    """
    named = str(given.get("SNOWFLAKE_AUTHENTICATOR") or "").lower()
    if named and named not in list(Method):
        return Choice(None)  # the setting's own check says what it may be
    marked = {
        method: names for method, marks in _MARKS.items() if (names := [name for name in marks if given.get(name)])
    }
    if _by_oidc(given):
        marked.pop(Method.ACCESS_TOKEN, None)  # the token is the identity
    if named:
        method = Method(named)
    elif len(marked) > 1:
        return Choice(None, (_contradiction(marked),))
    elif marked:
        method = next(iter(marked))
    else:
        return Choice(None, (_nothing(),))
    return Choice(method, (*_gaps(method, given), *_pairs(given)))


def _by_oidc(given: Mapping[str, object]) -> bool:
    return str(given.get(_PROVIDER, "")).upper() == Provider.OIDC


def _gaps(method: Method, given: Mapping[str, object]) -> list[str]:
    needs = NEEDS[method]
    one_of = needs.one_of
    if method is Method.WORKLOAD_IDENTITY and _by_oidc(given):
        one_of = _TOKENS
    wanted = f"must be set to log in by {method}."
    lines = [f"{name}: {wanted}" for name in needs.all_of if not given.get(name)]
    if one_of and not any(given.get(name) for name in one_of):
        lines.append(f"{' or '.join(one_of)}: {wanted}")
    return lines


def _pairs(given: Mapping[str, object]) -> list[str]:
    both = [names for names in (_KEYS, _TOKENS) if all(given.get(name) for name in names)]
    return [f"{' and '.join(names)}: only one of them can be used; unset the other." for names in both]


def _contradiction(marked: Mapping[Method, list[str]]) -> str:
    ways = "; ".join(f"{method} by {' '.join(names)}" for method, names in marked.items())
    best = next(method for method in Method if method in marked)
    return f"SNOWFLAKE_AUTHENTICATOR: the settings name several ways to log in ({ways}). Set it, for example to {best}."


def _nothing() -> str:
    return (
        "SNOWFLAKE_PRIVATE_KEY_PATH: nothing says how to log in; set it and SNOWFLAKE_USERNAME, "
        "or take another way of docs/snowflake.md."
    )
