"""kill -9 in the middle of a cycle: what was committed stays, the rest is done again, and the result is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.support.corridor import ndjson
from tests.support.rows import price

COMMIT_STEPS = ["commit.begin", "commit.ledger", "commit.rows", "commit.counts", "commit.end"]
STEPS = ["list", "fetch", "decode", "stage", *COMMIT_STEPS]
OBJECTS = 4

DRIVER = """
import os, signal, sys
from etl_daemon.adapters.destination import commit, ledger
from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.adapters.local.source import LocalSource

step, left = sys.argv[1], int(sys.argv[2])

def dying(function):
    def call(*args, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **more)
    return call

places = {
    "list": (LocalSource, "list"), "fetch": (LocalSource, "fetch"), "decode": (ObjectDecoder, "decode"),
    "stage": (SqlDestination, "stage"), "commit.begin": (ledger, "take_fence"), "commit.ledger": (ledger, "check_new"),
    "commit.rows": (commit, "publish"), "commit.counts": (ledger, "give_way"), "commit.end": (ledger, "enter"),
}
owner, name = places[step]
setattr(owner, name, dying(getattr(owner, name)))
from etl_daemon.cli import main
sys.argv = ["etl-daemon", "once"]
main()
"""


def environment(root: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": str(root / "bucket"),
        "ETL_DUCKDB_PATH": str(root / "market.duckdb"),
        "ETL_STATE_DIR": str(root / "state"),
        "ETL_BATCH_SIZE": "1",
        "LOG_LEVEL": "ERROR",
    }


def bucket(root: Path) -> None:
    """Objects that overlap: each restates one symbol of the one before, and holds a bad row."""
    folder = root / "bucket" / "processed" / "price_data"
    folder.mkdir(parents=True)
    for number in range(OBJECTS):
        symbols = f"S{'ABCDEF'[number]}", f"S{'ABCDEF'[number + 1]}"
        rows = [price(symbol, close=10 + number / 100) for symbol in symbols] + [price("bad one")]
        path = folder / f"{number}.json"
        path.write_bytes(ndjson(rows))
        os.utime(path, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns // 10**9 * 10**9 + number * 10**6))


QUERIES = (
    "SELECT * EXCLUDE (_BATCH_ID, _LOADED_AT, _OBJECT_MODIFIED) FROM MARKET_DATA.PRICE_DATA ORDER BY ALL",
    "SELECT OBJECT_KEY, OBJECT_ROW, REASONS, RAW FROM ETL_CONTROL.ETL_QUARANTINE ORDER BY ALL",
    "SELECT KEY, OUTCOME, ROWS_READ, ROWS_LOADED, ROWS_REPLACED FROM ETL_CONTROL.ETL_OBJECTS ORDER BY ALL",
)


def contents(root: Path) -> list[list[tuple]]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{root / 'market.duckdb'}' AS FINANCIAL_DATA (READ_ONLY)")
        connection.execute("USE FINANCIAL_DATA")
        return [connection.execute(query).fetchall() for query in QUERIES]


def once(root: Path, *driver: str) -> int:
    command = [sys.executable, "-c", DRIVER, *driver] if driver else [sys.executable, "-m", "etl_daemon", "once"]
    return subprocess.run(command, env=environment(root), capture_output=True, timeout=120, check=False).returncode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[list[tuple]]:
    root = tmp_path_factory.mktemp("undisturbed")
    bucket(root)
    assert once(root) == 0
    found = contents(root)
    assert [len(rows) for rows in found] == [OBJECTS + 1, OBJECTS, OBJECTS]
    return found


@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize("step", STEPS)
def test_killed_once_and_run_again(tmp_path, undisturbed, step, calls):
    bucket(tmp_path)
    assert once(tmp_path, step, str(calls)) == -signal.SIGKILL

    assert once(tmp_path) == 0
    assert contents(tmp_path) == undisturbed
    assert once(tmp_path) == 0
    assert contents(tmp_path) == undisturbed
