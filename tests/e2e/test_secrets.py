"""No secret comes out: each setting that can hold one has its own, everything fails, and all output is searched."""

from __future__ import annotations

import base64
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from etl_daemon.config import Settings, settings_from
from etl_daemon.config.authentication import NEEDS, Method, Provider
from tests.support.command import Ended, Shell
from tests.support.echo_server import echo_server
from tests.support.secrets import AWS_ENDPOINT, OF_AWS, PASSPHRASE, Planted, bearing, plant, secret
from tests.support.watching import Watched

IMPATIENT = {"LOG_LEVEL": "DEBUG", "ETL_TIMEOUT": 1, "ETL_MAX_RETRIES": 1, "ETL_RETRY_DELAY": 0, "ETL_LEASE_SECONDS": 1}
OF_S3 = (*OF_AWS, AWS_ENDPOINT)
OTHERS = [name for name in bearing() if not name.startswith("SNOWFLAKE_")]
LOGIN = {"ETL_DESTINATION": "snowflake", "SNOWFLAKE_ACCOUNT": "org-account", "SNOWFLAKE_USERNAME": "loader"}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which connections are refused, and which nobody else can take."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def planted(tmp_path: Path, closed_port: int) -> Planted:
    return plant(tmp_path, closed_port)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "bucket").mkdir()
    return Shell(tmp_path, {**IMPATIENT, "S3_BUCKET": "market-data", "ETL_LOCAL_DIR": tmp_path / "bucket"})


def check(planted: Planted, *texts: str) -> None:
    assert planted.leaked("\n".join(texts)) == {}


def told(ended: Ended) -> str:
    return ended.out + ended.err


def test_a_leak_would_be_found(planted: Planted) -> None:
    known = {
        "SNOWFLAKE_PASSWORD",
        "SNOWFLAKE_TOKEN",
        "SNOWFLAKE_OAUTH_CLIENT_SECRET",
        "SNOWFLAKE_PRIVATE_KEY",
        PASSPHRASE,
    }
    assert known | {"SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL"} <= set(bearing())
    text = secret("SNOWFLAKE_PASSWORD")
    basic = base64.b64encode(f"loader:{text}".encode()).decode()
    for form in (text, quote(text, safe=""), basic, repr({"password": text})):
        assert list(planted.leaked(f"odd: {form}.")) == ["SNOWFLAKE_PASSWORD"]
    assert planted.leaked(planted.values["SNOWFLAKE_PRIVATE_KEY"].replace(r"\n", "")[200:400])


@pytest.mark.parametrize(
    "words",
    [
        "check",
        "check --json",
        "once",
        "once --json",
        "status",
        "init --json",
        "audit --json",
        "monitor",
        "check --alerts",
    ],
)
def test_with_an_object_store_that_fails(words: str, planted: Planted, shell: Shell) -> None:
    ended = shell.run(*words.split(), **planted.values)
    assert ended.code in {0, 1}
    check(planted, told(ended))
    if words.startswith("once"):
        assert "********" in ended.err, "settings are shown, with stars"
        assert "retried" in ended.err


def test_with_an_object_store_that_says_back_what_it_was_told(tmp_path: Path, shell: Shell) -> None:
    with echo_server() as port:
        planted = plant(tmp_path, port)
        ended = shell.run("once", **{**planted.values, AWS_ENDPOINT: f"http://127.0.0.1:{port}"}, ETL_LEASE_URL="none")
    assert ended.code == 1
    assert "InvalidToken" in ended.err
    check(planted, told(ended))


def test_with_a_proxy_that_fails(planted: Planted, shell: Shell) -> None:
    proxy = planted.values[AWS_ENDPOINT]
    given = {**planted.values, AWS_ENDPOINT: "http://store.invalid", "HTTP_PROXY": proxy, "http_proxy": proxy}
    ended = shell.run("once", **given, ETL_LEASE_URL="none")
    assert ended.code == 1
    assert "proxy" in ended.err
    check(planted, told(ended))


BARS = """symbol,timestamp,open,high,low,close,volume
AAPL,2025-06-02,1,2,1,2,5
BAD1,2025-06-02,1,2,1,2,5
"""


@pytest.mark.parametrize("echo", [False, True])
def test_with_observers_that_fail(echo: bool, tmp_path: Path, shell: Shell, closed_port: int) -> None:
    """A batch is loaded, so that whoever is told of batches and of what is amiss cannot be."""
    (tmp_path / "bucket/processed/price_data").mkdir(parents=True)
    (tmp_path / "bucket/processed/price_data/a.csv").write_text(BARS)
    mail = {"ALERT_EMAIL": "ops@example.org", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": closed_port}
    with echo_server() as port:
        planted = plant(tmp_path, port if echo else closed_port)
        ended = shell.run("once", **planted.values, **mail, SMTP_USERNAME="me", ETL_SOURCE="local")
    assert ended.code == 0
    for event in ("batch_committed", "lineage_failing", "alert_failed"):
        assert f'"{event}"' in ended.err
    check(planted, told(ended))


def login(method: Method, planted: Planted, port: int) -> dict[str, object]:
    """What it takes to log in that way, and all secrets that have nothing to do with it."""
    needs = NEEDS[method]
    names = [*needs.all_of, *needs.one_of[:1], *([PASSPHRASE] if method is Method.KEY_PAIR else []), *OTHERS, *OF_S3]
    given: dict[str, object] = {name: planted.values[name] for name in names if name in planted.values}
    if method is Method.WORKLOAD_IDENTITY:
        given |= {"SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": Provider.OIDC, **planted.of(["SNOWFLAKE_TOKEN"])}
    if "SNOWFLAKE_OAUTH_CLIENT_ID" in names:
        given["SNOWFLAKE_OAUTH_CLIENT_ID"] = "client"
    server = {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": port, "SNOWFLAKE_PROTOCOL": "http"}
    return {**LOGIN, **server, **given, "SNOWFLAKE_AUTHENTICATOR": method, "ETL_SOURCE": "local"}


@pytest.mark.parametrize("words", ["check", "once --json"])
@pytest.mark.parametrize("method", Method)
def test_with_a_login_that_fails(method: Method, words: str, planted: Planted, shell: Shell, closed_port: int) -> None:
    file = shell.folder / "etl.log"
    ended = shell.run(*words.split(), **login(method, planted, closed_port), LOG_FILE=file)
    assert ended.code in {1, 78}, told(ended)
    check(planted, told(ended), file.read_text() if file.exists() else "")
    assert "login" in told(ended) or "onnect" in told(ended)


@pytest.mark.parametrize("method", Method)
def test_with_a_login_that_says_back_what_it_was_told(method: Method, tmp_path: Path, shell: Shell) -> None:
    with echo_server() as port:
        planted = plant(tmp_path, port)
        ended = shell.run("once", **login(method, planted, port))
    assert ended.code in {1, 78}, told(ended)
    check(planted, told(ended))


@pytest.mark.parametrize("words", ["run", "once --json", "check", "status"])
def test_with_settings_that_contradict_each_other(words: str, planted: Planted, shell: Shell) -> None:
    ended = shell.run(*words.split(), **LOGIN, **planted.values)
    assert ended.code == 78
    check(planted, told(ended))


def test_with_secrets_in_the_wrong_place(planted: Planted, shell: Shell) -> None:
    """Contents where a file's name belongs, names that are misspelt, lines that are cut."""
    pem = planted.values["SNOWFLAKE_PRIVATE_KEY"]
    text = secret("SNOWFLAKE_TOKEN")
    wrong = {
        name: pem if "KEY" in name else text
        for name, field in Settings.model_fields.items()
        if field.annotation not in (str, str | None)
        for name in [name.upper()]
        if name in planted.values
    }
    assert {"SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_TOKEN_FILE_PATH"} <= set(wrong)
    file = shell.folder / "etl-config.env"
    file.write_text(
        "\n".join(
            [
                *(f"{name}={value}" for name, value in wrong.items()),
                f"SNOWFLAKE_PASSWROD={secret('SNOWFLAKE_PASSWORD')}",
                secret("SNOWFLAKE_OAUTH_CLIENT_SECRET"),
                f'PASSPHRASE "{secret(PASSPHRASE)}"',
                f"AWS_SECRET_ACCESS_KEY={secret('AWS_SECRET_ACCESS_KEY')}",
                f"ETL_HTTP_PORT=https://loader:{secret('AWS_SESSION_TOKEN')}@host/",
                "SNOWFLAKE_PRIVATE_KEY=" + pem.replace(r"\n", "\n"),
            ]
        )
    )
    for words in (["run"], ["once", "--json"], ["check"]):
        ended = shell.run(*words)
        assert ended.code == 78
        assert "SNOWFLAKE_PASSWROD" in told(ended)
        check(planted, told(ended))


def test_while_it_runs(planted: Planted, shell: Shell, closed_port: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = shell.start(
        "run",
        **planted.values,
        ETL_POLL_INTERVAL_SECONDS=0.2,
        ETL_HTTP_PORT=port,
        ETL_LEASE_URL="none",
        ETL_STATE_DIR="state",
    )
    try:
        daemon = Watched(process, port)
        daemon.until(lambda: any(each["last_error"] for each in daemon.status()["datasets"].values()))
        pages = [
            daemon.ask(path)[1].decode() for path in ("/", "/api/status", "/metrics", "/readyz", "/livez", "/healthz")
        ]
        status = shell.run("status", "--json", **planted.values, ETL_HTTP_PORT=port)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    kept = [each.read_bytes().decode("latin-1") for each in (shell.folder / "state").rglob("*") if each.is_file()]
    assert any("SQLite format" in text for text in kept)
    assert process.returncode == 0
    assert "dataset_failed" in err
    assert "Traceback" in err
    check(planted, *pages, told(status), out, err, *kept)


LIBRARY = """
import os
from etl_daemon import S3ToSnowflakeETL
from etl_daemon.config import Settings
names = [name.upper() for name in Settings.model_fields]
given = {name: os.environ[name] for name in names if os.environ.get(name)}
with S3ToSnowflakeETL(given) as etl:
    try:
        etl.extract_from_s3("market-data", "processed/price_data", 24)
    except Exception as error:
        print(error, repr(error))
print(given and Settings.model_validate({name.lower(): value for name, value in given.items()}).redacted())
"""


def test_in_what_the_library_raises(planted: Planted, shell: Shell) -> None:
    ended = shell.execute([sys.executable, "-c", LIBRARY], **planted.values)
    assert ended.code == 0, ended.err
    assert "TransientError" in ended.out
    check(planted, told(ended))


def test_no_setting_that_is_shown_shows_one(planted: Planted) -> None:
    values = planted.of(bearing())
    redacted = settings_from(values).redacted()
    assert {name: redacted[name] for name in values if redacted[name] == values[name]} == {}
    check(planted, str(redacted))
