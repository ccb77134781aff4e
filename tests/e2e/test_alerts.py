"""Alerts of real processes, through real channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.channels import mail_server, trusted, web_server
from tests.support.command import Shell
from tests.support.watching import watched


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "bucket/processed/price_data").mkdir(parents=True)
    settings = {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": tmp_path / "bucket",
        "ETL_DUCKDB_PATH": tmp_path / "etl.duckdb",
        "ETL_STATE_DIR": tmp_path / "state",
        "ETL_POLL_INTERVAL_SECONDS": 0.2,
        "ALERT_AFTER_MINUTES": 0.005,
    }
    return Shell(tmp_path, settings)


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
