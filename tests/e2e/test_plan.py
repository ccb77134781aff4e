"""`etl-daemon plan` as a process: what it prints, that it leaves nothing behind, and how it ends."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pytest

from tests.support.command import Shell

FIT = '{"symbol":"AAPL","timestamp":"2026-01-02","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, ETL_TIMEOUT=1, ETL_MAX_RETRIES=0)


def there(folder: Path) -> dict[str, str]:
    """All files and folders, with what is in them."""
    found = sorted(folder.rglob("*"))
    return {str(path): hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else "" for path in found}


def test_it_tells_what_once_does_and_leaves_nothing_behind(shell):
    (shell.folder / "bucket/processed/price_data/a.ndjson").write_text(FIT)
    before = there(shell.folder)
    planned = shell.run("plan", "--json")
    assert (planned.code, planned.err) == (0, "")
    prices, *others = planned.document["datasets"]
    (batch,) = prices["batches"]
    assert (prices["objects"]["pending"], prices["bytes"], prices["watermark"]) == (1, len(FIT), None)
    assert [(each["objects"]["pending"], each["batches"]) for each in others] == [(0, []), (0, [])]
    assert planned.document["list_requests"] == 3
    assert "FINANCIAL_DATA.ETL_CONTROL.ETL_CURSORS" in planned.document["missing"]
    assert there(shell.folder) == before, "no file, no table, no lease, no folder of state"

    assert shell.run("once").code == 0
    before = there(shell.folder)
    told, imported = shell.importing("plan")
    assert told.code == 0
    assert imported & {"pandas", "structlog", "sqlite3", "boto3", "snowflake"} == set(), "what it takes to work"
    assert "statements 2, of which 2 read the ledger." in told.out
    with duckdb.connect(str(shell.folder / "etl.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT BATCH_ID FROM ETL_CONTROL.ETL_BATCHES").fetchall() == [(batch["batch_id"],)]
    assert there(shell.folder) == before


def test_how_it_ends(shell):
    assert shell.run("plan", "--dataset", "nothing").code == 2
    assert shell.run("plan", PRICE_DATA_MODE="SOMEHOW").code == 78
    file = shell.folder / "bucket/processed/price_data/a.ndjson"
    file.write_text(FIT)
    assert shell.run("once").code == 0
    with duckdb.connect(str(shell.folder / "etl.duckdb")):
        assert shell.run("plan").code == 75
    file.unlink()  # and with it everything under the prefix, of which a whole table is not to be made
    failing = shell.run("plan", "--json", PRICE_DATA_MODE="FULL")
    assert (failing.code, failing.document["failed"]) == (1, True)
    errors = [each["error"] and each["error"]["kind"] for each in failing.document["datasets"]]
    assert errors == ["SetupError", None, None]
