"""Snowflake takes what executors left from a stage over their depot: the same rows, and the same commit."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from etl_daemon.adapters.spark.gathering import Direct
from etl_daemon.core.datasets import Mode
from etl_daemon.errors import EtlError
from etl_daemon.operations.backfill import backfill
from tests.support.corridor import ndjson
from tests.support.snowflake import Emulator
from tests.support.spark import ALWAYS, Site, dirty, fill, hands, here

ROWS = """SELECT SYMBOL, TIMESTAMP, OPEN_PRICE, CLOSE_PRICE, VOLUME, SOURCE, PRICE_CHANGE_PERCENT, TYPICAL_PRICE,
    _OBJECT_KEY, _OBJECT_ROW, _OBJECT_MODIFIED FROM MARKET_DATA.PRICE_DATA ORDER BY SYMBOL, TIMESTAMP, _OBJECT_KEY,
    _OBJECT_ROW"""
ANOMALIES = "SELECT SYMBOL, TIMESTAMP, ANOMALY_TYPE, VALUE, _OBJECT_ROW FROM ANALYTICS.ANOMALIES ORDER BY 1, 2, 3, 5"
REJECTED = "SELECT OBJECT_KEY, OBJECT_ROW, REASONS, RAW FROM ETL_CONTROL.ETL_QUARANTINE ORDER BY 1, 2"
LEDGER = """SELECT KEY, OUTCOME, REASON, ROWS_READ, ROWS_LOADED, ROWS_QUARANTINED, ROWS_SUPERSEDED, ROWS_FILTERED
    FROM ETL_CONTROL.ETL_OBJECTS ORDER BY KEY"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def load(site: Site, emulator: Emulator, engine, **more: object) -> list[list[tuple]]:
    """A backfill into a new database, and what it holds then."""
    database = f"T_{uuid4().hex[:12]}".upper()
    emulator.run(f"CREATE DATABASE {database}")
    emulator.run("CREATE SCHEMA DEPOTS", database=database)
    emulator.run(f"CREATE STAGE DEPOTS.STAGING URL = 'file://{site.bucket}/_etl_daemon/staging/'", database=database)
    settings = {
        **emulator.settings(),
        "ETL_DESTINATION": "snowflake",
        "SNOWFLAKE_DATABASE": database,
        "SPARK_STAGE": "DEPOTS.STAGING",
        "REFUSE_ABOVE_SHARE": 0.9,
        **more,
    }
    with Site(site.folder, settings).runtime("none", engine) as runtime:
        for _ in backfill(runtime.datasets[0], ALWAYS, runtime.corridor, runtime.operator("ann")):
            pass
    return [emulator.run(sql, database=database) for sql in (ROWS, ANOMALIES, REJECTED, LEDGER)]


DIRECT = hands(3, Direct("etl-daemon/"))


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.APPEND, Mode.INCREMENTAL])
def test_rows_that_are_copied_are_those_that_are_sent(site: Site, snowflake: Emulator, mode: Mode) -> None:
    fill(site, rows=40, of_the_long_one=400)
    sent = load(site, snowflake, here, PRICE_DATA_MODE=mode)
    assert {line[1] for line in sent[3]} == {"loaded", "refused"}
    assert all(sent)

    before = len(snowflake.statements())
    assert load(site, snowflake, DIRECT, PRICE_DATA_MODE=mode) == sent
    copies = [each.sql for each in snowflake.statements(before) if each.sql.startswith("COPY INTO")]
    rows = [sql for sql in copies if "@" in sql and "DEPOTS.STAGING" in sql]
    assert len(rows) == 1
    assert rows[0].count(".parquet'") == 3  # a file per task
    assert site.staging == []


def test_a_file_that_is_gone_loads_nothing(site: Site, snowflake: Emulator) -> None:
    site.put("a.ndjson", ndjson(dirty(10, 1)))
    with pytest.raises(EtlError):
        load(site, snowflake, hands(1, Direct("elsewhere/")))
