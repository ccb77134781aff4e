"""`status --watch` on a terminal: a pseudo-terminal of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Shell
from tests.support.terminal import Terminal
from tests.support.watching import watched

ROW = '{"symbol":"AAPL","timestamp":"2026-01-02T15:00:00Z","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.embedded(tmp_path, ETL_POLL_INTERVAL_SECONDS=0.2)
    assert made.run("init").code == 0
    return made


def test_it_follows_the_daemon_and_says_when_it_is_gone(shell: Shell) -> None:
    with watched(shell) as daemon:
        daemon.until(lambda: daemon.ask("/readyz")[0] == 200)
        seen = Terminal(shell, "status", "--watch", ETL_HTTP_PORT=daemon.port)
        seen.until("price_data", "up to date")
        (shell.folder / "bucket/row").write_text(ROW)
        (shell.folder / "bucket/row").rename(shell.folder / "bucket/processed/price_data/row.json")
        seen.until("█")
    seen.until("No daemon answers here")
    assert seen.interrupt() == 0


def test_without_a_terminal_it_is_printed_once_and_plain(shell: Shell) -> None:
    with watched(shell) as daemon:
        daemon.until(lambda: daemon.ask("/readyz")[0] == 200)
        told = shell.run("status", "--watch", ETL_HTTP_PORT=daemon.port)
    assert told.code == 0
    assert "up to date" in told.out
    assert "\x1b" not in told.out


def test_json_is_one_document_and_not_watched(shell: Shell) -> None:
    refused = shell.run("status", "--watch", "--json")
    assert (refused.code, refused.out) == (2, "")
    assert "leave out --watch" in refused.err
