"""What the core works with follows from the settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from etl_daemon.config import settings_from
from etl_daemon.core import configure
from etl_daemon.core.alerting.situation import LEASE
from etl_daemon.core.datasets import Kind, Mode
from etl_daemon.core.sql.dialect import DUCKDB, SNOWFLAKE
from etl_daemon.errors import ConfigError

ACCOUNT = {"SNOWFLAKE_ACCOUNT": "acc", "SNOWFLAKE_USERNAME": "u", "SNOWFLAKE_PASSWORD": "p", "SNOWFLAKE_WAREHOUSE": "w"}
SERVER = {"ETL_DESTINATION": "snowflake", **ACCOUNT, "SNOWFLAKE_STATEMENT_TIMEOUT": "500"}


def test_the_loop_may_be_silent_for_a_statement_at_the_destination():
    given = {"ETL_POLL_INTERVAL_SECONDS": "20", "ETL_TIMEOUT": "30"}
    local, server = (configure.patience(settings_from({**given, **more})) for more in ({}, SERVER))

    assert (local.poll_seconds, local.call_seconds) == (20, 30)
    assert (server.poll_seconds, server.call_seconds) == (20, 530)


def test_limits_and_alerts_come_in_their_units():
    settings = settings_from({
        "MIN_FREE_DISK_MB": "3", "ALERT_AFTER_MINUTES": "4", "ALERT_REPEAT_HOURS": "5", "ALERT_MAX_PER_HOUR": "6",
        "MAX_OBJECT_MB": "2",
    })  # fmt: skip
    policy = configure.alert_policy(settings)

    assert configure.limits(settings).free_bytes == 3 * 2**20
    assert (policy.after, policy.repeat, policy.per_hour) == (timedelta(minutes=4), timedelta(hours=5), 6)
    assert configure.read_limits(settings).max_object_bytes == 2 * 2**20


@pytest.mark.parametrize(
    ("given", "keeps"),
    [
        ({"ETL_SOURCE": "s3", "S3_BUCKET": "b"}, "s3"),
        ({"ETL_SOURCE": "s3", "S3_BUCKET": "b", "ETL_LEASE_URL": "/mnt/lease.json"}, LEASE),
        ({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": "."}, LEASE),
        ({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": ".", "ETL_LEASE_URL": "s3://b/l.json"}, LEASE),
    ],
)
def test_where_the_lease_is_in_the_source_they_fail_together(given, keeps):
    scene = configure.scene(settings_from(given), ["a", "b"])
    assert (scene.datasets, scene.destination, scene.lease) == (("a", "b"), "duckdb", keeps)


def test_where_the_destination_is_for_people(tmp_path: Path):
    assert configure.place(settings_from({"ETL_DUCKDB_PATH": str(tmp_path / "x/../y.duckdb")})) == str(
        tmp_path / "y.duckdb"
    )
    server = settings_from({**SERVER, "SNOWFLAKE_DATABASE": "D"})
    assert configure.place(server) == "snowflake://acc/D"
    assert (configure.dialect(server), configure.dialect(settings_from({}))) == (SNOWFLAKE, DUCKDB)


def test_schemas_and_control_tables_come_first_and_their_version_last():
    statements = configure.ddl(settings_from({}))
    assert statements[0].startswith("CREATE SCHEMA")
    assert "VERSION" in statements[-1]
    assert any("PRICE_DATA" in each for each in statements)


def test_a_table_that_no_dataset_has_is_appended_to():
    settings = settings_from({})
    given = configure.datasets(settings)
    made = configure.table_dataset("trades", settings, given)

    assert made.name == "api:FINANCIAL_DATA.MARKET_DATA.TRADES"
    assert (made.kind, made.mode, made.prefix) == (Kind.TABLE, Mode.APPEND, "")
    assert made.table == "FINANCIAL_DATA.MARKET_DATA.TRADES"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a b", "The table 'a b'"),
        ("a.b.c.d", "The table 'a.b.c.d'"),
        (None, "The table None"),
        ("OTHER.S.T", "DuckDB commits to one database"),
        ("ETL_CONTROL.T", "is kept for the control tables"),
        ("S.SELECT", "has a word of SQL for a name"),
        ("ANALYTICS.ANOMALIES", "is kept for anomalies"),
    ],
)
def test_not_every_name_is_a_tables(name, said):
    settings = settings_from({})
    with pytest.raises(ConfigError, match=said) as raised:
        configure.table_dataset(name, settings, ())
    assert raised.value.hint


def test_all_tables_are_somebodys():
    settings = settings_from({})
    found = configure.tables(settings, configure.datasets(settings))
    assert sorted(name.rpartition(".")[2] for name in found) == ["ANOMALIES", "PRICE_DATA", "TECHNICAL_INDICATORS"]
    assert configure.tables(settings, ()) == ("FINANCIAL_DATA.ANALYTICS.ANOMALIES",)
