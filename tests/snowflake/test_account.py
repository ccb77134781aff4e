"""What holds for every destination, on a real account."""

from __future__ import annotations

import os

import pytest

from tests.contract.test_deliveries_contract import *  # noqa: F403 - the same tests, with this folder's target
from tests.contract.test_destination_contract import *  # noqa: F403 - likewise

if not os.environ.get("ETL_TEST_SNOWFLAKE_ACCOUNT"):
    reason = "set ETL_TEST_SNOWFLAKE_ACCOUNT and the other ETL_TEST_SNOWFLAKE_* to run on a real account"
    pytest.skip(reason, allow_module_level=True)
