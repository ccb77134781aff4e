"""The stand-in for Snowflake does what Snowflake does around transactions, locks, failures and lost answers."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import HTTPError

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error, IntegrityError, OperationalError, ProgrammingError

from tests.support.snowflake import Emulator

ABORTING = {"session_parameters": {"TRANSACTION_ABORT_ON_ERROR": True}}
IMPATIENT = {"session_parameters": {"LOCK_TIMEOUT": 0}}
GIVING_UP = {"retry_max_attempts": 1}


class Accounts:
    """A table ACCOUNTS of names and balances, and sessions to change it."""

    def __init__(self, emulator: Emulator, database: str) -> None:
        self.emulator = emulator
        self.where = {"database": database, "schema": "BANK"}
        self.connections: list[SnowflakeConnection] = []
        self.first = self.session()
        self.do(f"CREATE SCHEMA {database}.BANK")
        self.do("CREATE TABLE ACCOUNTS (NAME VARCHAR, BALANCE BIGINT)")
        self.do("INSERT INTO ACCOUNTS VALUES ('a', 1), ('b', 2)")

    def session(self, **overrides) -> SnowflakeConnection:
        self.connections.append(self.emulator.connect(**self.where, **overrides))
        return self.connections[-1]

    def do(self, sql: str, binds=None, connection: SnowflakeConnection | None = None) -> list[tuple]:
        return (connection or self.first).cursor().execute(sql, binds).fetchall()

    def balances(self, connection: SnowflakeConnection | None = None) -> dict[str, int]:
        return dict(self.do("SELECT NAME, BALANCE FROM ACCOUNTS ORDER BY NAME", None, connection or self.session()))

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


@pytest.fixture
def accounts(snowflake, snowflake_database):
    accounts = Accounts(snowflake, snowflake_database)
    yield accounts
    accounts.close()


def until(condition, seconds=10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.01)


# ---------------------------------------------------------------- transactions


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE OTHER (A INT)",
        "CREATE TEMPORARY TABLE STAGING (A INT)",
        "CREATE OR REPLACE TEMPORARY TABLE BANK.STAGING (A INT)",
        "CREATE TEMPORARY STAGE FILES",
        "ALTER TABLE ACCOUNTS ADD COLUMN NOTE VARCHAR",
        "DROP TABLE IF EXISTS NOTHING",
        "GRANT SELECT ON TABLE ACCOUNTS TO ROLE ANYONE",
    ],
)
def test_ddl_commits_the_open_transaction(accounts, ddl):
    accounts.do("BEGIN")
    accounts.do("UPDATE ACCOUNTS SET BALANCE = 7 WHERE NAME = 'a'")
    accounts.do(ddl)
    accounts.do("ROLLBACK")
    assert accounts.balances() == {"a": 7, "b": 2}


def test_rollback_undoes_the_transaction_and_nobody_saw_it(accounts):
    accounts.do("BEGIN TRANSACTION")
    accounts.do("DELETE FROM ACCOUNTS")
    assert accounts.balances() == {"a": 1, "b": 2}
    accounts.do("ROLLBACK")
    assert accounts.balances() == {"a": 1, "b": 2}


@pytest.mark.parametrize(("end", "left"), [("ROLLBACK", {"a": 1, "b": 2}), ("COMMIT", {"a": 1, "b": 2, "c": 3})])
def test_begin_inside_a_transaction_is_ignored(accounts, end, left):
    accounts.do("BEGIN")
    accounts.do("INSERT INTO ACCOUNTS VALUES ('c', 3)")
    accounts.do("BEGIN")
    accounts.do(end)
    assert accounts.balances() == left


@pytest.mark.parametrize("begin", ["begin;", "START TRANSACTION", "/* by: */ BEGIN WORK -- now", "BEGIN NAME T1"])
@pytest.mark.parametrize("end", ["rollback work", "-- no\n ROLLBACK /* all */;"])
def test_every_spelling_opens_and_ends_a_transaction(accounts, begin, end):
    accounts.do(begin)
    accounts.do("DELETE FROM ACCOUNTS")
    accounts.do(end)
    accounts.do("UPDATE ACCOUNTS SET BALANCE = 0", None, accounts.session(**IMPATIENT))
    assert accounts.balances() == {"a": 0, "b": 0}


def test_a_transaction_reads_what_others_committed_meanwhile(accounts):
    accounts.do("BEGIN")
    assert accounts.balances(accounts.first) == {"a": 1, "b": 2}
    accounts.do("UPDATE ACCOUNTS SET BALANCE = 5 WHERE NAME = 'b'", connection=accounts.session())
    assert accounts.balances(accounts.first) == {"a": 1, "b": 5}


MISTAKES = ["INSERT INTO NOWHERE VALUES (1)", "SELEC 1", "INSERT INTO ACCOUNTS SELECT 'd', 'x'::BIGINT"]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_failed_statement_leaves_the_transaction_open(accounts, mistake):
    accounts.do("BEGIN")
    accounts.do("INSERT INTO ACCOUNTS VALUES (?, ?)", ("c", 3))
    accounts.do("UPDATE ACCOUNTS SET BALANCE = BALANCE + 1 WHERE NAME > 'a'")
    with pytest.raises(ProgrammingError):
        accounts.do(mistake)
    assert accounts.balances() == {"a": 1, "b": 2}
    with pytest.raises(ProgrammingError) as locked:
        accounts.do("DELETE FROM ACCOUNTS", None, accounts.session(**IMPATIENT))
    assert locked.value.errno == 625
    accounts.do("DELETE FROM ACCOUNTS WHERE NAME = 'a'")
    accounts.do("COMMIT")
    assert accounts.balances() == {"b": 3, "c": 4}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_failed_statement_aborts_the_transaction_if_the_session_asks_for_it(accounts, mistake):
    session = accounts.session(**ABORTING)
    accounts.do("BEGIN", None, session)
    accounts.do("UPDATE ACCOUNTS SET BALANCE = 7", None, session)
    with pytest.raises(ProgrammingError):
        accounts.do(mistake, None, session)
    with pytest.raises(ProgrammingError) as refused:
        accounts.do("SELECT 1", None, session)
    with pytest.raises(ProgrammingError) as not_committed:
        accounts.do("COMMIT", None, session)
    assert (refused.value.errno, not_committed.value.errno) == (615, 615)
    assert accounts.balances(session) == {"a": 1, "b": 2}


def test_rollback_leads_out_of_an_aborted_transaction(accounts):
    session = accounts.session(**ABORTING)
    accounts.do("BEGIN", None, session)
    with pytest.raises(ProgrammingError):
        accounts.do("SELECT NOTHING", None, session)
    accounts.do("ROLLBACK", None, session)
    accounts.do("INSERT INTO ACCOUNTS VALUES ('c', 3)", None, session)
    assert accounts.balances() == {"a": 1, "b": 2, "c": 3}


def test_closing_a_session_rolls_back_and_drops_its_temporary_tables(accounts):
    session = accounts.session()
    accounts.do("CREATE TEMPORARY TABLE STAGING (A INT)", None, session)
    accounts.do("BEGIN", None, session)
    accounts.do("UPDATE ACCOUNTS SET BALANCE = 7", None, session)
    session.close()
    accounts.do("UPDATE ACCOUNTS SET BALANCE = BALANCE + 1", None, accounts.session(**IMPATIENT))
    assert accounts.balances() == {"a": 2, "b": 3}
    with pytest.raises(ProgrammingError, match="STAGING"):
        accounts.do("SELECT * FROM STAGING", None, accounts.session())


# ---------------------------------------------------------------- locks


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ACCOUNTS SET BALANCE = 7",
        "DELETE FROM ACCOUNTS WHERE NAME = 'a'",
        "MERGE INTO ACCOUNTS USING (SELECT 'a' AS N) AS S ON NAME = S.N WHEN MATCHED THEN UPDATE SET BALANCE = 7",
        "TRUNCATE TABLE ACCOUNTS",
        "INSERT OVERWRITE INTO ACCOUNTS VALUES ('z', 9)",
    ],
)
def test_a_change_locks_its_table_until_the_transaction_ends(accounts, change):
    rival = accounts.session(**IMPATIENT)
    accounts.do("BEGIN")
    accounts.do(change)
    with pytest.raises(ProgrammingError) as locked:
        accounts.do("UPDATE ACCOUNTS SET BALANCE = 0 WHERE NAME = 'b'", None, rival)
    assert (locked.value.errno, locked.value.sqlstate) == (625, "57014")
    accounts.do("INSERT INTO ACCOUNTS VALUES ('c', 3)", None, rival)  # takes no lock
    accounts.do("ROLLBACK")
    accounts.do(change, None, rival)


def test_a_waiting_change_goes_on_with_what_was_committed(accounts):
    rival = accounts.session()
    accounts.do("BEGIN", None, rival)
    accounts.do("BEGIN")
    accounts.do("UPDATE ACCOUNTS SET BALANCE = 10 WHERE NAME = 'a'")
    change = "UPDATE ACCOUNTS SET BALANCE = BALANCE + 1 WHERE BALANCE = 10"
    waiting = threading.Thread(target=accounts.do, args=(change, None, rival))
    waiting.start()
    until(lambda: change in [statement.sql for statement in accounts.emulator.statements()])
    accounts.do("COMMIT")
    waiting.join(10)
    accounts.do("COMMIT", None, rival)
    assert accounts.balances() == {"a": 11, "b": 2}


def test_a_statement_whose_client_gave_up_waiting_is_not_run_later(accounts):
    rival = accounts.session(query_timeout=1)
    accounts.do("BEGIN")
    accounts.do("UPDATE ACCOUNTS SET BALANCE = 10")
    with pytest.raises(OperationalError) as timed_out:
        accounts.do("DELETE FROM ACCOUNTS", None, rival)
    assert (timed_out.value.errno, timed_out.value.sqlstate) == (14, "HYT00")
    until(lambda: 604 in [statement.errno for statement in accounts.emulator.statements()])
    accounts.do("COMMIT")
    assert accounts.balances() == {"a": 10, "b": 10}


CLIENT = """
import sys
from tests.support.snowflake import Emulator
emulator = Emulator()
emulator.port = int(sys.argv[1])
cursor = emulator.connect(database="D", schema="S").cursor()
cursor.execute("BEGIN")
cursor.execute("UPDATE T SET A = 7")
print("changed", flush=True)
sys.stdin.read()
"""


def test_the_transaction_of_a_killed_client_is_rolled_back_after_a_while():
    with Emulator(detached_after_seconds=1) as emulator:
        emulator.run("CREATE DATABASE D", "CREATE SCHEMA D.S", "CREATE TABLE D.S.T AS SELECT 1 AS A")
        command = [sys.executable, "-c", CLIENT, str(emulator.port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()) as client:
            assert client.stdout.readline() == b"changed\n"
            client.kill()
        assert client.returncode == -signal.SIGKILL
        rows = emulator.run("UPDATE D.S.T SET A = A + 1", "SELECT A FROM D.S.T")
    assert rows == [(2,)]


def test_a_client_that_comes_back_too_late_learns_it():
    with Emulator(detached_after_seconds=1) as emulator:
        emulator.run("CREATE DATABASE D", "CREATE SCHEMA D.S", "CREATE TABLE D.S.T AS SELECT 1 AS A")
        with emulator.connect() as late:
            late.cursor().execute("BEGIN")
            late.cursor().execute("UPDATE D.S.T SET A = 7")
            emulator.run("UPDATE D.S.T SET A = 2")
            with pytest.raises(ProgrammingError, match="rolled back"):
                late.cursor().execute("COMMIT")
        assert emulator.run("SELECT A FROM D.S.T") == [(2,)]


def test_rivals_with_staging_tables_of_the_same_name_take_turns(accounts):
    failures = []
    staging = "CREATE OR REPLACE TEMPORARY TABLE STAGING (NAME VARCHAR(3), BALANCE BIGINT)"

    def load(name: str) -> None:
        session = accounts.session(**ABORTING)
        try:
            for _ in range(10):
                accounts.do(staging, None, session)
                accounts.do("INSERT INTO STAGING VALUES (?, 1)", (name,), session)
                accounts.do("BEGIN", None, session)
                accounts.do("UPDATE ACCOUNTS SET BALANCE = BALANCE + 1 WHERE NAME = 'a'", None, session)
                accounts.do("INSERT INTO ACCOUNTS SELECT NAME, BALANCE FROM STAGING", None, session)
                accounts.do("COMMIT", None, session)
        except Error as error:
            failures.append(error)

    rivals = [threading.Thread(target=load, args=(name,)) for name in ("x", "y", "z")]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(60)
    assert failures == []
    counted = accounts.do("SELECT NAME, COUNT(*), MAX(BALANCE) FROM ACCOUNTS GROUP BY NAME ORDER BY NAME")
    assert counted == [("a", 1, 31), ("b", 1, 2), ("x", 10, 1), ("y", 10, 1), ("z", 10, 1)]


# ---------------------------------------------------------------- MERGE and keys


def merge(condition: str = "") -> str:
    return (
        "MERGE INTO ACCOUNTS AS T USING (SELECT COLUMN1 AS NAME, COLUMN2 AS BALANCE FROM VALUES "
        "('a', 10), ('a', 11), ('z', 1), ('z', 1)) AS S ON T.NAME = S.NAME "
        f"WHEN MATCHED {condition} THEN UPDATE SET T.BALANCE = S.BALANCE "
        "WHEN NOT MATCHED THEN INSERT (NAME, BALANCE) VALUES (S.NAME, S.BALANCE)"
    )


def test_merge_refuses_two_source_rows_for_one_row_of_the_target(accounts):
    with pytest.raises(ProgrammingError) as duplicate:
        accounts.do(merge())
    assert duplicate.value.errno == 100090
    assert accounts.balances() == {"a": 1, "b": 2}


def test_merge_takes_what_its_condition_leaves_single_and_inserts_both_of_an_unmatched_pair(accounts):
    cursor = accounts.first.cursor().execute(merge("AND S.BALANCE > 10"))
    assert (cursor.fetchall(), cursor.rowcount) == ([(2, 1)], 3)
    assert accounts.do("SELECT NAME, BALANCE FROM ACCOUNTS ORDER BY NAME, BALANCE") == [
        ("a", 11),
        ("b", 2),
        ("z", 1),
        ("z", 1),
    ]


@pytest.mark.parametrize("key", ["A INT PRIMARY KEY", "A INT UNIQUE", "A INT, PRIMARY KEY (A)", "A INT, UNIQUE (A)"])
def test_keys_are_not_enforced(accounts, key):
    accounts.do(f"CREATE TABLE KEYED ({key})")
    accounts.do("INSERT INTO KEYED VALUES (1), (1)")
    assert accounts.do("SELECT COUNT(*) FROM KEYED") == [(2,)]


def test_columns_of_a_primary_key_are_not_null(accounts):
    accounts.do("CREATE TABLE KEYED (A INT, B INT, CONSTRAINT K PRIMARY KEY (A))")
    with pytest.raises(IntegrityError) as missing:
        accounts.do("INSERT INTO KEYED VALUES (NULL, 1)")
    assert missing.value.errno == 100072


@pytest.mark.parametrize("key", ["PRIMARY KEY (A)", "CONSTRAINT U UNIQUE (A)"])
def test_keys_added_later_are_not_enforced_either(accounts, key):
    accounts.do("CREATE TABLE KEYED (A INT)")
    accounts.do(f"ALTER TABLE KEYED ADD {key}")
    accounts.do("INSERT INTO KEYED VALUES (1), (1)")
    assert accounts.do("SELECT COUNT(*) FROM KEYED") == [(2,)]


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("fault", [{}, {"action": "drop"}, {"action": "drop", "when": "after"}, {"when": "after"}])
def test_a_repeated_request_is_run_once(accounts, fault):
    accounts.emulator.fault("^INSERT INTO ACCOUNTS", **fault)
    accounts.do("INSERT INTO ACCOUNTS VALUES ('c', 3)")
    assert accounts.balances() == {"a": 1, "b": 2, "c": 3}


def test_a_request_that_its_repetition_overtakes_is_not_run_again(accounts):
    impatient = accounts.session(retry_timeout=1, query_timeout=10)
    accounts.emulator.fault("^INSERT INTO ACCOUNTS", action="hang", seconds=2)
    accounts.do("INSERT INTO ACCOUNTS VALUES ('c', 3)", None, impatient)
    accounts.emulator.fault("^SELECT 'later'", action="hang", seconds=2)
    accounts.do("SELECT 'later'")
    assert accounts.do("SELECT COUNT(*) FROM ACCOUNTS") == [(3,)]


def test_the_answer_of_a_commit_can_stay_lost(accounts):
    accounts.emulator.fault("^COMMIT", action="drop", when="after", times=99)
    session = accounts.session(retry_max_attempts=2)
    accounts.do("BEGIN", None, session)
    accounts.do("DELETE FROM ACCOUNTS WHERE NAME = 'b'", None, session)
    with pytest.raises(OperationalError) as unknown:
        accounts.do("COMMIT", None, session)
    assert (unknown.value.errno, unknown.value.sqlstate) == (4, None)
    assert accounts.balances() == {"a": 1}


def test_an_error_before_a_statement_keeps_it_from_running(accounts):
    accounts.emulator.fault("^DELETE", action="error", errno=606, sqlstate="57P03", message="No active warehouse")
    with pytest.raises(ProgrammingError, match="No active warehouse") as injected:
        accounts.do("DELETE FROM ACCOUNTS")
    assert (injected.value.errno, injected.value.sqlstate) == (606, "57P03")
    assert accounts.balances() == {"a": 1, "b": 2}


def test_an_injected_error_aborts_a_transaction_as_any_other(accounts):
    session = accounts.session(**ABORTING)
    accounts.emulator.fault("^DELETE", action="error")
    accounts.do("BEGIN", None, session)
    with pytest.raises(Error, match="injected"):
        accounts.do("DELETE FROM ACCOUNTS", None, session)
    with pytest.raises(ProgrammingError, match="aborted"):
        accounts.do("COMMIT", None, session)


def test_a_hung_statement_times_out_at_the_client(accounts):
    accounts.emulator.fault("^INSERT", action="hang", seconds=1.5)
    with pytest.raises(OperationalError, match="timed out"):
        accounts.do("INSERT INTO ACCOUNTS VALUES ('c', 3)", None, accounts.session(query_timeout=1))
    until(lambda: len(accounts.balances(accounts.first)) == 3)  # it arrives late


@pytest.mark.parametrize("fault", [{"action": "melt"}, {"when": "during"}, {"matches": "x"}, {"match": "("}])
def test_a_fault_that_does_not_exist_is_refused(snowflake, fault):
    with pytest.raises(HTTPError):
        snowflake.fault(**{"match": "x", **fault})


def test_what_is_committed_outlives_the_server(tmp_path):
    with Emulator(tmp_path) as emulator:
        emulator.run("CREATE DATABASE D", "CREATE SCHEMA D.S", "CREATE TABLE D.S.T (A INT)")
        emulator.run("INSERT INTO D.S.T VALUES (1)")
        port = emulator.port
        emulator.fault("VALUES .3.", action="kill")
        with emulator.connect(**GIVING_UP) as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO D.S.T VALUES (2)")
            with pytest.raises(OperationalError):
                cursor.execute("INSERT INTO D.S.T VALUES (3)")
            assert emulator.wait() == 137
            emulator.start()
            with pytest.raises(Error):
                cursor.execute("COMMIT")
        assert emulator.port == port
        assert emulator.run("SELECT A FROM D.S.T") == [(1,)]
        assert emulator.run("SELECT A FROM T", database="D", schema="S") == [(1,)]


def test_the_emulator_ends_with_its_parent():
    with Emulator() as emulator:
        emulator._process.stdin.close()
        assert emulator.wait() == 0


# ---------------------------------------------------------------- the log


def test_the_log_tells_who_sent_what(accounts):
    start = len(accounts.emulator.statements())
    tagged = accounts.session(session_parameters={"QUERY_TAG": "load:1"})
    accounts.do("SELECT ?, ?", ("x", 1), tagged)
    accounts.do("ALTER SESSION SET QUERY_TAG = 'it''s'", None, tagged)
    with pytest.raises(ProgrammingError):
        accounts.do("SELECT NOTHING", None, tagged)
    tagged.cursor().execute("SELECT 1", _statement_params={"QUERY_TAG": "once"})
    accounts.do("SELECT 2")

    statements = accounts.emulator.statements(start)
    assert [(entry.sql, entry.query_tag, entry.binds) for entry in statements] == [
        ("SELECT ?, ?", "load:1", ["x", "1"]),
        ("ALTER SESSION SET QUERY_TAG = 'it''s'", "load:1", []),
        ("SELECT NOTHING", "it's", []),
        ("SELECT 1", "once", []),
        ("SELECT 2", "", []),
    ]
    assert [entry.errno is None for entry in statements] == [True, True, False, True, True]
    assert [entry.number for entry in statements] == list(range(start, start + 5))
    assert len({entry.session for entry in statements[:4]}) == 1
    assert statements[4].session != statements[0].session
