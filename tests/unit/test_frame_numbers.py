from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from etl_daemon.core.frames.numbers import mixed_numbers
from etl_daemon.core.rules.numbers import parse_numbers
from etl_daemon.core.rules.scale import BLOCK_ROWS


def read(*values, grouped=False):
    return mixed_numbers(pd.Series(list(values), dtype=object), thousands_separators=grouped)


@pytest.mark.parametrize("grouped", [False, True])
def test_numbers_among_text_read_as_their_text_does(grouped):
    texts = ["n/a", "", " 7.25 ", "1e3", "1,234.5", "nan", "inf", "true", "-0.5", "1_000", "12.3456789"]
    numbers = [1.5, 0.1, 3, -7, 1e-7, np.float64(2.25), None]
    expected = parse_numbers(
        pa.array([*texts, *(None if value is None else repr(float(value)) for value in numbers)], pa.string()),
        thousands_separators=grouped,
    )
    found = parse_numbers(read(*texts, *numbers, grouped=grouped))
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.missing, expected.missing)
    np.testing.assert_array_equal(found.invalid, expected.invalid)


def test_what_is_missing_and_what_is_no_number_stay_apart():
    column = read("n/a", float("nan"), None, float("inf"), "  ")
    assert column.is_null().to_pylist() == [False, True, True, False, True]
    assert parse_numbers(column).invalid.tolist() == [True, False, False, True, False]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((1.5, None), id="no text"),
        pytest.param(("x", True), id="a boolean"),
        pytest.param(("x", Decimal("1.5")), id="a decimal"),
        pytest.param(("x", 1.5, b"2"), id="bytes"),
        pytest.param(("\ud800", 1.5), id="text that is not Unicode"),
        pytest.param(("x", 2**53 + 1), id="an integer that no double is"),
        pytest.param(("x", 10**400), id="an integer beyond all doubles"),
        pytest.param(("1234567890123.12345678", 1.0), id="text with more digits than a double has"),
    ],
)
def test_columns_that_doubles_would_not_carry_are_left_to_the_slower_way(values):
    assert read(*values) is None


def test_a_column_longer_than_a_block_reads_as_its_parts_do():
    values = [float(number) for number in range(BLOCK_ROWS)] + ["n/a", 2.5, "7", None]
    column = read(*values)
    assert column[:BLOCK_ROWS].to_pylist() == values[:BLOCK_ROWS]
    assert parse_numbers(column[BLOCK_ROWS:]).invalid.tolist() == [True, False, False, False]
    assert column[BLOCK_ROWS + 1 :].to_pylist() == [2.5, 7.0, None]
