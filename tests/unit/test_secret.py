"""Secrets do not show, and their names say where they are."""

from __future__ import annotations

import json
import pickle
import traceback
from dataclasses import replace

import pytest

from etl_daemon.core.secret import Place, Revealed, Secret, named, parsed, place, revealed
from etl_daemon.errors import SetupError

PLANTED = "planted-9f3"


def test_a_secret_shows_only_to_who_asks() -> None:
    secret = Secret(PLANTED)
    assert secret.reveal() == PLANTED
    assert PLANTED not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret(PLANTED) != Secret("another")


def test_revealed_ones_can_be_used_and_do_not_print() -> None:
    found = revealed({"password": Secret(PLANTED)})
    assert dict(found) == {"password": PLANTED}
    assert json.loads(json.dumps(found)) == {"password": PLANTED}
    assert f"{found} {found!r} {[found]}" == " ".join(
        ["Revealed(password=********)"] * 2 + ["[Revealed(password=********)]"]
    )


def test_a_traceback_shows_none() -> None:
    def attempt(given: Revealed) -> None:
        raise ValueError(f"no login with {given}")

    with pytest.raises(ValueError, match="no login") as caught:
        attempt(Revealed(password=PLANTED))
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_names_are_simple_and_one_each() -> None:
    assert set(named([("/oauth/Client-Id", "1"), ("USERNAME", "2")], "x")) == {"oauth_client_id", "username"}
    with pytest.raises(SetupError, match="client_id twice") as caught:
        named([("client-id", PLANTED), ("CLIENT_ID", "2")], "SSM /x")
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize("text", ["", "text", "[1]", "5432", '"text"', "{broken"])
def test_what_is_no_object_is_one_secret(text: str) -> None:
    assert revealed(parsed(text, "x")) == {"value": text}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/prod/x", Place("ssm", "/prod/x")),
        ("ssm:/prod/x", Place("ssm", "/prod/x")),
        ("secretsmanager:prod/x", Place("secretsmanager", "prod/x")),
        ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x", None),
        ("credential:ops", Place("credential", "ops")),
        ("env:OPS", Place("env", "OPS")),
        ("OPS", None),
        ("ssm:", None),
        ("vault:x", None),
    ],
)
def test_full_names_name_a_store(name: str, expected: Place | None) -> None:
    assert place(name) == (Place("secretsmanager", name) if name.startswith("arn:") else expected)


def test_a_secret_travels_as_it_is() -> None:
    assert pickle.loads(pickle.dumps(Secret(PLANTED))) == Secret(PLANTED)
    assert replace(Secret("x")) == Secret("x")
