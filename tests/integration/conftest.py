"""A destination for tests of SQL that both kinds have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_daemon.adapters.destination.session import Engine
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.adapters.snowflake.engine import SnowflakeEngine
from etl_daemon.config import settings_from
from tests.support.snowflake import Emulator


@pytest.fixture
def duckdb_file(tmp_path: Path) -> DuckDBFile:
    return DuckDBFile(tmp_path / "market.duckdb", "FINANCIAL_DATA", wait_seconds=5)


@pytest.fixture(params=["duckdb", "snowflake"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A DuckDB file, and a database of Snowflake's stand-in."""
    if request.param == "duckdb":
        yield request.getfixturevalue("duckdb_file")
        return
    emulator: Emulator = request.getfixturevalue("snowflake")
    database = request.getfixturevalue("snowflake_database")
    settings = {**emulator.settings(), "ETL_DESTINATION": "snowflake", "SNOWFLAKE_DATABASE": database}
    made = SnowflakeEngine(settings_from(settings))
    yield made
    made.close()
