"""What `etl-daemon check` finds on Snowflake, step by step."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_daemon.adapters.snowflake.probe import Finding, probe
from etl_daemon.adapters.snowflake.session import SnowflakeSession
from etl_daemon.bootstrap.runtime import build
from etl_daemon.config import Settings, settings_from
from etl_daemon.core.events import Event, SettingDiscouraged
from etl_daemon.core.sql.dialect import SNOWFLAKE
from etl_daemon.core.sql.tables import creating
from etl_daemon.errors import ConfigError, SetupError, TransientError
from tests.support.command import Shell
from tests.support.login_server import login_server
from tests.support.snowflake import Emulator

ROOT = Path(__file__).resolve().parents[2]

PLACE = ("CREATE DATABASE FINANCIAL_DATA", "CREATE SCHEMA FINANCIAL_DATA.MARKET_DATA")

pytestmark = pytest.mark.xdist_group("snowflake")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


def settings(emulator: Emulator, **more: object) -> Settings:
    return settings_from({"ETL_DESTINATION": "snowflake", "ETL_TIMEOUT": 2, **emulator.settings(), **more})


def found(of: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in probe(of)}


def make(emulator: Emulator, *statements: str) -> None:
    session = SnowflakeSession(settings(emulator))
    for statement in statements:
        session.run(statement)
    session.close()


def test_everything_is_there(emulator: Emulator) -> None:
    make(emulator, *PLACE, *creating("FINANCIAL_DATA", [], SNOWFLAKE).values())
    findings = found(settings(emulator))
    assert list(findings) == ["login", "clock", "role", "warehouse", "database", "staging", "grants"]
    assert [finding for finding in findings.values() if finding.error] == []
    assert "TESTER in by snowflake" in findings["login"].detail
    assert "SNOWFLAKE_PRIVATE_KEY_PATH" in findings["login"].hint
    assert "SYSADMIN" in findings["role"].detail
    assert "COMPUTE_WH" in findings["warehouse"].detail
    writing = [statement.sql for statement in emulator.statements() if "WHERE 1 = 0" in statement.sql]
    assert len(writing) == 10


def test_the_stage_that_the_settings_name_is_listed(emulator: Emulator) -> None:
    make(emulator, *PLACE, *creating("FINANCIAL_DATA", [], SNOWFLAKE).values())
    missing = found(settings(emulator, SNOWFLAKE_STAGE="MARKET_DATA.LANDING"))
    assert list(missing)[-1] == "stage"
    assert isinstance(missing["stage"].error, SetupError)
    make(emulator, "CREATE STAGE FINANCIAL_DATA.MARKET_DATA.LANDING")
    empty = found(settings(emulator, SNOWFLAKE_STAGE="MARKET_DATA.LANDING"))["stage"]
    assert (empty.error, empty.detail) == (
        None,
        "FINANCIAL_DATA.MARKET_DATA.LANDING can be listed, but holds no object.",
    )
    emulator.run(f"PUT file://{Path(__file__)} @FINANCIAL_DATA.MARKET_DATA.LANDING", database="FINANCIAL_DATA")
    full = found(settings(emulator, SNOWFLAKE_STAGE="LANDING"))["stage"]
    assert (full.error, full.hint) == (None, "")
    assert "1 objects" in full.detail


def test_the_stage_of_spark_is_listed_and_may_be_empty(emulator: Emulator) -> None:
    make(emulator, *PLACE, *creating("FINANCIAL_DATA", [], SNOWFLAKE).values())
    place = {"SPARK_STAGE": "MARKET_DATA.STAGING"}
    assert isinstance(found(settings(emulator, **place))["spark stage"].error, SetupError)
    make(emulator, "CREATE STAGE FINANCIAL_DATA.MARKET_DATA.STAGING")
    empty = found(settings(emulator, **place))["spark stage"]
    assert (empty.error, empty.hint, empty.detail) == (None, "", "FINANCIAL_DATA.MARKET_DATA.STAGING can be listed.")


def test_a_database_that_is_not_there(emulator: Emulator) -> None:
    findings = found(settings(emulator, SNOWFLAKE_DATABASE="ELSEWHERE"))
    assert list(findings)[-1] == "database"
    assert "etl-daemon init" in findings["database"].hint


def test_missing_control_tables_are_found_last(emulator: Emulator) -> None:
    make(emulator, *PLACE, "CREATE SCHEMA FINANCIAL_DATA.ETL_CONTROL")
    findings = found(settings(emulator))
    assert findings["staging"].error is None
    assert isinstance(findings["grants"].error, SetupError)
    assert "etl-daemon init" in findings["grants"].hint


def test_a_stage_that_cannot_be_reached(emulator: Emulator) -> None:
    make(emulator, *PLACE, "CREATE SCHEMA FINANCIAL_DATA.ETL_CONTROL")
    emulator.fault("^COPY", action="error", errno=90073, sqlstate="22000")
    findings = found(settings(emulator))
    assert list(findings)[-1] == "staging"
    assert "resource monitor" in findings["staging"].hint


def test_nobody_answers_or_lets_us_in() -> None:
    with login_server() as server:
        closed = settings_from(server.settings(SNOWFLAKE_TOKEN="t", SNOWFLAKE_USERNAME="u", ETL_TIMEOUT=1))
        server.status = 503
        (finding,) = probe(closed)
        assert (finding.name, type(finding.error)) == ("login", TransientError)
        server.status, server.refuse_with = 200, 390303
        (finding,) = probe(closed)
        assert (finding.name, type(finding.error)) == ("login", ConfigError)
        assert "SNOWFLAKE_TOKEN" in finding.hint


def test_check_prints_a_line_for_each(emulator: Emulator, tmp_path: Path) -> None:
    make(emulator, *PLACE, *creating("FINANCIAL_DATA", [], SNOWFLAKE).values())
    place = {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": tmp_path, "ETL_DESTINATION": "snowflake", "PYTHONPATH": ROOT}
    shell = Shell(tmp_path, {**emulator.settings(), **place})
    ended = shell.execute([sys.executable, "-m", "etl_daemon", "check", "--json"])
    lines = {line["name"]: line for line in ended.document["checks"]}
    assert ended.code == 0, ended
    assert [name for name in lines if name.startswith("snowflake ")] == [
        f"snowflake {name}" for name in ("login", "clock", "role", "warehouse", "database", "staging", "grants")
    ]
    assert lines["snowflake login"]["state"] == "warn"
    assert lines["snowflake grants"]["state"] == "ok"
    assert lines["snowflake clock"]["state"] == "ok"
    assert "destination" not in lines
    wrong = shell.execute([sys.executable, "-m", "etl_daemon", "check"], SNOWFLAKE_PORT=1, ETL_TIMEOUT=1)
    assert wrong.code == 1
    assert "fail snowflake login: " in wrong.out
    assert "     hint: check the network" in wrong.out


def test_a_password_is_warned_about_once_at_the_start(emulator: Emulator, tmp_path: Path) -> None:
    class Listener:
        def __init__(self) -> None:
            self.events: list[Event] = []

        def notice(self, event: Event) -> None:
            self.events.append(event)

    place = {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": str(tmp_path), "ETL_STATE_DIR": str(tmp_path / "state")}
    listener = Listener()
    build(settings(emulator, **place), [listener]).close()
    (event,) = listener.events
    assert isinstance(event, SettingDiscouraged)
    assert event.setting == "SNOWFLAKE_PASSWORD"
    assert "SNOWFLAKE_PRIVATE_KEY_PATH" in event.hint
    by_token = settings(emulator, SNOWFLAKE_PASSWORD=None, SNOWFLAKE_TOKEN="t", **place)
    build(by_token, [listener]).close()
    assert len(listener.events) == 1
    assert emulator.statements() == []
