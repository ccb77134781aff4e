"""Processes that die, freeze and race for the lease. Another host is another ETL_STATE_DIR: no lock in common."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.support.command import Shell
from tests.support.corridor import ndjson
from tests.support.rows import price
from tests.support.s3_servers import moto_server, s3_client

PATIENCE = 30.0
SECONDS = 1.5
HERE, THERE = {"ETL_STATE_DIR": "here"}, {"ETL_STATE_DIR": "there"}
SLOW = """
import pathlib, time
from etl_daemon.adapters.local.source import LocalSource
fetch = LocalSource.fetch
def slowly(self, ref):
    pathlib.Path("fetching").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    return fetch(self, ref)
LocalSource.fetch = slowly
import sys; sys.argv = ["etl-daemon", "run"]
from etl_daemon.cli import main; main()
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "bucket/processed/price_data").mkdir(parents=True)
    settings = {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": "bucket", "ETL_DUCKDB_PATH": "etl.duckdb"}
    lease = {"ETL_LEASE_URL": "shared/lease.json", "ETL_LEASE_SECONDS": SECONDS, "ETL_POLL_INTERVAL_SECONDS": 0.2}
    return Shell(tmp_path, {**settings, **lease})


def deliver(shell: Shell, symbol: str) -> None:
    file = shell.folder / f"bucket/processed/price_data/{symbol}.tmp"
    file.write_bytes(ndjson([price(symbol)]))
    file.rename(file.with_suffix(".json"))


def symbols(shell: Shell) -> list[str]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{shell.folder / 'etl.duckdb'}' AS FINANCIAL_DATA (READ_ONLY)")
        found = connection.execute("SELECT SYMBOL FROM FINANCIAL_DATA.MARKET_DATA.PRICE_DATA ORDER BY ALL").fetchall()
    return [row[0] for row in found]


class Daemon:
    """A process whose log is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._log: list[dict[str, object]] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            with self._more:
                self._log.append(json.loads(line))
                self._more.notify_all()

    def events(self) -> list[object]:
        return [line["event"] for line in self._log]

    def first(self, event: str) -> dict[str, object]:
        """Its first log line of that kind, once there is one."""
        with self._more:
            assert self._more.wait_for(lambda: event in self.events(), PATIENCE), self._log
        return next(line for line in self._log if line["event"] == event)

    def stopped(self) -> int:
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code


@pytest.fixture
def started(shell: Shell) -> Iterator[object]:
    daemons: list[Daemon] = []

    def start(host: dict[str, str], program: str = "", **more: object) -> Daemon:
        command = [sys.executable, "-c", program] if program else [sys.executable, "-m", "etl_daemon", "run"]
        daemons.append(
            Daemon(
                subprocess.Popen(
                    command,
                    cwd=shell.folder,
                    env=shell.environment(**host, **more),
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        )
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.process.kill()
        daemon.process.wait(PATIENCE)


def test_killed_and_started_again_on_its_host_it_goes_on_at_once(shell: Shell, started) -> None:
    hours = {"ETL_LEASE_SECONDS": 3600}
    first = started(HERE, **hours)
    first.first("lease_taken")
    first.process.kill()
    first.process.wait(PATIENCE)
    deliver(shell, "AAPL")

    ended = shell.run("once", **HERE, **hours)
    assert ended.code == 0, ended.err
    assert [(line["generation"], line["why"]) for line in ended.log if line["event"] == "lease_taken"] == [(2, "dead")]
    assert symbols(shell) == ["AAPL"]


def test_killed_it_is_followed_by_another_host_once_the_lease_ran_out(shell: Shell, started) -> None:
    first, second = started(HERE), None
    first.first("lease_taken")
    second = started(THERE)
    second.first("lease_awaited")
    deliver(shell, "AAPL")
    first.process.kill()
    killed = time.monotonic()
    taken = second.first("lease_taken")
    assert (taken["generation"], taken["why"]) == (2, "expired")
    assert time.monotonic() - killed < 1.25 * SECONDS + 1
    second.first("batch_committed")
    assert second.stopped() == 0


def test_frozen_for_too_long_it_finds_the_lease_lost_before_it_commits(shell: Shell, started) -> None:
    deliver(shell, "AAPL")
    frozen = started(HERE, SLOW)
    frozen.first("lease_taken")
    deadline = time.monotonic() + PATIENCE
    while not (shell.folder / "fetching").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    frozen.process.send_signal(signal.SIGSTOP)

    other = shell.run("once", **THERE)
    assert other.code == 0, other.err
    assert [line["why"] for line in other.log if line["event"] == "lease_taken"] == ["expired"]
    assert "lease_awaited" in {line["event"] for line in other.log}
    assert symbols(shell) == ["AAPL"]

    (shell.folder / "go").touch()
    frozen.process.send_signal(signal.SIGCONT)
    assert str(frozen.first("lease_lost")["detail"]).startswith("not renewed for ")
    failed = frozen.first("dataset_failed")
    assert failed["kind"] == "LeaseLostError"
    assert "batch_committed" not in frozen.events()
    deliver(shell, "MSFT")
    frozen.first("batch_committed")
    assert frozen.stopped() == 0
    assert frozen.events().count("lease_taken") == 2
    assert symbols(shell) == ["AAPL", "MSFT"]


def test_of_two_started_at_once_one_works_and_the_other_follows(shell: Shell, started) -> None:
    deliver(shell, "AAPL")
    both = [started(HERE), started(THERE)]
    deadline = time.monotonic() + PATIENCE
    while {"lease_taken", "lease_awaited"} - {name for each in both for name in each.events()}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    working, waiting = sorted(both, key=lambda each: "lease_taken" not in each.events())
    working.first("batch_committed")
    assert "lease_taken" not in waiting.events()

    refused = shell.run("once", ETL_STATE_DIR="elsewhere")
    assert refused.code == 75
    holder = working.first("started")["holder"]
    assert f"Error: {holder} has the lease of etl-daemon, in generation 1." in refused.err
    assert f"kill {working.process.pid}" in refused.err

    assert working.stopped() == 0
    assert working.events()[-2:] == ["stopped", "lease_released"]
    assert waiting.first("lease_taken")["why"] == "released"
    deliver(shell, "MSFT")
    waiting.first("batch_committed")
    assert waiting.stopped() == 0
    assert symbols(shell) == ["AAPL", "MSFT"]


def test_waiting_for_the_lease_a_daemon_stops_promptly(shell: Shell, started) -> None:
    first, second = started(HERE, ETL_LEASE_SECONDS=3600), started(HERE, ETL_LEASE_SECONDS=3600)
    deadline = time.monotonic() + PATIENCE
    while not [each for each in (first, second) if "lease_awaited" in each.events()]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    began = time.monotonic()
    assert [first.stopped(), second.stopped()] == [0, 0]
    assert time.monotonic() - began < 10


def test_without_a_lease_processes_rely_on_fence_and_ledger(shell: Shell, started) -> None:
    deliver(shell, "AAPL")
    daemon = started(HERE, ETL_LEASE_URL="none")
    daemon.first("batch_committed")
    deliver(shell, "MSFT")
    assert shell.run("once", ETL_LEASE_URL="none").code == 0
    assert daemon.stopped() == 0
    assert {"lease_taken", "lease_awaited"} & set(daemon.events()) == set()
    assert symbols(shell) == ["AAPL", "MSFT"]
    assert not (shell.folder / "here/lease").exists()


def test_in_s3_the_lease_lies_beside_the_data_and_is_none_of_it(tmp_path: Path) -> None:
    with moto_server() as url:
        client = s3_client(url)
        client.create_bucket(Bucket="market-data")
        client.put_object(Bucket="market-data", Key="data/a.json", Body=ndjson([price()]))
        settings = {"S3_BUCKET": "market-data", "AWS_ENDPOINT_URL": url, "ETL_STATE_DIR": "s"}
        settings |= {"PRICE_DATA_PREFIX": "_", "ETL_DUCKDB_PATH": "etl.duckdb", "ETL_DAEMON_NAME": "prices"}
        shell = Shell(tmp_path, settings)
        for generation in (1, 2):
            ended = shell.run("once", "--json")
            assert ended.code == 0, ended.err
            assert ended.document["datasets"][0]["objects"]["pending"] == 0
            body = client.get_object(Bucket="market-data", Key="_etl_daemon/lease/prices.json")["Body"].read()
            lease = json.loads(body)
            assert (lease["name"], lease["generation"], lease["seconds"]) == ("prices", generation, 0)
