"""What the real connector sends for each way to log in, taken down by a server on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from etl_daemon.adapters.snowflake.session import SnowflakeSession
from etl_daemon.config import settings_from
from etl_daemon.errors import ConfigError, EtlError, SetupError, TransientError
from tests.support.login_server import LoginServer, login_server

USER = {"SNOWFLAKE_USERNAME": "loader"}
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
IDENTITY = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"none"}', b"{}", b"s"))


@pytest.fixture
def server() -> Iterator[LoginServer]:
    with login_server() as running:
        yield running


def login(server: LoginServer, **values: object) -> dict[str, object]:
    """What one login sent; the first use of a session opens its connection."""
    session = SnowflakeSession(settings_from(server.settings(**values)))
    session.run("SELECT 1")
    session.close()
    assert len(server.logins) == 1
    return server.logins[0]


def refusal(server: LoginServer, **values: object) -> EtlError:
    with pytest.raises(EtlError) as caught:
        SnowflakeSession(settings_from(server.settings(**values))).rows("SELECT 1")
    return caught.value


def decoded(token: str) -> tuple[dict[str, object], dict[str, object]]:
    header, claims, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))


def check_signature(token: str) -> None:
    signed, _, signature = token.rpartition(".")
    KEY.public_key().verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), padding.PKCS1v15(), SHA256())


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_key_pair_sends_a_token_signed_with_the_key(
    server: LoginServer, tmp_path: Path, passphrase: str | None
) -> None:
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    file = tmp_path / "rsa_key.p8"
    file.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    sent = login(server, SNOWFLAKE_PRIVATE_KEY_PATH=file, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE=passphrase, **USER)
    assert (sent["AUTHENTICATOR"], sent["LOGIN_NAME"], sent["ACCOUNT_NAME"]) == (
        "SNOWFLAKE_JWT",
        "loader",
        "org-account",
    )
    assert "PASSWORD" not in sent
    check_signature(sent["TOKEN"])
    header, claims = decoded(sent["TOKEN"])
    fingerprint = base64.b64encode(hashlib.sha256(PUBLIC).digest()).decode()
    assert header["alg"] == "RS256"
    assert claims["sub"] == "ORG-ACCOUNT.LOADER"
    assert claims["iss"] == f"ORG-ACCOUNT.LOADER.SHA256:{fingerprint}"
    assert claims["iat"] <= time.time() < claims["exp"] <= claims["iat"] + 3600


def test_key_pair_as_text(server: LoginServer) -> None:
    text = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().replace("\n", "\\n")
    check_signature(login(server, SNOWFLAKE_PRIVATE_KEY=text, **USER)["TOKEN"])


def test_programmatic_access_token(server: LoginServer) -> None:
    sent = login(server, SNOWFLAKE_TOKEN="access", **USER)
    assert (sent["AUTHENTICATOR"], sent["TOKEN"], sent["LOGIN_NAME"]) == (
        "PROGRAMMATIC_ACCESS_TOKEN",
        "access",
        "loader",
    )


def test_a_token_file_is_read_for_each_connection(server: LoginServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    session = SnowflakeSession(settings_from(server.settings(SNOWFLAKE_TOKEN_FILE_PATH=_written(file, "one"), **USER)))
    for content in ("one", "two"):
        _written(file, content)
        session.run("SELECT 1")
        session.close()
    assert [sent["TOKEN"] for sent in server.logins] == ["one", "two"]


def _written(file: Path, content: str) -> Path:
    file.write_text(content + "\n")
    file.chmod(0o600)
    return file


def test_oauth_token(server: LoginServer) -> None:
    sent = login(server, SNOWFLAKE_TOKEN="access", SNOWFLAKE_AUTHENTICATOR="oauth")
    assert (sent["AUTHENTICATOR"], sent["TOKEN"]) == ("OAUTH", "access")


def client(server: LoginServer) -> dict[str, object]:
    return {
        "SNOWFLAKE_OAUTH_CLIENT_ID": "client",
        "SNOWFLAKE_OAUTH_CLIENT_SECRET": "s3cret",
        "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.port}/oauth/token",
        "SNOWFLAKE_OAUTH_SCOPE": "session:role:LOADER",
    }


def test_oauth_client_credentials_fetch_a_token_first(server: LoginServer) -> None:
    sent = login(server, **client(server))
    ((authorization, form),) = server.forms
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"client:s3cret"
    assert form == "grant_type=client_credentials&scope=session%3Arole%3ALOADER"
    assert (sent["AUTHENTICATOR"], sent["TOKEN"]) == ("OAUTH", "FROM-CLIENT")


def test_an_oauth_client_that_is_refused(server: LoginServer) -> None:
    server.token_status = 401
    error = refusal(server, **client(server))
    assert isinstance(error, ConfigError)
    assert "SNOWFLAKE_OAUTH_CLIENT_SECRET" in error.hint
    assert "s3cret" not in str(error)


@pytest.fixture
def trusted_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector vouches to Snowflake's own hosts only, unless told."""
    monkeypatch.setenv("SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES", "127.0.0.1")


@pytest.mark.usefixtures("trusted_host")
def test_workload_identity_of_oidc_sends_the_token(server: LoginServer) -> None:
    sent = login(server, SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER="OIDC", SNOWFLAKE_TOKEN=IDENTITY, **USER)
    assert (sent["AUTHENTICATOR"], sent["PROVIDER"], sent["TOKEN"]) == ("WORKLOAD_IDENTITY", "OIDC", IDENTITY)
    assert "LOGIN_NAME" not in sent  # the identity names the user


@pytest.mark.usefixtures("trusted_host")
def test_workload_identity_of_aws_sends_a_signed_question_who_we_are(server: LoginServer) -> None:
    sent = login(server, SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER="aws")
    question = json.loads(base64.b64decode(sent["TOKEN"]))
    assert sent["PROVIDER"] == "AWS"
    assert "Action=GetCallerIdentity" in question["url"]
    assert "Credential=TESTAK/" in question["headers"]["Authorization"]


@pytest.mark.usefixtures("trusted_host")
def test_workload_identity_of_azure_asks_the_machine_for_its_token(
    server: LoginServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.port}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "made-up")
    sent = login(server, SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER="AZURE")
    assert server.paths[0].startswith("/identity?resource=api://")
    assert (sent["PROVIDER"], sent["TOKEN"]) == ("AZURE", "FROM.AZURE.MACHINE")


def test_password(server: LoginServer) -> None:
    sent = login(server, SNOWFLAKE_PASSWORD="p4ss", **USER)
    assert (sent["LOGIN_NAME"], sent["PASSWORD"], sent.get("TOKEN")) == ("loader", "p4ss", None)


def test_what_every_login_says(server: LoginServer) -> None:
    sent = login(server, SNOWFLAKE_TOKEN="t", SNOWFLAKE_WAREHOUSE="WH", SNOWFLAKE_ROLE="R", **USER)
    assert sent["CLIENT_ENVIRONMENT"]["APPLICATION"] == "etl_daemon"
    assert server.paths[0].endswith("?databaseName=FINANCIAL_DATA&schemaName=MARKET_DATA&warehouse=WH&roleName=R")
    expected = {
        "AUTOCOMMIT": "true",
        "TIMEZONE": "UTC",
        "TRANSACTION_ABORT_ON_ERROR": "true",
        "LOCK_TIMEOUT": "7200",
        "STATEMENT_TIMEOUT_IN_SECONDS": "3600",
        "ABORT_DETACHED_QUERY": "true",
    }
    assert {name: sent["SESSION_PARAMETERS"].get(name) for name in expected} == expected
    assert "QUERY_TAG" not in sent["SESSION_PARAMETERS"]  # it travels with each statement


def test_no_cloud_is_asked_whether_we_run_there(server: LoginServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION")
    login(server, SNOWFLAKE_TOKEN="t", **USER)
    assert os.environ["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] == "true"


@pytest.mark.parametrize(
    ("code", "status", "kind", "hint"),
    [
        (390100, 200, ConfigError, "SNOWFLAKE_PASSWORD"),
        (390144, 200, ConfigError, "RSA_PUBLIC_KEY_FP"),
        (394508, 200, ConfigError, "key pair"),
        (390189, 200, SetupError, "SNOWFLAKE_ROLE"),
        (390422, 200, SetupError, "network policy"),
        (1, 404, ConfigError, "SNOWFLAKE_ACCOUNT"),
        (1, 403, ConfigError, "SNOWFLAKE_ACCOUNT"),
        (1, 503, TransientError, "network"),
    ],
)
def test_a_refused_login_says_what_to_do(
    server: LoginServer, code: int, status: int, kind: type[EtlError], hint: str
) -> None:
    server.refuse_with, server.status = code, status
    error = refusal(server, SNOWFLAKE_PASSWORD="p4ss", **USER)
    assert type(error) is kind
    assert hint in error.hint
    assert "p4ss" not in str(error)


def test_nobody_answers(server: LoginServer) -> None:
    error = refusal(server, SNOWFLAKE_PORT=1, SNOWFLAKE_PASSWORD="p", ETL_TIMEOUT=1, **USER)
    assert type(error) is TransientError
    assert "SNOWFLAKE_HOST" in error.hint


def test_a_wrong_passphrase_reaches_no_server(server: LoginServer) -> None:
    text = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right")).decode()
    error = refusal(server, SNOWFLAKE_PRIVATE_KEY=text, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE="wrong", **USER)
    assert type(error) is ConfigError
    assert server.paths == []
