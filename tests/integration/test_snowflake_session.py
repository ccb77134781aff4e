"""A session on the stand-in for Snowflake: what it sends, in which order, and what becomes of it when things break."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.adapters.snowflake import staging
from etl_daemon.adapters.snowflake.session import RECYCLE_SECONDS, SnowflakeSession
from etl_daemon.config import settings_from
from etl_daemon.errors import DataError, OutcomeUnknownError, SetupError, TransientError
from tests.support.snowflake import Emulator

pytestmark = pytest.mark.xdist_group("snowflake")

CONTROL = "FINANCIAL_DATA.ETL_CONTROL"
NOTES = f"{CONTROL}.NOTES"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001 - Snowflake's NTZ
DDL = re.compile(r"\s*(CREATE|ALTER TABLE|DROP|PUT|COPY)\b", re.IGNORECASE)


class HandClock:
    """Seconds that pass when told to."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("snowflake")  # what is committed outlives a kill
    with Emulator(folder, detached_after_seconds=30, max_lock_wait_seconds=1) as running:
        yield running


def open_session(emulator: Emulator, clock: HandClock | None = None, **more: object) -> SnowflakeSession:
    values = {"ETL_DESTINATION": "snowflake", "ETL_TIMEOUT": 2, "SNOWFLAKE_STATEMENT_TIMEOUT": 2, **more}
    return SnowflakeSession(settings_from({**emulator.settings(), **values}), monotonic=clock or HandClock())


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def session(emulator: Emulator, clock: HandClock) -> Iterator[SnowflakeSession]:
    emulator.clear_faults()
    opened = open_session(emulator, clock)
    opened.run("CREATE DATABASE IF NOT EXISTS FINANCIAL_DATA")
    opened.run(f"CREATE SCHEMA IF NOT EXISTS {CONTROL}")
    opened.run(f"CREATE OR REPLACE TABLE {NOTES} (NUMBER BIGINT, TEXT VARCHAR, AT_TIME TIMESTAMP_NTZ)")
    yield opened
    emulator.clear_faults()
    opened.close()


def sent(emulator: Emulator, since: int) -> list[str]:
    return [statement.sql for statement in emulator.statements(since)]


def count(emulator: Emulator) -> int:
    return len(emulator.statements())


def note(session: SnowflakeSession, number: int) -> int:
    return session.run(f"INSERT INTO {NOTES} (NUMBER) VALUES (?)", number)


def within_transaction(session: SnowflakeSession, act: Callable[[], object], *, first: bool = True) -> None:
    with session.transaction():
        if first:
            note(session, 1)
        act()


def notes(session: SnowflakeSession) -> list[int]:
    return [number for (number,) in session.rows(f"SELECT NUMBER FROM {NOTES} ORDER BY 1")]


def number_of(session: SnowflakeSession) -> str:
    return session.rows("SELECT CURRENT_SESSION()")[0][0]


# ---------------------------------------------------------------- statements


def test_nothing_is_sent_before_the_first_use(emulator: Emulator) -> None:
    before = count(emulator)
    session = open_session(emulator)
    session.tag("prices", "b1")
    session.close()
    assert (count(emulator), session.statements) == (before, 0)


def test_values_are_bound_and_rows_counted(session: SnowflakeSession) -> None:
    text = "O'Hara \\ ? %s %(x)s"
    eastern = MOMENT.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=-5)))
    assert session.run(f"INSERT INTO {NOTES} VALUES (?, ?, ?), (?, ?, ?)", 1, text, eastern, 2, None, MOMENT) == 2
    assert session.rows(f"SELECT * FROM {NOTES} ORDER BY 1") == [(1, text, MOMENT), (2, None, MOMENT)]
    assert session.rows(f"SELECT NUMBER FROM {NOTES} WHERE AT_TIME = ? AND TEXT = ?", eastern, text) == [(1,)]
    assert session.run(f"UPDATE {NOTES} SET TEXT = ?", "same") == 2
    assert session.run(f"DELETE FROM {NOTES} WHERE NUMBER = ?", 99) == 0


def test_the_session_has_its_parameters(session: SnowflakeSession) -> None:
    for name, value in {"LOCK_TIMEOUT": "4", "TIMEZONE": "UTC", "AUTOCOMMIT": "true"}.items():
        (row,) = session.rows(f"SHOW PARAMETERS LIKE '{name}'")
        assert row[1] == value


def test_every_statement_is_counted_those_of_staging_too(emulator: Emulator, session: SnowflakeSession) -> None:
    before, counted = count(emulator), session.statements
    session.stage("STG_COUNTED", pa.table({"N": [1, 2]}))
    session.rows("SELECT 1")
    with pytest.raises(SetupError):
        session.rows("SELECT * FROM NOWHERE")
    session.close()
    assert session.statements - counted == count(emulator) - before == 6
    assert [sql.split()[0] for sql in sent(emulator, before)] == ["CREATE", "CREATE", "PUT", "COPY", "SELECT", "SELECT"]


def test_every_statement_carries_the_tag(emulator: Emulator, session: SnowflakeSession, clock: HandClock) -> None:
    before = count(emulator)
    session.rows("SELECT 1")
    session.tag("\\' é", "b1")
    session.stage("STG_TAGGED", pa.table({"N": [1, 2]}))
    within_transaction(session, lambda: session.rows("SELECT 2"))
    clock.seconds += RECYCLE_SECONDS
    session.rows("SELECT 3")  # on a new connection
    plain, *tagged = (json.loads(statement.query_tag) for statement in emulator.statements(before))
    assert (plain["app"], "batch_id" in plain) == ("etl_daemon", False)
    assert len(tagged) == 9, "four of staging, four of the transaction, and the last one"
    assert all((tag["dataset"], tag["batch_id"]) == ("\\' é", "b1") for tag in tagged)


# ---------------------------------------------------------------- staging

WIDE = pa.table(
    {
        "SYMBOL": pa.array(["A'b", "é", None]).dictionary_encode(),
        "_OBJECT_ROW": pa.array([1, 2**60 + 1, None]),
        "PRICE": pa.array([Decimal("123456789012.12345678"), Decimal("-0.00000001"), None], pa.decimal128(20, 8)),
        "VOLUME": pa.array([Decimal("12345678901234567890.12345678"), Decimal(0), None], pa.decimal128(28, 8)),
        "TIMESTAMP": pa.array([MOMENT, datetime(1969, 12, 31, 23, 59, 59, 1), None], pa.timestamp("us")),  # noqa: DTZ001
        "ZONED": pa.array([MOMENT.replace(tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
    }
)


def test_staged_values_arrive_exactly(emulator: Emulator, session: SnowflakeSession) -> None:
    before = count(emulator)
    full_name = session.stage("STG_WIDE", WIDE)
    copy = sent(emulator, before)[-1]
    assert "USE_LOGICAL_TYPE=TRUE" in copy  # Snowflake would take times for numbers
    assert "COMPRESSION=snappy" in copy
    assert full_name == f"{CONTROL}.STG_WIDE"
    expected = [tuple(row.values()) for row in WIDE.to_pylist()]
    assert session.rows(f"SELECT * FROM {full_name} ORDER BY _OBJECT_ROW") == expected


def test_staging_replaces_and_may_be_empty(session: SnowflakeSession) -> None:
    session.stage("STG_AGAIN", WIDE)
    full_name = session.stage("STG_AGAIN", WIDE.slice(0, 0))
    assert session.rows(f"SELECT count(*) FROM {full_name}") == [(0,)]


def test_big_tables_go_in_several_files(
    emulator: Emulator, session: SnowflakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "FILE_BYTES", 1_000)
    before = count(emulator)
    table = pa.table({"N": pa.array(range(2_500), pa.int64())})
    full_name = session.stage("STG_PIECES", table)
    assert sum(sql.startswith("PUT") for sql in sent(emulator, before)) == 5
    assert session.rows(f"SELECT count(*), count(DISTINCT N), max(N) FROM {full_name}") == [(2_500, 2_500, 2_499)]


def test_a_table_larger_than_memory_goes_in_parts(emulator: Emulator) -> None:
    settings = settings_from(emulator.settings())
    session = SnowflakeSession(settings, part_bytes=8_000)
    let_go: list[int] = []
    table = pa.table({"N": pa.array(range(2_500), pa.int64())})
    stays = np.arange(2_500) % 2 == 0
    before = count(emulator)
    full_name = session.stage("STG_PARTS", table, stays, lambda: let_go.append(count(emulator)))
    assert len(set(let_go)) == 3, "after each part: 1,000 rows of eight bytes are one"
    assert sum(sql.startswith("CREATE OR REPLACE TEMPORARY TABLE") for sql in sent(emulator, before)) == 1
    assert session.rows(f"SELECT count(*), count(DISTINCT N), max(N) FROM {full_name}") == [(1_250, 1_250, 2_498)]
    session.close()


def test_a_table_of_another_session_is_not_seen(emulator: Emulator, session: SnowflakeSession) -> None:
    full_name = session.stage("STG_OWN", WIDE)
    other = open_session(emulator)
    with pytest.raises(SetupError):
        other.rows(f"SELECT * FROM {full_name}")
    other.close()


# ---------------------------------------------------------------- transactions


def test_a_transaction_is_begun_and_committed(emulator: Emulator, session: SnowflakeSession) -> None:
    full_name = session.stage("STG_NOTES", pa.table({"N": [1, 2]}))
    before = count(emulator)
    with session.transaction():
        session.run(f"INSERT INTO {NOTES} (NUMBER) SELECT N FROM {full_name}")
    assert [sql.split()[0] for sql in sent(emulator, before)] == ["BEGIN", "INSERT", "COMMIT"]
    assert notes(session) == [1, 2]


def test_any_error_rolls_back(emulator: Emulator, session: SnowflakeSession) -> None:
    for wrong in (lambda: session.run("INSERT INTO NOWHERE VALUES (1)"), lambda: int("ours")):
        before = count(emulator)
        with pytest.raises((SetupError, ValueError)):
            within_transaction(session, wrong)
        assert sent(emulator, before)[-1] == "ROLLBACK"
    assert notes(session) == []


@pytest.mark.parametrize(
    "attempt",
    [
        lambda session: session.stage("STG_LATE", WIDE),
        lambda session: session.transaction().__enter__(),
    ],
)
def test_what_would_commit_has_no_place_within(emulator: Emulator, session: SnowflakeSession, attempt) -> None:
    before = count(emulator)
    with pytest.raises(RuntimeError, match="no place within a transaction"):
        within_transaction(session, lambda: attempt(session))
    within = itertools.takewhile(lambda sql: sql != "ROLLBACK", sent(emulator, before))
    assert not [sql for sql in within if DDL.match(sql)]
    assert notes(session) == []


@pytest.mark.parametrize("action", ["drop", "hang"])
def test_a_commit_whose_answer_is_lost_is_asked_for_again(
    emulator: Emulator, session: SnowflakeSession, action: str
) -> None:
    emulator.fault("^COMMIT", when="after", action=action, seconds=20)
    before = count(emulator)
    with session.transaction():
        note(session, 1)
    assert notes(session) == [1]
    assert sent(emulator, before).count("COMMIT") == 1


@pytest.mark.parametrize(("when", "kept"), [("before", []), ("after", [1])])
def test_a_commit_whose_outcome_is_unknown(
    emulator: Emulator, session: SnowflakeSession, when: str, kept: list[int]
) -> None:
    emulator.fault("^COMMIT", when=when, action="kill")
    before = session.statements
    with pytest.raises(OutcomeUnknownError, match="Whether the COMMIT took effect"), session.transaction():
        note(session, 1)
    assert session.statements - before == 3  # BEGIN, INSERT, COMMIT: no ROLLBACK on a connection that is gone
    emulator.wait()
    emulator.stop()
    emulator.start()
    assert notes(session) == kept


@pytest.mark.parametrize("fault", [{"action": "503", "times": 100}, {"action": "error", "errno": 604}])
def test_a_commit_that_does_not_take_effect_is_rolled_back(
    emulator: Emulator, session: SnowflakeSession, fault: dict[str, object]
) -> None:
    first = number_of(session)
    emulator.fault("^COMMIT", **fault)
    with pytest.raises(OutcomeUnknownError), session.transaction():
        note(session, 1)
    emulator.clear_faults()
    assert number_of(session) != first
    assert notes(session) == []


def test_a_commit_that_snowflake_refuses_is_no_unknown_outcome(emulator: Emulator, session: SnowflakeSession) -> None:
    emulator.fault("^COMMIT", action="error", errno=100078, sqlstate="22000")
    with pytest.raises(DataError), session.transaction():
        note(session, 1)
    assert notes(session) == []


def test_a_connection_lost_within_a_transaction_is_not_replaced_there(
    emulator: Emulator, session: SnowflakeSession
) -> None:
    before = count(emulator)

    def stubborn() -> None:
        with contextlib.suppress(TransientError):
            note(session, 1)
        note(session, 2)

    emulator.fault("^INSERT", action="drop", times=100)
    with pytest.raises(TransientError, match="within the transaction"):
        within_transaction(session, stubborn, first=False)
    emulator.clear_faults()
    assert notes(session) == []
    assert not [sql for sql in sent(emulator, before) if sql in {"COMMIT", "ROLLBACK"}]


def test_waiting_for_a_lock_in_vain_passes_and_keeps_the_session(emulator: Emulator, session: SnowflakeSession) -> None:
    other, first = open_session(emulator), number_of(session)
    note(session, 1)
    with other.transaction():
        other.run(f"UPDATE {NOTES} SET TEXT = 'held'")
        with pytest.raises(TransientError, match="000625"), session.transaction():
            session.run(f"UPDATE {NOTES} SET TEXT = 'late'")
    other.close()
    assert session.rows(f"SELECT TEXT FROM {NOTES}") == [("held",)]
    assert number_of(session) == first


# ---------------------------------------------------------------- recycling


def test_an_old_connection_is_replaced(session: SnowflakeSession, clock: HandClock) -> None:
    first = number_of(session)
    clock.seconds += RECYCLE_SECONDS - 1
    assert number_of(session) == first
    clock.seconds += 1
    assert number_of(session) != first


def test_not_in_a_transaction_nor_between_staging_and_it(session: SnowflakeSession, clock: HandClock) -> None:
    first = number_of(session)
    full_name = session.stage("STG_KEPT", pa.table({"N": [1]}))
    clock.seconds += RECYCLE_SECONDS
    with session.transaction():
        session.run(f"INSERT INTO {NOTES} (NUMBER) SELECT N FROM {full_name}")
        clock.seconds += RECYCLE_SECONDS
        assert number_of(session) == first
    assert number_of(session) != first
    assert notes(session) == [1]


@pytest.mark.parametrize("fault", [{"action": "error", "errno": 390111}, {"action": "503", "times": 100}])
def test_a_broken_connection_is_replaced(
    emulator: Emulator, session: SnowflakeSession, fault: dict[str, object]
) -> None:
    first = number_of(session)
    emulator.fault("SELECT 'broken'", **fault)
    with pytest.raises(TransientError):
        session.rows("SELECT 'broken'")
    assert number_of(session) != first


def test_a_failed_statement_breaks_nothing(session: SnowflakeSession) -> None:
    first = number_of(session)
    with pytest.raises(SetupError, match=r"etl-daemon init"):
        session.rows("SELECT * FROM NOWHERE")
    assert number_of(session) == first


def test_closing_twice_and_using_again(session: SnowflakeSession) -> None:
    session.close()
    session.close()
    assert session.rows("SELECT 1") == [(1,)]
