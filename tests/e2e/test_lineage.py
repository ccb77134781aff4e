"""Lineage of real batches: over HTTP, in a file, in the log; and it never stops the work."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.command import Ended, Shell
from tests.support.lineage import LineageServer, checked, lineage_server

BAR = '{"symbol":"%s","timestamp":"2025-06-02T00:00:00Z","open":1,"high":2,"low":1,"close":2,"volume":5}\n'
PRICES = "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA"
PATIENCE_SECONDS = 60


@pytest.fixture
def server() -> Iterator[LineageServer]:
    with lineage_server() as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, ETL_TIMEOUT=1)


def arrive(shell: Shell, name: str, text: str = BAR % "AAPL") -> None:
    path = shell.folder / "bucket/processed/price_data" / name
    path.with_suffix(".tmp").write_text(text)
    path.with_suffix(".tmp").rename(path)


def states(events: list[dict[str, Any]]) -> list[str]:
    return [checked(event).eventType.value for event in events]


def logged(ended: Ended, event: str) -> list[dict[str, Any]]:
    return [line for line in ended.log if line["event"] == event]


def test_a_batch_is_told_over_http_with_the_key(server: LineageServer, shell: Shell) -> None:
    arrive(shell, "a.ndjson", BAR % "AAPL" + BAR % "BAD1")
    ended = shell.run("once", ETL_LINEAGE_URL=server.url, ETL_LINEAGE_API_KEY="k-1", ETL_LINEAGE_NAMESPACE="desk")
    assert ended.code == 0, ended.err
    assert states(server.events) == ["START", "COMPLETE"]
    assert (set(server.paths), set(server.keys)) == ({"/api/v1/lineage"}, {"Bearer k-1"})
    complete = server.events[1]
    (committed,) = logged(ended, "batch_committed")
    own = complete["run"]["facets"]["etlDaemon_batch"]
    assert (own["batchId"], own["cycleId"]) == (committed["batch_id"], committed["cycle_id"])
    assert (own["rows"]["loaded"], own["rows"]["quarantined"]) == (1, 1)
    assert (complete["job"]["namespace"], complete["job"]["name"]) == ("desk", "price_data")
    table, anomalies = complete["outputs"]
    assert anomalies["name"] == "FINANCIAL_DATA.ANALYTICS.ANOMALIES", "from 1 to 2 is an extreme movement"
    assert (table["namespace"], table["name"]) == (f"duckdb://{shell.folder / 'etl.duckdb'}", PRICES)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{shell.folder / 'etl.duckdb'}' AS FINANCIAL_DATA (READ_ONLY)")
        described = connection.execute(f"DESCRIBE {PRICES}").fetchall()
    assert [each["name"] for each in table["facets"]["schema"]["fields"]] == [row[0] for row in described]
    assert shell.run("once", ETL_LINEAGE_URL=server.url).code == 0
    assert len(server.events) == 2, "a cycle without batches has nothing to tell"


def test_a_path_in_the_url_is_the_whole_address(server: LineageServer, shell: Shell) -> None:
    arrive(shell, "a.ndjson")
    shell.run("once", ETL_LINEAGE_URL=f"{server.url}/openlineage/v2?team=desk")
    assert server.paths == ["/openlineage/v2?team=desk"] * 2


def test_columns_of_a_table_of_any_columns_are_told(server: LineageServer, shell: Shell) -> None:
    (shell.folder / "datasets.toml").write_text(
        '[datasets.notes]\nprefix = "notes"\ntable = "DESK.NOTES"\nmode = "APPEND"\n'
    )
    (shell.folder / "bucket/notes").mkdir()
    (shell.folder / "bucket/notes/a.ndjson").write_text('{"who":"me","amount":1.25}\n')
    ended = shell.run("once", "--dataset", "notes", ETL_LINEAGE_URL=server.url, ETL_DATASETS_FILE="datasets.toml")
    assert ended.code == 0, ended.err
    fields = server.events[1]["outputs"][0]["facets"]["schema"]["fields"]
    assert [(each["name"], each["type"]) for each in fields[:2]] == [("WHO", "VARCHAR"), ("AMOUNT", "NUMERIC(38,18)")]


def test_a_batch_that_fails_is_told_to_have_failed(server: LineageServer, shell: Shell) -> None:
    arrive(shell, "a.ndjson")
    assert shell.run("init").code == 0
    program = (
        "import etl_daemon.adapters.destination.destination as d, sys\n"
        "from etl_daemon.errors import SetupError\n"
        "def full(*_): raise SetupError('disk full', hint='make room')\n"
        "d.SqlDestination.commit = full\n"
        "sys.argv = ['etl-daemon', 'once']\n"
        "from etl_daemon.cli import main; main()"
    )
    ended = shell.execute([sys.executable, "-c", program], ETL_LINEAGE_URL=server.url)
    assert ended.code == 1
    assert states(server.events) == ["START", "FAIL"]
    assert server.events[1]["run"]["facets"]["errorMessage"]["message"] == "SetupError: disk full"


def test_a_file_takes_a_line_per_event(shell: Shell) -> None:
    arrive(shell, "a.ndjson")
    assert shell.run("once", ETL_LINEAGE_URL="lineage.ndjson").code == 0
    arrive(shell, "b.ndjson")
    assert shell.run("once", ETL_LINEAGE_URL=f"file://{shell.folder}/lineage.ndjson").code == 0
    lines = (shell.folder / "lineage.ndjson").read_text().splitlines()
    assert states([json.loads(line) for line in lines]) == ["START", "COMPLETE"] * 2


def test_console_is_the_log(shell: Shell) -> None:
    arrive(shell, "a.ndjson")
    ended = shell.run("once", "--json", ETL_LINEAGE_URL="console")
    told = [json.loads(line["event"]) for line in ended.log if "openlineage" in line.get("logger", "")]
    assert states(told) == ["START", "COMPLETE"]
    assert ended.document["failed"] is False, "standard output stays the command's"


@pytest.mark.parametrize("url", ["", "file"])
def test_switched_off_or_without_a_batch_nothing_of_it_is_imported(url: str, shell: Shell) -> None:
    if not url:
        arrive(shell, "a.ndjson")
    program = (
        "import sys, etl_daemon.cli.failures as f\n"
        "sys.argv = ['etl-daemon', 'once']\n"
        "from etl_daemon.cli import main\n"
        "try: main()\n"
        "finally: print('IMPORTED', [name for name in ('openlineage', 'requests') if name in sys.modules])\n"
    )
    ended = shell.execute([sys.executable, "-c", program], ETL_LINEAGE_URL=url and "lineage.ndjson")
    assert "IMPORTED []" in ended.out, ended.out + ended.err


def test_a_server_that_does_not_take_them_stops_nothing(server: LineageServer, shell: Shell) -> None:
    arrive(shell, "a.ndjson")
    server.statuses = [404]
    ended = shell.run("once", ETL_LINEAGE_URL=server.url)
    assert ended.code == 0
    (failing,), (resumed,) = logged(ended, "lineage_failing"), logged(ended, "lineage_resumed")
    assert (failing["level"], "404" in failing["detail"], resumed["lost"]) == ("warning", True, 1)
    assert states(server.events) == ["COMPLETE"]


def test_a_server_that_keeps_silent_costs_five_seconds_at_the_end(server: LineageServer, shell: Shell) -> None:
    arrive(shell, "a.ndjson")
    server.silent = True
    started = time.monotonic()
    ended = shell.run("once", ETL_LINEAGE_URL=server.url)
    assert ended.code == 0
    assert time.monotonic() - started < 20
    assert logged(ended, "batch_committed")
    assert "events were not sent" in logged(ended, "lineage_failing")[-1]["detail"]


def test_a_daemon_sends_again_what_nobody_took(shell: Shell) -> None:
    with socket.socket() as held:  # refuses connections, and keeps the port
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        process = shell.start("run", ETL_LINEAGE_URL=f"http://127.0.0.1:{port}", ETL_POLL_INTERVAL_SECONDS=0.2)
        try:
            arrive(shell, "a.ndjson")
            lines = [await_line(process, "lineage_failing")]
            arrive(shell, "b.ndjson")
            lines.append(await_line(process, "batch_committed"))
        except BaseException:
            process.kill()
            raise
    try:
        with lineage_server(port) as server:
            server.until(lambda: len(server.events) == 4)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=PATIENCE_SECONDS)
            assert states(server.events) == ["START", "COMPLETE"] * 2
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "lineage_failing" not in err, "an outage is told once"
    assert '"lineage_resumed"' in err


def await_line(process: subprocess.Popen[str], event: str) -> str:
    assert process.stderr
    for line in process.stderr:
        if f'"{event}"' in line:
            return line
    raise AssertionError(f"{event} was not logged")
