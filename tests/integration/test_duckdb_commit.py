"""What is special to a DuckDB file: who may open it when, and what a reader sees."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.errors import BusyError, ConfigError, SetupError, TransientError
from tests.support.rows import ANOMALIES, NOW, PRICES, batch, cleaned, price, ref
from tests.support.targets import DATABASE, FENCE, DuckDBTarget, of

WILD = {"open": 20.0, "high": 21.0, "close": 9.0}


@pytest.fixture
def target(tmp_path: Path) -> DuckDBTarget:
    return DuckDBTarget(tmp_path / "market.duckdb")


def test_the_tables_have_a_version(target):
    target.destination.prepare([PRICES])
    assert target.ask("SELECT VERSION FROM ETL_CONTROL.ETL_SCHEMA_VERSION") == [(1,)]
    assert target.ask("SELECT count(*) FROM ETL_CONTROL.ETL_CURSORS") == [(3,)]


def test_a_file_held_by_another_process_is_busy(target):
    path = str(target.file.path)
    code = f"import duckdb,sys; c=duckdb.connect({path!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match="Another process holds") as caught:
            target.load(cleaned(ref("a"), [price()]))
        other.stdin.close()
    assert caught.value.exit_code == 75


def test_a_file_that_is_no_database_names_the_setting(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database" * 1000)
    with pytest.raises(SetupError, match="ETL_DUCKDB_PATH"):
        SqlDestination(DuckDBFile(path, DATABASE), ANOMALIES).prepare([PRICES])


def test_a_commit_that_cannot_be_written_is_tried_again(target):
    target.destination.prepare([PRICES])
    with pytest.raises(TransientError, match="No space left") as caught, target.file.connection():
        raise duckdb.TransactionException("Failed to commit: Could not write file: No space left on device")
    assert "disk space" in caught.value.hint


def test_a_statement_that_needs_more_memory_names_the_setting(tmp_path):
    wide = ", ".join(f"range || '{at}' AS c{at}" for at in range(300))
    with (
        pytest.raises(TransientError, match="raise MEMORY_LIMIT_MB"),
        DuckDBFile(tmp_path / "wide.duckdb", DATABASE, memory_limit_mb=16).session() as session,
    ):
        session.run(f"CREATE TABLE wide AS SELECT {wide} FROM range(100000)")


def test_what_duckdb_makes_of_ctrl_c_is_ctrl_c_again(target):
    target.destination.prepare([PRICES])
    with pytest.raises(KeyboardInterrupt), target.file.connection():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="another"), target.file.connection():
        raise RuntimeError("another")


def test_a_table_in_another_database_is_a_configuration_error(target):
    with pytest.raises(ConfigError, match="OTHER"):
        target.destination.prepare([replace(PRICES, table="OTHER.MARKET_DATA.PRICE_DATA")])


def test_a_table_is_not_loaded_again_under_another_name(target):
    target.load(cleaned(ref("a"), [price()]))
    with pytest.raises(ConfigError, match="which dataset price_data has loaded") as caught:
        target.destination.recall([replace(PRICES, name="prices")], ref("a").bucket)
    assert "price_data again" in caught.value.hint


READER = """
import sys, duckdb
last = None
while True:
    try:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{sys.argv[1]}' AS FINANCIAL_DATA (READ_ONLY)")
            query = "SELECT count(*), count(DISTINCT _BATCH_ID), max(_OBJECT_ROW) FROM {}"
            seen = connection.execute(query.format("FINANCIAL_DATA.MARKET_DATA.PRICE_DATA")).fetchone()
    except duckdb.IOException:
        continue  # a commit is under way
    if seen != last:
        print(*seen, flush=True)
        last = seen
"""
"""Prints (rows, batches, greatest row number) of the table whenever they differ from what it saw before."""


def test_a_reader_never_sees_the_table_empty_or_half_replaced(tmp_path):
    full = of(PRICES, "FULL")
    target = DuckDBTarget(tmp_path / "market.duckdb")
    target.destination = SqlDestination(replace(target.file, wait_seconds=30), ANOMALIES)

    def replace_all(number: int) -> None:
        rows = [price(f"S{letter}", **WILD) for letter in "ABCDEFGHIJ"[: 5 + number % 2]]
        part = cleaned(ref("a", f"v{number}", number), rows, full)
        target.destination.commit(target.destination.stage(batch([part], full)), FENCE, NOW)

    replace_all(0)
    command = [sys.executable, "-c", READER, str(target.file.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        try:
            for number in range(1, 16):
                assert reader.stdout.readline() == f"{5 + (number + 1) % 2} 1 {5 + (number + 1) % 2}\n"
                replace_all(number)
        finally:
            reader.kill()
