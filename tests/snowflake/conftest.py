"""The same suite on a real account: it makes the database FINANCIAL_DATA anew, so name an account for tests alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from etl_daemon.config import settings_from
from tests.support.targets import Target, snowflake


@pytest.fixture
def target() -> Iterator[Target]:
    """A destination on the account that ``ETL_TEST_SNOWFLAKE_*`` name: the settings ``SNOWFLAKE_*``, one by one."""
    given = {name: value for name, value in os.environ.items() if name.startswith("ETL_TEST_SNOWFLAKE_")}
    settings = {name.removeprefix("ETL_TEST_"): value for name, value in given.items()}
    with snowflake(settings_from({**settings, "ETL_DESTINATION": "snowflake"})) as made:
        yield made
