"""What holds for every destination, on a real account."""

from __future__ import annotations

from tests.contract.test_deliveries_contract import *  # noqa: F403 - the same tests, with this folder's target
from tests.contract.test_destination_contract import *  # noqa: F403 - likewise
