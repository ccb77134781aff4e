"""What is special to a DuckDB file: who may open it when, and how many statements a commit takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pytest

from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.duckdb.session import DuckDBFile, DuckDBSession, Sent
from etl_daemon.core.datasets import Dataset
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


@dataclass
class Counted:
    """A DuckDB file that counts what a commit would send to a server: BEGIN, COMMIT, and four statements to stage."""

    file: DuckDBFile
    statements: list[str] = field(default_factory=list)

    @property
    def dialect(self):
        return self.file.dialect

    @property
    def database(self) -> str:
        return self.file.database

    def close(self) -> None:
        self.file.close()

    @contextmanager
    def session(self) -> Iterator[CountedSession]:
        with self.file.connection() as connection:
            yield CountedSession(connection, self.statements)


class CountedSession(DuckDBSession):
    def __init__(self, connection, statements: list[str]) -> None:
        super().__init__(connection, Sent())
        self.statements = statements

    def rows(self, statement: str, *values: object):
        self.statements.append(statement)
        return super().rows(statement, *values)

    @contextmanager
    def transaction(self):
        self.statements.append("BEGIN")
        with super().transaction():
            yield
        self.statements.append("COMMIT")

    def stage(self, name, table, stays=None):
        self.statements += ["CREATE TABLE", "CREATE STAGE", "PUT", "COPY"]
        return super().stage(name, table, stays)

    def tag(self, dataset: str, batch_id: str) -> None:
        self.statements.append("ALTER SESSION")


@pytest.mark.parametrize("mode", ["UPSERT", "APPEND", "INCREMENTAL", "FULL", "TRUNCATE_INSERT"])
def test_a_commit_takes_few_statements(tmp_path, mode):
    dataset: Dataset = of(PRICES, mode)
    target = DuckDBTarget(tmp_path / "market.duckdb")
    counted = Counted(target.file)
    destination = SqlDestination(counted, ANOMALIES)

    def load(*rows: dict[str, object], version: str) -> list[str]:
        counted.statements.clear()
        part = cleaned(ref("a", version, int(version)), list(rows), dataset)
        destination.commit(destination.stage(batch([part], dataset)), FENCE, NOW)
        begin, end = counted.statements.index("BEGIN"), counted.statements.index("COMMIT")
        inside = [statement.split()[0] for statement in counted.statements[begin + 1 : end]]
        assert set(inside) <= {"SELECT", "INSERT", "UPDATE", "DELETE"}, "DDL would commit what is open"
        return counted.statements

    fresh = load(price(), price("MSFT"), version="1")
    assert len(fresh) <= (16 if dataset.mode.replaces else 14), fresh
    load(price(**WILD), price("oops!"), version="2")
    load(price("MSFT", **WILD), version="3")
    everything = load(price("MSFT", **WILD), price("oops!"), version="2")
    assert len(everything) <= 24, everything
