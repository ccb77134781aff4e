"""Alerts of real processes, through real channels."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import duckdb
import pytest

from tests.support.channels import PASSWORD, USERNAME, mail_server, topic, trusted, web_server
from tests.support.command import Shell
from tests.support.s3_servers import moto_server
from tests.support.watching import watched


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, ETL_POLL_INTERVAL_SECONDS=0.2, ALERT_AFTER_MINUTES=0.005)


def test_a_source_that_is_away_is_told_once_and_once_when_it_is_back(shell: Shell) -> None:
    with web_server() as hook, watched(shell, ALERT_WEBHOOK=hook.url) as daemon:
        daemon.until(lambda: daemon.probe("/readyz") == (200, []))
        (shell.folder / "bucket").rename(shell.folder / "away")
        daemon.until(lambda: len(hook.posted) == 1)
        daemon.cycles(3)
        (shell.folder / "away").rename(shell.folder / "bucket")
        daemon.until(lambda: len(hook.posted) == 2)
        daemon.cycles(3)
    assert hook.alerts() == ["firing dependency_down:local", "resolved dependency_down:local"]
    assert "[CRITICAL] local does not work" in hook.posted[0]["text"]
    assert "mkdir" in hook.posted[0]["alert"]["hint"]


def test_a_file_that_another_process_holds_is_told_once_and_once_when_it_is_free(shell: Shell) -> None:
    with web_server() as hook, watched(shell, ALERT_WEBHOOK=hook.url, ETL_TIMEOUT=0.2) as daemon:
        daemon.until(lambda: daemon.probe("/readyz") == (200, []))
        daemon.cycles(1)  # the first one asks the destination
        with duckdb.connect(str(shell.folder / "etl.duckdb")):
            bar = '{"symbol":"AAPL","timestamp":"2026-01-02","open":10,"high":11,"low":9,"close":10,"volume":7}'
            (shell.folder / "bucket/processed/price_data/a.ndjson").write_text(bar)
            daemon.until(lambda: len(hook.posted) == 1)
            before = daemon.samples()["etl_errors_total", "BusyError"]
            daemon.until(lambda: daemon.samples()["etl_errors_total", "BusyError"] >= before + 2)
        daemon.until(lambda: daemon.samples()["etl_rows_total", "price_data", "loaded"] == 1)
        daemon.until(lambda: len(hook.posted) == 2)
        daemon.cycles(2)
    assert hook.alerts() == ["firing dependency_down:duckdb", "resolved dependency_down:duckdb"]
    assert "etl.duckdb" in hook.posted[0]["alert"]["detail"]


def test_a_channel_that_hangs_holds_up_neither_the_work_nor_the_end_for_long(shell: Shell) -> None:
    (shell.folder / "bucket/processed/price_data/a.zip").write_bytes(b"PK\x03\x04")
    with web_server() as hook:
        hook.statuses.extend([0] * 100)
        with watched(shell, ALERT_WEBHOOK=hook.url) as daemon:
            daemon.until(lambda: len(hook.statuses) < 100)
            daemon.cycles(5)
            begun = time.monotonic()
            daemon.process.terminate()
            _, log = daemon.process.communicate(timeout=60)
            assert time.monotonic() - begun < 10
            assert daemon.process.returncode == 0
        failures = [line for line in map(json.loads, log.splitlines()) if line["event"] == "alert_failed"]
        assert [each["detail"] for each in failures] == ["The process ended before it was sent."]
        assert "s3cret-path" not in log

        hook.statuses.clear()
        with watched(shell, ALERT_WEBHOOK=hook.url) as daemon:
            daemon.until(lambda: len(hook.posted) == 1)
            daemon.cycles(2)
    assert hook.alerts() == ["firing object_refused:price_data"], "it had reached nobody"


def test_settings_that_are_refused_at_a_reload_are_told_and_so_are_right_ones(shell: Shell) -> None:
    file = shell.folder / "settings.env"
    file.write_text("ETL_BATCH_SIZE=10\n")
    with web_server() as hook, watched(shell, ALERT_WEBHOOK=hook.url, ETL_CONFIG_FILE=file) as daemon:
        daemon.until(lambda: daemon.probe("/readyz") == (200, []))
        for text, count in (("ETL_BATCH_SIZE=many\n", 1), ("ETL_BATCH_SIZE=20\n", 2)):
            file.write_text(text)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until(lambda count=count: len(hook.posted) == count)  # type: ignore[misc]  # mypy cannot infer a default
    assert hook.alerts() == ["firing configuration", "resolved configuration"]
    assert "ETL_BATCH_SIZE='many'" in hook.posted[0]["alert"]["detail"]


def test_one_trouble_goes_out_by_every_channel_and_no_secret_with_it(shell: Shell, tmp_path: Path) -> None:
    (shell.folder / "bucket/processed/price_data/a.zip").write_bytes(b"PK\x03\x04")
    with (
        trusted(tmp_path) as authority,
        mail_server(authority.issue_cert("localhost")) as box,
        web_server() as hook,
        web_server() as other,
        moto_server() as aws,
    ):
        made = topic(aws, "alerts")
        channels = {
            "ALERT_EMAIL": "ops@example.org",
            "SMTP_HOST": "localhost",
            "SMTP_PORT": box.port,
            "SMTP_USERNAME": USERNAME,
            "SMTP_PASSWORD": PASSWORD,
            "SSL_CERT_FILE": tmp_path / "ca.pem",
            "ALERT_WEBHOOK": hook.url,
            "ALERT_SNS_TOPIC_ARN": made.arn,
            "AWS_ENDPOINT_URL": aws,
            "ALERT_URLS": other.url.replace("http://", "json://me:t0ken-of-mine@"),
        }
        ended = shell.run("once", "--json", LOG_LEVEL="DEBUG", **channels)
        published = made.messages()
    assert ended.code == 0
    assert hook.alerts() == ["firing object_refused:price_data"]
    assert [message["Subject"] for message in box.messages] == [published[0]["Subject"]] == [other.posted[0]["title"]]
    assert published[0]["Subject"].startswith("[WARNING] 1 object of price_data cannot be loaded.")
    assert [line["key"] for line in ended.log if line["event"] == "alert"] == ["object_refused:price_data"]
    said = ended.out + ended.err + (shell.folder / "state/history.sqlite").read_bytes().decode("latin-1")
    assert [secret for secret in (PASSWORD, "s3cret-path", "t0ken-of-mine") if secret in said] == []


def test_the_monitor_tells_what_it_finds_once_and_when_it_is_over(shell: Shell) -> None:
    with web_server() as hook:
        settings = {"ALERT_WEBHOOK": hook.url, "MIN_FREE_DISK_MB": 10**9}
        assert shell.run("once").code == 0
        for _ in range(2):
            assert shell.run("monitor", **settings).code == 1
        (first,) = hook.alerts()
        assert first.startswith("firing monitor:disk /")
        shell.run("monitor", **{**settings, "MIN_FREE_DISK_MB": 1})
    assert hook.alerts()[1:] == [first.replace("firing", "resolved")]


def test_a_url_that_no_channel_has_is_a_wrong_setting(shell: Shell) -> None:
    ended = shell.run("once", ALERT_URLS="nonsense://t0ken-of-mine/path")
    assert ended.code == 78
    assert "ALERT_URLS no. 1 (nonsense)" in ended.err
    assert "t0ken-of-mine" not in ended.err


def test_one_shots_of_cron_tell_it_once_too(shell: Shell) -> None:
    with web_server() as hook:
        bucket, away = shell.folder / "bucket", shell.folder / "away"
        settings = {"ALERT_WEBHOOK": hook.url, "ALERT_AFTER_MINUTES": 0}
        bucket.rename(away)
        bucket.write_text("no folder")
        bucket.unlink()
        bucket.mkdir(mode=0o700)
        (bucket / "processed").write_text("no folder either")
        assert shell.run("once", **settings, ETL_DUCKDB_PATH=bucket).code == 1
        assert shell.run("once", **settings, ETL_DUCKDB_PATH=bucket).code == 1
        assert len(hook.posted) == 1
        (bucket / "processed").unlink()
        assert shell.run("once", **settings).code == 0
    assert hook.alerts() == ["firing dependency_down:duckdb", "resolved dependency_down:duckdb"]


def test_the_channels_can_be_tried(shell: Shell, tmp_path: Path) -> None:
    with trusted(tmp_path) as authority, mail_server(authority.issue_cert("localhost")) as box, web_server() as hook:
        mail = {
            "ALERT_EMAIL": "oncall@example.com,nobody@example.com",
            "SMTP_HOST": "localhost",
            "SMTP_PORT": box.port,
            "SMTP_USERNAME": "etl",
            "SMTP_PASSWORD": "pa55-word",
            "SSL_CERT_FILE": tmp_path / "ca.pem",
        }
        ended = shell.run("check", "--alerts", "--json", **mail, ALERT_WEBHOOK=hook.url)
    states = {line["name"]: line["state"] for line in ended.document["checks"]}
    assert ended.code == 1
    assert sorted(states.values()) == ["fail", "ok", "ok"]
    assert box.recipients == ["oncall@example.com"]
    assert box.messages[0]["Subject"].startswith("[RESOLVED] This is a test")
    assert hook.alerts() == ["resolved test"]
    assert "pa55-word" not in ended.out + ended.err
    assert "s3cret-path" not in ended.out + ended.err


def test_without_a_channel_it_is_said(shell: Shell) -> None:
    ended = shell.run("check", "--alerts")
    assert ended.code == 1
    assert "ALERT_EMAIL, ALERT_WEBHOOK" in ended.out
