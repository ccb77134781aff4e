"""``etl-daemon run`` with a notification socket, as under systemd."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from etl_daemon.adapters.systemd.notify import Notifier
from tests.support.command import COMMAND, Shell

PATIENCE_SECONDS = 60


@dataclass
class Listener:
    """The service manager's end of the socket."""

    channel: socket.socket
    address: str

    def until(self, wanted: Callable[[str], bool]) -> list[str]:
        """Everything told up to the wanted assignment."""
        heard: list[str] = []
        while not any(map(wanted, heard)):
            heard += self.channel.recv(65536).decode().split("\n")
        return heard


@contextmanager
def listening(address: str) -> Iterator[Listener]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(PATIENCE_SECONDS)
        channel.bind(address)
        yield Listener(channel, address)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "settings.env").write_text(
        "ETL_SOURCE=local\nETL_LOCAL_DIR=bucket\nETL_DUCKDB_PATH=etl.duckdb\nETL_POLL_INTERVAL_SECONDS=0.2\n"
    )
    return Shell(tmp_path, {"ETL_CONFIG_FILE": "settings.env", "ETL_HTTP_PORT": 0})


@contextmanager
def running(shell: Shell, **more: object) -> Iterator[subprocess.Popen[str]]:
    log = shell.folder / "log"
    with log.open("w") as to:
        process = subprocess.Popen(
            [str(COMMAND), "run"],
            cwd=shell.folder,
            env=shell.environment(**more),
            stderr=to,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


def logged(shell: Shell, event: str) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in (shell.folder / "log").read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def price_file(shell: Shell, name: str) -> Path:
    path = shell.folder / "bucket" / "processed" / "price_data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


BAR = '{"symbol":"AAPL","timestamp":"2025-06-02T00:00:00Z","open":1,"high":2,"low":1,"close":2,"volume":5}\n'


def test_it_tells_of_readiness_progress_reloads_and_the_end(shell: Shell) -> None:
    address = f"@etl-test-{uuid4().hex}"
    settings = shell.folder / "settings.env"
    with (
        listening("\0" + address[1:]) as systemd,
        running(shell, NOTIFY_SOCKET=address, WATCHDOG_USEC=60_000_000) as process,
    ):
        first = systemd.until(lambda line: line == "READY=1")
        assert "STATUS=lag 0 s; no batch yet" in first
        assert "WATCHDOG=1" in first
        price_file(shell, "a.ndjson").write_text(BAR)
        systemd.until(lambda line: "last batch price_data: 1 rows" in line)

        right = settings.read_text()
        settings.write_text(right + "ETL_BATCH_SIZE=many\n")
        process.send_signal(signal.SIGHUP)
        refused = systemd.until(lambda line: line.startswith("STATUS=The new settings are wrong"))
        assert "RELOADING=1" in refused
        assert [line for line in refused if line.startswith("MONOTONIC_USEC=")]
        systemd.until(lambda line: line == "READY=1")
        systemd.until(lambda line: line == "WATCHDOG=1")

        settings.write_text(right.replace("0.2", "0.3"))
        process.send_signal(signal.SIGHUP)
        systemd.until(lambda line: line == "RELOADING=1")
        systemd.until(lambda line: line == "READY=1")
        process.send_signal(signal.SIGTERM)
        systemd.until(lambda line: line == "STOPPING=1")
        assert process.wait(PATIENCE_SECONDS) == 0
    (refusal,) = logged(shell, "reload_refused")
    assert "ETL_BATCH_SIZE" in refusal["detail"]
    assert [line["ETL_POLL_INTERVAL_SECONDS"] for line in logged(shell, "settings")] == ["0.2", "0.3"]
    assert len(logged(shell, "reloading")) == len(logged(shell, "stopped")) == 1


def test_settings_that_fail_only_in_use_give_way_to_those_before(shell: Shell) -> None:
    with listening(str(shell.folder / "n")) as systemd, running(shell, NOTIFY_SOCKET=shell.folder / "n") as process:
        systemd.until(lambda line: line == "READY=1")
        with (shell.folder / "settings.env").open("a") as settings:
            settings.write("LOG_FILE=no/such/folder/log\n")
        process.send_signal(signal.SIGHUP)
        systemd.until(lambda line: line.startswith("STATUS=The new settings are wrong"))
        price_file(shell, "a.ndjson").write_text(BAR)
        systemd.until(lambda line: "last batch price_data: 1 rows" in line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    (refusal,) = logged(shell, "reload_refused")
    assert "no/such/folder" in refusal["detail"]


def test_a_socket_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "gone"), 1.0).advanced()
    with listening(str(tmp_path / "there")) as systemd:
        Notifier(systemd.address, 1.0).advanced(0.5)
        assert systemd.until(lambda line: line == "WATCHDOG=1") == ["WATCHDOG_USEC=1500000", "WATCHDOG=1"]
