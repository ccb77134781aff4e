"""Processes whose login comes from SSM, Secrets Manager or systemd: how they end, and that no secret comes out."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.support.aws import answering, put_parameters, put_secret
from tests.support.command import Ended, Shell
from tests.support.s3_servers import moto_server, s3_client
from tests.support.snowflake import Emulator
from tests.support.watching import Watched, watched

PRICES = b"symbol,timestamp,open,high,low,close,volume\nAAPL,2026-01-02,10,12,9,11,100\n"
PASSWORD = "Plant+ed!%23=9f3"
FORMS = {PASSWORD, quote(PASSWORD, safe=""), base64.b64encode(PASSWORD.encode()).decode()}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def shell(moto: str, snowflake: Emulator, snowflake_database: str, tmp_path: Path) -> Iterator[Shell]:
    """Snowflake takes one password only; the settings have none, and name no store yet."""
    bucket = f"b-{uuid4().hex}"
    client = s3_client(moto)
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="processed/price_data/a.csv", Body=PRICES)
    given = {**snowflake.settings(), "SNOWFLAKE_DATABASE": snowflake_database, "ETL_DESTINATION": "snowflake"}
    del given["SNOWFLAKE_PASSWORD"]
    more = {"S3_BUCKET": bucket, "AWS_ENDPOINT_URL": moto, "LOG_LEVEL": "DEBUG", "ETL_TIMEOUT": 10}
    snowflake.require_password(PASSWORD)
    yield Shell(tmp_path, {**given, **more})
    snowflake.require_password(None)


def check_nothing_leaked(*texts: str) -> None:
    together = "\n".join(texts)
    assert [form for form in FORMS if form in together] == []


def told(ended: Ended) -> str:
    return ended.out + ended.err


def test_a_run_with_parameters_of_ssm(moto: str, shell: Shell) -> None:
    path = f"/prod/{uuid4().hex}"
    put_parameters(moto, path, {"password": PASSWORD, "colour": "blue"})
    ended = shell.run("once", "--json", SNOWFLAKE_SSM_PATH=path)
    assert ended.code == 0, ended.err
    assert [each["event"] for each in ended.log].count("batch_committed") == 1
    (line,) = [each for each in ended.log if each["event"] == "secrets_read"]
    assert (line["level"], line["taken"], line["ignored"]) == ("debug", ["SNOWFLAKE_PASSWORD"], ["colour"])
    check_nothing_leaked(told(ended))


def test_a_run_with_a_secret_of_secrets_manager(moto: str, shell: Shell) -> None:
    name = uuid4().hex
    arn = put_secret(moto, name, json.dumps({"password": PASSWORD}))
    for given in (name, arn):
        ended = shell.run("once", "--json", SNOWFLAKE_SECRET_ID=given)
        assert ended.code == 0, ended.err
        check_nothing_leaked(told(ended))


def test_a_run_with_a_credential_of_systemd(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "snowflake_password").write_text(PASSWORD + "\n")
    ended = shell.run("check", "--json", CREDENTIALS_DIRECTORY=folder)
    assert [line["state"] for line in ended.document["checks"] if line["name"] == "snowflake login"] == ["warn"]
    check_nothing_leaked(told(ended))


@pytest.mark.parametrize("words", ["once --json", "check --json", "status", "run", "audit --json"])
def test_a_store_that_does_not_answer_ends_with_1(shell: Shell, words: str) -> None:
    with answering(503, "ServiceUnavailable") as url:
        ended = shell.run(*words.split(), SNOWFLAKE_SSM_PATH="/prod/x", AWS_ENDPOINT_URL_SSM=url)
    assert ended.code == 1, told(ended)
    assert "SSM /prod/x" in told(ended)


def test_the_monitor_needs_a_store_only_to_know_the_account(shell: Shell) -> None:
    with answering(503, "ServiceUnavailable") as url:
        store = {"SNOWFLAKE_SSM_PATH": "/prod/x", "AWS_ENDPOINT_URL_SSM": url}
        assert "SSM /prod/x" not in told(shell.run("monitor", "--json", **store))
        ended = shell.run("monitor", "--json", SNOWFLAKE_ACCOUNT="", **store)
    (line,) = ended.document["checks"]
    assert (ended.code, line["name"], "SSM /prod/x" in line["detail"]) == (1, "settings", True)


@pytest.mark.parametrize("words", ["once --json", "run", "check --json"])
def test_a_parameter_that_is_missing_ends_with_78(moto: str, shell: Shell, words: str) -> None:
    path = f"/prod/{uuid4().hex}"
    put_parameters(moto, path, {"passwort": PASSWORD})
    ended = shell.run(*words.split(), SNOWFLAKE_SSM_PATH=path)
    assert ended.code == 78, told(ended)
    assert f"ssm:{path} has nothing that is not set already (and passwort, which mean no setting)" in told(ended)
    check_nothing_leaked(told(ended))


def test_a_secret_that_snowflake_refuses_does_not_show(moto: str, shell: Shell, snowflake: Emulator) -> None:
    path = f"/prod/{uuid4().hex}"
    put_parameters(moto, path, {"password": PASSWORD})
    snowflake.require_password("another")
    ended = shell.run("once", "--json", SNOWFLAKE_SSM_PATH=path)
    assert (ended.code, ended.document["error"]["kind"]) == (78, "ConfigError")
    check_nothing_leaked(told(ended))


def test_a_daemon_goes_on_after_a_rotation_and_shows_nothing(moto: str, shell: Shell, snowflake: Emulator) -> None:
    path, bucket = f"/prod/{uuid4().hex}", str(shell.settings["S3_BUCKET"])
    put_parameters(moto, path, {"password": PASSWORD})
    daemon: Watched
    with watched(shell, SNOWFLAKE_SSM_PATH=path, ETL_POLL_INTERVAL_SECONDS=0.3, ETL_LEASE_URL="none") as daemon:

        def loaded() -> int:
            return int(daemon.samples()["etl_objects_total", "price_data", "loaded"])

        daemon.until(lambda: loaded() == 1)
        snowflake.require_password("Plant-2nd")
        put_parameters(moto, path, {"password": "Plant-2nd"})
        snowflake.fault("BEGIN", action="error", errno=390114, message="Authentication token has expired.")
        s3_client(moto).put_object(Bucket=bucket, Key="processed/price_data/b.csv", Body=PRICES)
        daemon.until(lambda: loaded() == 2)
        pages = [daemon.ask(page)[1].decode() for page in ("/api/status", "/metrics", "/readyz")]
        daemon.process.send_signal(signal.SIGHUP)
        daemon.cycles(1)
        daemon.process.terminate()
        out, err = daemon.process.communicate(timeout=60)
    assert daemon.process.returncode == 0
    assert err.count('"secrets_renewed"') == 1
    check_nothing_leaked(*pages, out, err)
    assert "Plant-2nd" not in "".join([*pages, out, err])
