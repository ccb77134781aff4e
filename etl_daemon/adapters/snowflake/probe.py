"""Whether the connection can do what loading takes, step by step; nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from etl_daemon.adapters.snowflake.login import discouraged, method_of
from etl_daemon.adapters.snowflake.session import SnowflakeSession
from etl_daemon.config import Settings
from etl_daemon.core.configure import full_table_name
from etl_daemon.core.monitor.clock import apart
from etl_daemon.core.sql.tables import CONTROL_SCHEMA, control
from etl_daemon.errors import EtlError, SetupError

INIT_HINT = "run etl-daemon init with a role that has CREATE SCHEMA, or deploy/snowflake/03_database.sql"

GRANTS: Mapping[str, tuple[str, ...]] = {
    "ETL_CURSORS": ("INSERT", "UPDATE"),
    "ETL_OBJECTS": ("INSERT", "UPDATE", "DELETE"),
    "ETL_BATCHES": ("INSERT",),
    "ETL_QUARANTINE": ("INSERT", "UPDATE", "DELETE"),
    "ETL_AUDIT_LOG": ("INSERT",),
}
"""What loading takes on the control tables, beside SELECT."""

_ATTEMPTS: Mapping[str, str] = {
    "INSERT": "INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0",
    "UPDATE": "UPDATE {table} SET DATASET = DATASET WHERE 1 = 0",
    "DELETE": "DELETE FROM {table} WHERE 1 = 0",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found. ``error`` says that it failed; a ``hint`` without one, that something could be better."""

    name: str
    detail: str
    hint: str = ""
    error: EtlError | None = None


def probe(settings: Settings) -> Iterator[Finding]:
    """Try one step after the other; where one fails, those after it are not tried."""
    session = SnowflakeSession(settings)
    try:
        for name, attempt in _steps(session, settings).items():
            finding = _found(name, attempt)
            yield finding
            if finding.error or (name == "database" and finding.hint):
                return
    finally:
        session.close()


def _found(name: str, attempt: Callable[[], tuple[str, str]]) -> Finding:
    try:
        return Finding(name, *attempt())
    except EtlError as error:
        return Finding(name, error.detail, error.hint, error)


def _steps(session: SnowflakeSession, settings: Settings) -> Mapping[str, Callable[[], tuple[str, str]]]:
    """Each step gives what it found, and a hint if something could be better."""
    database = settings.snowflake_database
    stages = {"stage": settings.snowflake_stage, "spark stage": settings.spark_stage}
    listed = {step: partial(_stage, session, settings, name) for step, name in stages.items() if name}
    return {
        "login": lambda: _login(session, settings),
        "clock": lambda: _clock(session),
        "role": lambda: _current(session, "role", "GRANT ROLE ... TO USER ..., and set SNOWFLAKE_ROLE"),
        "warehouse": lambda: _current(
            session, "warehouse", "set SNOWFLAKE_WAREHOUSE, and GRANT USAGE ON WAREHOUSE ... TO ROLE ..."
        ),
        "database": lambda: _database(session, database),
        "staging": lambda: _staging(session),
        "grants": lambda: _grants(session, database),
        **listed,
    }


def _login(session: SnowflakeSession, settings: Settings) -> tuple[str, str]:
    user = session.rows("SELECT CURRENT_USER()")[0][0]
    where = settings.snowflake_host or settings.snowflake_account
    return f"{where} lets {user} in by {method_of(settings)}.", discouraged(settings)


def _clock(session: SnowflakeSession) -> tuple[str, str]:
    told: datetime = session.rows("SELECT SYSDATE()")[0][0]
    found = apart("Snowflake", told.replace(tzinfo=UTC) - datetime.now(UTC))
    return found.detail, found.hint


def _current(session: SnowflakeSession, what: str, hint: str) -> tuple[str, str]:
    name = session.rows(f"SELECT CURRENT_{what.upper()}()")[0][0]
    if not name:
        raise SetupError(f"The session has no {what}.", hint=hint)
    return f"{name} is in use.", ""


def _database(session: SnowflakeSession, database: str) -> tuple[str, str]:
    schemas = [row[1] for row in session.rows(f"SHOW SCHEMAS IN DATABASE {database}")]
    if CONTROL_SCHEMA not in schemas:
        return f"{database} has no schema {CONTROL_SCHEMA} yet.", INIT_HINT
    return f"{database} can be used.", ""


def _staging(session: SnowflakeSession) -> tuple[str, str]:
    """Wakes the warehouse and reaches the storage of stages, whose host is not Snowflake's own."""
    session.stage("ETL_PROBE", pa.table({"N": [1]}))
    return "A row was uploaded and copied into a temporary table.", ""


def _stage(session: SnowflakeSession, settings: Settings, name: str) -> tuple[str, str]:
    """Whether Snowflake's own role of AWS gets at the objects: storage integration, trust, external id, policy."""
    full = full_table_name(name, settings)
    objects = session.rows(f"LIST @{full}")
    if name == settings.spark_stage:  # it is empty between backfills
        return f"{full} can be listed.", ""
    if not objects:
        return f"{full} can be listed, but holds no object.", "nothing has arrived yet, or correct the URL of the stage"
    return f"{full} can be listed: {len(objects):,} objects.", ""


def _grants(session: SnowflakeSession, database: str) -> tuple[str, str]:
    for table, privileges in GRANTS.items():
        for privilege in privileges:
            session.run(_ATTEMPTS[privilege].format(table=control(database, table)))
    return f"The control tables can be written: {', '.join(GRANTS)}.", ""
