"""What a daemon does for hours: nothing at all, waiting for a destination that is down, and being ended.

`make test` has the short forms; `make soak SOAK_MINUTES=20` is as long as it is told to be.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.support.channels import web_server
from tests.support.command import Shell
from tests.support.snowflake import Emulator
from tests.support.watching import Watched, watched

MINUTES = float(os.environ.get("SOAK_MINUTES", "20"))
FIT = '{"symbol":"%s","timestamp":"2026-01-02T%02d:%02d:%02dZ","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
DAY = 86_400
WARM_CYCLES = 300


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, ETL_POLL_INTERVAL_SECONDS=0.2)


def deliver(shell: Shell, symbol: str, rows: int) -> None:
    """An object with a row a second."""
    unfinished = shell.folder / f"{symbol}.tmp"
    unfinished.write_text("".join(FIT % (symbol, at // 3600, at // 60 % 60, at % 60) for at in range(rows)))
    unfinished.rename(shell.folder / "bucket/processed/price_data" / f"{symbol}.ndjson")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def loaded(daemon: Watched) -> float:
    return daemon.samples()["etl_rows_total", "price_data", "loaded"]


@pytest.mark.parametrize("cycles", [1_000, pytest.param(20_000, marks=pytest.mark.soak)])
@pytest.mark.timeout(1_200)
def test_idle_cycles_cost_no_memory_and_no_statement(shell, cycles):
    deliver(shell, "AAPL", 10)
    with watched(shell, ETL_POLL_INTERVAL_SECONDS=0.001, LOG_LEVEL="WARNING") as daemon:
        daemon.until(lambda: loaded(daemon) == 10)
        daemon.cycles(WARM_CYCLES)
        before, statements = resident_bytes(daemon.process.pid), daemon.samples()["etl_destination_statements_total",]
        daemon.cycles(cycles, patience_seconds=900)
        grown = resident_bytes(daemon.process.pid) - before
        assert daemon.samples()["etl_destination_statements_total",] == statements
    print(f"{cycles} idle cycles: {grown / 2**20:+.1f} MiB")
    assert grown < 4 * 2**20


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Emulator]:
    """A stand-in for Snowflake that keeps what it has while it is down."""
    with Emulator(tmp_path / "account") as emulator:
        emulator.run("CREATE DATABASE FINANCIAL_DATA")
        yield emulator


@pytest.mark.parametrize(
    ("seconds", "poll"), [(12.0, 1.0), pytest.param(MINUTES * 60, 5.0, marks=pytest.mark.soak)], ids=["short", "soak"]
)
@pytest.mark.timeout(MINUTES * 60 + 300)
def test_an_outage_of_the_destination_costs_next_to_nothing_and_two_alerts(shell, account, seconds, poll):
    settings = {
        **account.settings(),
        "ETL_DESTINATION": "snowflake",
        "ETL_POLL_INTERVAL_SECONDS": poll,
        "ETL_TIMEOUT": 2,
        "ETL_MAX_RETRIES": 0,
        "ALERT_AFTER_MINUTES": 2 * poll / 60,
    }
    with web_server() as hook, watched(shell, **settings, ALERT_WEBHOOK=hook.url) as daemon:
        deliver(shell, "AAPL", 10)
        daemon.until(lambda: loaded(daemon) == 10)
        account.kill()
        deliver(shell, "MSFT", DAY)
        daemon.until(lambda: daemon.samples()["etl_dependency_up", "snowflake"] == 0)
        daemon.until(lambda: hook.posted)  # what is done once, such as finding the channel, is no matter of waiting
        spent, began = cpu_seconds(daemon.process.pid), time.monotonic()
        daemon.until(lambda: time.monotonic() - began > seconds, patience_seconds=seconds + 60, every_seconds=2.0)
        share = (cpu_seconds(daemon.process.pid) - spent) / (time.monotonic() - began)
        assert daemon.samples()["etl_pending_objects", "price_data"] == 1
        assert daemon.probe("/livez") == (200, [])
        account.start()
        daemon.until(lambda: loaded(daemon) == 10 + DAY, patience_seconds=20 * poll)
        daemon.until(lambda: daemon.probe("/readyz") == (200, []))
        daemon.until(lambda: len(hook.posted) >= 2)
    assert hook.alerts() == ["firing dependency_down:snowflake", "resolved dependency_down:snowflake"]
    print(f"{seconds:.0f} s without a destination: {share:.2%} of one core")
    assert share < 0.02
    (rows,) = account.run(
        "SELECT COUNT(*), COUNT(DISTINCT SYMBOL, TIMESTAMP) FROM FINANCIAL_DATA.MARKET_DATA.PRICE_DATA"
    )
    assert rows == (10 + DAY, 10 + DAY)


def test_after_a_kill_it_is_ready_and_has_polled_within_ten_seconds(shell):
    with watched(shell) as first:
        deliver(shell, "AAPL", 10)
        first.until(lambda: loaded(first) == 10)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        began = time.monotonic()
        with watched(shell) as second:
            second.until(lambda: second.probe("/readyz") == (200, []))
            second.cycles(1)
            taken = time.monotonic() - began
    print(f"ready and polled {taken:.1f} s after kill -9")
    assert taken < 10


@pytest.mark.parametrize("grace", [0, 10])
def test_told_to_stop_in_mid_batch_it_ends_soon_and_nothing_is_half_done(shell, grace):
    assert shell.run("init").code == 0
    symbols = [f"S{letter}" for letter in "ABCDEFGHIJKL"]
    with watched(shell, ETL_STOP_SECONDS=grace, ETL_BATCH_SIZE=10**8) as daemon:
        daemon.until(lambda: daemon.probe("/readyz") == (200, []))
        for symbol in symbols:
            deliver(shell, symbol, DAY)
        daemon.until(lambda: daemon.samples()["etl_stage_duration_seconds_count", "transform"] >= 1)
        began = time.monotonic()
        daemon.process.terminate()
        assert daemon.process.wait(60) == 0
        taken = time.monotonic() - began
    there = count(shell)
    print(f"ended {taken:.1f} s after SIGTERM with {there} rows")
    assert taken < 15
    assert there % DAY == 0
    assert shell.run("once").code == 0
    assert count(shell) == DAY * len(symbols)


def count(shell: Shell) -> int:
    """Rows of the table, each there once."""
    with duckdb.connect(str(shell.folder / "etl.duckdb"), read_only=True) as connection:
        rows, distinct = connection.execute(
            "SELECT count(*), count(DISTINCT (SYMBOL, TIMESTAMP)) FROM MARKET_DATA.PRICE_DATA"
        ).fetchone()
    assert rows == distinct
    return rows
