"""Secrets that change while the process runs: it goes on with the new ones, and nothing has to be started again."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from etl_daemon.adapters.snowflake.session import SnowflakeSession
from etl_daemon.bootstrap.runtime import build
from etl_daemon.core.events import Event
from etl_daemon.core.events.side import SecretsRead, SecretsRenewed
from etl_daemon.errors import ConfigError, EtlError, SetupError, TransientError
from etl_daemon.vault import load_settings, open_vault, renewal, settings_from
from tests.support.aws import aws, put_parameters, put_secret
from tests.support.login_server import LoginServer, login_server
from tests.support.s3_servers import moto_server, s3_client
from tests.support.snowflake import Emulator

FIRST, SECOND = "Plant+1st!", "Plant+2nd!"
PRICES = "symbol,timestamp,open,high,low,close,volume\n{},2026-01-02,10,12,9,11,100\n"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(autouse=True)
def at_moto(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)


@pytest.fixture
def server() -> Iterator[LoginServer]:
    with login_server() as running:
        running.takes = by_password(FIRST)
        yield running


@pytest.fixture
def path(moto: str) -> str:
    path = f"/prod/{uuid4().hex}"
    put_parameters(moto, path, {"username": "loader", "password": FIRST})
    return path


def by_password(password: str) -> Callable[[dict[str, Any]], bool]:
    return lambda sent: sent.get("PASSWORD") == password


class Told(list[Event]):
    """The events so far."""

    @property
    def renewed(self) -> int:
        return sum(isinstance(event, SecretsRenewed) for event in self)


def session_of(server: LoginServer, told: Told, **values: object) -> SnowflakeSession:
    settings = settings_from(server.settings(**values))
    return SnowflakeSession(settings, renewal(settings, told.append))


def passwords(server: LoginServer) -> list[str]:
    return [str(sent.get("PASSWORD")) for sent in server.logins]


def log_in_again(session: SnowflakeSession) -> None:
    session.close()
    session.run("SELECT 1")


def refused(session: SnowflakeSession) -> EtlError:
    with pytest.raises(EtlError) as caught:
        log_in_again(session)
    assert FIRST not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("setting", ["SNOWFLAKE_SSM_PATH", "SNOWFLAKE_SECRET_ID"])
def test_a_refused_login_is_tried_with_the_new_password(
    moto: str, server: LoginServer, path: str, setting: str
) -> None:
    put_secret(moto, path, json.dumps({"username": "loader", "password": FIRST}))
    told = Told()
    session = session_of(server, told, **{setting: path})
    log_in_again(session)
    put_parameters(moto, path, {"password": SECOND})
    put_secret(moto, path, json.dumps({"username": "loader", "password": SECOND}))
    log_in_again(session)  # the old one still works: nobody asks the store
    server.takes = by_password(SECOND)
    log_in_again(session)
    log_in_again(session)
    assert passwords(server) == [FIRST, FIRST, FIRST, SECOND, SECOND]
    assert (told.renewed, [type(event) for event in told]) == (1, [SecretsRead, SecretsRenewed])
    assert SECOND not in f"{told} {session!r}"


def test_between_the_two_changes_work_waits_and_goes_on_by_itself(moto: str, server: LoginServer, path: str) -> None:
    """Snowflake has the new password before the store: an error that the loop bears, not one that ends it."""
    session = session_of(server, Told(), SNOWFLAKE_SSM_PATH=path)
    log_in_again(session)
    server.takes = by_password(SECOND)
    error = refused(session)
    assert type(error) is SetupError
    assert path in error.hint
    assert len(server.logins) == 2, "the same password is not tried twice: that locks users out"
    put_parameters(moto, path, {"password": "wrong"})
    assert type(refused(session)) is SetupError
    put_parameters(moto, path, {"password": SECOND})
    log_in_again(session)


def test_a_login_that_never_worked_is_a_wrong_setting(moto: str, server: LoginServer, path: str) -> None:
    server.takes = by_password("another")
    assert type(refused(session_of(server, Told(), SNOWFLAKE_SSM_PATH=path))) is ConfigError
    assert len(server.logins) == 1


def test_without_a_store_a_refused_login_stays_one(server: LoginServer) -> None:
    told = Told()
    session = session_of(server, told, SNOWFLAKE_USERNAME="loader", SNOWFLAKE_PASSWORD=FIRST)
    log_in_again(session)
    server.takes = by_password(SECOND)
    assert type(refused(session)) is ConfigError
    assert (len(server.logins), told) == (2, [])


def test_a_store_that_does_not_answer_then_is_asked_again_later(
    moto: str, server: LoginServer, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(server, Told(), SNOWFLAKE_SSM_PATH=path)
    log_in_again(session)
    server.takes = by_password(SECOND)
    put_parameters(moto, path, {"password": SECOND})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert type(refused(session)) is TransientError
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    log_in_again(session)


def test_a_path_that_is_emptied_does_not_end_the_process(moto: str, server: LoginServer, path: str) -> None:
    session = session_of(server, Told(), SNOWFLAKE_SSM_PATH=path)
    log_in_again(session)
    server.takes = by_password(SECOND)
    aws("ssm", moto).delete_parameters(Names=[f"{path}/username", f"{path}/password"])
    error = refused(session)
    assert type(error) is SetupError
    assert "no such parameter" in error.detail


def test_what_the_environment_sets_stays(moto: str, server: LoginServer, path: str) -> None:
    session = session_of(server, Told(), SNOWFLAKE_SSM_PATH=path, SNOWFLAKE_USERNAME="mine", SNOWFLAKE_WAREHOUSE="WH")
    log_in_again(session)
    put_parameters(moto, path, {"username": "theirs", "password": SECOND, "warehouse": "OTHER", "database": "OTHER"})
    server.takes = by_password(SECOND)
    log_in_again(session)
    assert [sent["LOGIN_NAME"] for sent in server.logins] == ["mine"] * 3
    assert all("warehouse=WH" in each for each in server.paths if "login-request" in each)


def key(passphrase: str) -> str:
    made = rsa.generate_private_key(65537, 2048)
    lock = BestAvailableEncryption(passphrase.encode())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


def issuer(sent: Mapping[str, Any]) -> str:
    """Who signed, with the fingerprint of the key."""
    claims = sent["TOKEN"].split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(f"{claims}=="))["iss"])


def test_a_key_pair_is_changed_with_its_passphrase(moto: str, server: LoginServer) -> None:
    path, told = f"/prod/{uuid4().hex}", Told()
    server.takes = lambda _: True
    put_parameters(moto, path, {"user": "loader", "private_key": key("one"), "passphrase": "one"})
    session = session_of(server, told, SNOWFLAKE_SSM_PATH=path)
    log_in_again(session)
    old = issuer(server.logins[0])
    server.takes = lambda sent: issuer(sent) != old
    put_parameters(moto, path, {"private_key": key("two")})
    assert "passphrase" in refused(session).detail  # half of the change; nothing is sent to Snowflake
    put_parameters(moto, path, {"passphrase": "two"})
    log_in_again(session)
    assert [issuer(sent) == old for sent in server.logins] == [True, True, True, False]


# ---------------------------------------------------------------- the whole corridor


@pytest.fixture
def strict(snowflake: Emulator, snowflake_database: str) -> Iterator[tuple[Emulator, str]]:
    """A Snowflake that takes one password only, and a database in it."""
    snowflake.require_password(FIRST)
    yield snowflake, snowflake_database
    snowflake.require_password(None)


def test_the_cycle_after_a_rotation_works_without_a_restart(
    moto: str, strict: tuple[Emulator, str], tmp_path: Path
) -> None:
    emulator, database = strict
    bucket, path = f"b-{uuid4().hex}", f"/prod/{uuid4().hex}"
    given = {**emulator.settings(), "SNOWFLAKE_DATABASE": database, "ETL_DESTINATION": "snowflake"}
    put_parameters(moto, path, {"username": given.pop("SNOWFLAKE_USERNAME"), "password": FIRST})
    del given["SNOWFLAKE_PASSWORD"]
    given |= {"S3_BUCKET": bucket, "SNOWFLAKE_SSM_PATH": path, "ETL_STATE_DIR": str(tmp_path)}
    client, told = s3_client(moto), Told()
    client.create_bucket(Bucket=bucket)

    def arrives(symbol: str) -> None:
        client.put_object(Bucket=bucket, Key=f"processed/price_data/{symbol}.csv", Body=PRICES.format(symbol).encode())

    class Listening:
        def notice(self, event: Event) -> None:
            told.append(event)

    with build(load_settings(given), [Listening()]) as runtime:
        daemon = runtime.daemon()
        arrives("AAPL")
        assert not any(report.failed for report in daemon.cycle())
        put_parameters(moto, path, {"password": SECOND})
        emulator.require_password(SECOND)
        emulator.fault("BEGIN", action="error", errno=390114, message="Authentication token has expired.")
        arrives("MSFT")
        daemon.cycle()  # its session ends within
        assert not any(report.failed for report in daemon.cycle())
    assert told.renewed == 1
    emulator.require_password(None)
    rows = emulator.run(f"SELECT SYMBOL FROM {database}.MARKET_DATA.PRICE_DATA ORDER BY 1")
    assert rows == [("AAPL",), ("MSFT",)]
    assert SECOND not in f"{told} {runtime.settings!r}"


# ---------------------------------------------------------------- sources


@contextmanager
def guarded(passwords: Mapping[str, str]) -> Iterator[str]:
    """The address of a source that answers to the user loader only, with the password that ``passwords`` has now."""

    class Guarded(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = base64.b64encode(f"loader:{passwords['now']}".encode()).decode()
            self.send_response(200 if self.headers.get("Authorization") == f"Basic {wanted}" else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_a_source_is_read_on_with_its_new_password(moto: str, path: str) -> None:
    told, accepted = Told(), {"now": FIRST}

    def fetch(secrets: Mapping[str, str]) -> int:
        return httpx.get(url, auth=(secrets["username"], secrets["password"])).raise_for_status().status_code

    def unauthorized(error: Exception) -> bool:
        return isinstance(error, httpx.HTTPStatusError) and error.response.status_code == 401

    vault = open_vault(settings_from({"AFFILIATE_SSM_PATH": path}), told.append)
    with guarded(accepted) as url:
        assert vault.with_secret("AFFILIATE", fetch, unauthorized) == 200
        accepted["now"] = SECOND
        with pytest.raises(httpx.HTTPStatusError):
            vault.with_secret("affiliate", fetch, unauthorized)
        put_parameters(moto, path, {"password": SECOND})
        assert vault.with_secret("affiliate", fetch, unauthorized) == 200
    vault.close()
    assert told == [SecretsRenewed("", "affiliate")]
