"""kill -9 before and after every step, in every mode, on every destination, whoever takes over: `make chaos`."""

from __future__ import annotations

import pytest

from tests.support.chaos.kills import DUCKDB, SNOWFLAKE
from tests.support.chaos.runs import cases

pytestmark = pytest.mark.chaos

MATRIX = [each for destination in (DUCKDB, SNOWFLAKE) for each in cases(destination)]


@pytest.mark.parametrize("case", MATRIX, ids=str)
def test_killed_anywhere_and_taken_over(case, killed):
    killed(case)


def test_the_matrix_is_large_and_without_repetition():
    assert len(MATRIX) == len(set(MATRIX)) >= 200
