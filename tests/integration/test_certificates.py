"""Whoever cannot show by a certificate that they are who we ask for gets nothing: no request, no login, no secret."""

from __future__ import annotations

import ast
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
import trustme

import etl_daemon
from etl_daemon.adapters.lineage.transport import Address, transport
from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.document import S3Document
from etl_daemon.adapters.s3.source import S3Source
from etl_daemon.adapters.snowflake.session import SnowflakeSession
from etl_daemon.adapters.sql.connect import _connection
from etl_daemon.adapters.sql.failures import translated
from etl_daemon.adapters.sql.proof import proof
from etl_daemon.config import settings_from
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.core.web.endpoint import Endpoint as Api
from etl_daemon.core.web.endpoint import Request
from etl_daemon.errors import EtlError, SetupError

PATIENCE_SECONDS = 20.0
SECRET = b"hunter2"
HERE = Path(etl_daemon.__file__).parent
MYSQL_GREETING = (
    b"\x0a8.0.0\0" + struct.pack("<I", 1) + b"a" * 8 + b"\0" + struct.pack("<HBHH", 0xFFFF, 45, 2, 0xFFFF)
    + b"\x15" + b"\0" * 10 + b"b" * 12 + b"\0" + b"mysql_native_password\0"
)  # fmt: skip
"""A server of MySQL that can do all, TLS among it."""


@contextmanager
def stranger(begin: Callable[[socket.socket], None] = lambda _: None) -> Iterator[tuple[int, list[bytes]]]:
    """Somebody with a certificate of an unknown authority, and what was said to them; ``begin`` comes before TLS."""
    context, heard = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), list[bytes]()
    trustme.CA().issue_cert("127.0.0.1", "localhost", "db.example").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                with suppress(OSError), server.accept()[0] as client:
                    client.settimeout(PATIENCE_SECONDS)
                    begin(client)
                    with context.wrap_socket(client, server_side=True) as safe:
                        heard.append(safe.recv(65536))
                if server.fileno() < 0:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield port, heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


RETRIES = Retries(RetryPolicy(attempts=1, delay_seconds=0.01, timeout_seconds=5))


def list_s3(port: int) -> object:
    return list(S3Source(RETRIES, Endpoint("us-east-1", f"https://localhost:{port}")).list("bucket", ""))


def fetch_s3(port: int) -> object:
    ref = ObjectRef(datetime.now(UTC), "k", "1", "bucket", "1", 1)
    return S3Source(RETRIES, Endpoint("us-east-1", f"https://localhost:{port}")).fetch(ref)


def lease_s3(port: int) -> object:
    return S3Document("bucket", "k", 5, Endpoint("us-east-1", f"https://localhost:{port}"), hint="").read()


def ask_api(port: int, folder: Path = Path()) -> object:
    from etl_daemon.adapters.http.client import HttpWeb
    from etl_daemon.core.web.endpoint import NONE

    api = Api(Request(f"https://localhost:{port}/x"), "data/x/")
    return HttpWeb(api, RETRIES).fetch(api.first, NONE, folder / "body")


def tell_lineage(port: int) -> object:
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

    run, job = Run("01941f29-7c00-7000-8000-000000000000"), Job("n", "j")
    event = RunEvent(eventType=RunState.START, eventTime="2026-01-01T00:00:00Z", run=run, job=job, producer="https://p")
    return transport(Address(f"https://localhost:{port}", SECRET.decode())).emit(event)


def log_in(port: int) -> object:
    given = {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_USERNAME": "u", "SNOWFLAKE_PASSWORD": SECRET.decode()}
    server = {"SNOWFLAKE_HOST": "localhost", "SNOWFLAKE_PORT": port, "ETL_TIMEOUT": 1, "ETL_DESTINATION": "snowflake"}
    return SnowflakeSession(settings_from({**given, **server})).rows("SELECT 1")


@pytest.mark.parametrize("ask", [list_s3, fetch_s3, lease_s3, ask_api, tell_lineage, log_in])
def test_a_stranger_hears_nothing(ask: Callable[[int], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail and webhooks: ``test_alert_channels.py``."""
    for name, value in (("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", SECRET.decode())):
        monkeypatch.setenv(name, value)
    with stranger() as (port, heard):
        with pytest.raises((EtlError, requests.exceptions.SSLError)) as caught:
            ask(port)
        assert heard == []
    assert SECRET.decode() not in str(caught.value)


def answer_postgres(client: socket.socket) -> None:
    client.recv(8)
    client.sendall(b"S")


def answer_mysql(client: socket.socket) -> None:
    client.sendall(struct.pack("<I", len(MYSQL_GREETING)) + MYSQL_GREETING)
    client.recv(36)


def refuse_postgres(client: socket.socket) -> None:
    client.recv(8)
    client.sendall(b"N")


@pytest.mark.parametrize("begin", [answer_postgres, refuse_postgres])
def test_a_postgresql_server_shows_who_it_is(begin: Callable[[socket.socket], None]) -> None:
    with stranger(begin) as (port, heard):
        url = f"postgresql+psycopg://u:{SECRET.decode()}@db.example:{port}/d?hostaddr=127.0.0.1"
        with pytest.raises(SetupError) as caught, translated("Connecting"):
            _connection(sa.make_url(url), 5)
        assert "SSL_CERT_FILE" in caught.value.hint
        assert heard == []


def test_a_mysql_server_shows_who_it_is() -> None:
    import pymysql

    with stranger(answer_mysql) as (port, heard):
        given = proof(sa.make_url("mysql+pymysql://db.example/d"))
        with pytest.raises(SetupError) as caught, translated("Connecting"):
            pymysql.connect(host="localhost", port=port, user="u", password=SECRET.decode(), **given)
        assert "SSL_CERT_FILE" in caught.value.hint
        assert heard == []


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("postgresql+psycopg://db.example/d", True),
        ("postgresql+psycopg:///d?host=localhost&host=db.example", True),
        ("postgresql+psycopg://10.0.0.1/d", True),
        ("mariadb+pymysql://127.example.com/d", True),
        ("mysql+pymysql://db.example/d?charset=utf8mb4", True),
        ("postgresql+psycopg:///d", False),
        ("postgresql+psycopg:///d?host=/run/postgresql", False),
        ("postgresql+psycopg://localhost/d", False),
        ("postgresql+psycopg://127.0.0.2/d", False),
        ("postgresql+psycopg://[::1]/d", False),
        ("postgresql+psycopg://db.example/d?sslmode=disable", False),
        ("postgresql+psycopg:///?service=shop", False),
        ("mysql+pymysql://db.example/d?ssl_ca=/ca.pem", False),
        ("mysql+pymysql://db.example/d?ssl_disabled=true", False),
    ],
)
def test_who_is_asked_for_a_certificate(url: str, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = proof(sa.make_url(url))
    assert bool(made) == asked
    assert made.get("sslmode", "verify-full") == "verify-full"
    if context := made.get("ssl"):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    monkeypatch.setenv("PGSSLMODE", "require")
    assert bool(proof(sa.make_url(url))) == (asked and "pymysql" in url)


SWITCHES = {
    "verify", "insecure_mode", "check_hostname", "verify_mode", "allow_invalid_certificates", "allow_invalid_hostnames",
    "cert_reqs", "assert_hostname", "ssl_verify_cert", "ssl_verify_identity", "disable_ocsp_checks", "ocsp_fail_open",
    "disable_warnings", "_create_unverified_context", "CERT_NONE", "CERT_OPTIONAL", "use_ssl",
}  # fmt: skip
"""By these names libraries let themselves be told to look at no certificate."""


def named(tree: ast.AST) -> Iterator[object]:
    """What a program passes, sets and uses, and the keys of its options."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (key.value for key, value in pairs if isinstance(key, ast.Constant) and _is_plain(value))


def _is_plain(value: ast.expr) -> bool:
    """Whether it may be what a switch is set to: no list of anything is."""
    return not isinstance(value, ast.Tuple | ast.List | ast.Dict)


def test_nothing_in_the_code_turns_the_look_at_certificates_off() -> None:
    files = [*HERE.rglob("*.py"), *(HERE.parent / "scripts").rglob("*.py"), *(HERE.parent / "deploy").rglob("*.py")]
    found = {path.name: names for path in files if (names := SWITCHES & set(named(ast.parse(path.read_text("utf-8")))))}
    assert found == {}
    assert SWITCHES & set(named(ast.parse("httpx.get(u, verify=False)"))) == {"verify"}
    assert SWITCHES & set(named(ast.parse("options = {'verify': strict}"))) == {"verify"}


def test_no_setting_turns_it_off() -> None:
    from etl_daemon.config import Settings

    names = [
        name for name in Settings.model_fields if any(word in name for word in ("tls", "ssl", "verify", "insecure"))
    ]
    assert names == ["smtp_tls"], "without encryption it sends no password: test_alert_channels.py"
