"""How wide prices have to be for the limits that an operator set."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from etl_daemon.core.datasets import PRICE
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.target import SHORT, price_type, units_fit, widened
from tests.support.rows import PRICES, cleaned, price, ref

RULES = Rules()


def limits(least: str, greatest: str) -> Rules:
    return replace(RULES, min_price=Decimal(least), max_price=Decimal(greatest))


@pytest.mark.parametrize(
    ("least", "greatest", "fit"),
    [
        ("0.01", "1000000", True),
        ("0", "1000000", False),
        ("0.01", "4999999.99", True),
        ("0.01", "5000000", False),
        ("1000", "30000000000", False),
        ("1000", "20000000000", True),
    ],
)
def test_all_prices_within_the_limits_are_whole_numbers_of_their_last_digit(least, greatest, fit):
    assert units_fit(limits(least, greatest)) is fit


@pytest.mark.parametrize(
    ("least", "greatest", "type_"),
    [
        ("0.01", "1000000", SHORT),
        ("0.01", "1000000.01", PRICE),
        ("1000", "9999999999", SHORT),
        ("1000", "10000000000", PRICE),
    ],
)
def test_percentages_of_the_least_price_are_the_longest(least, greatest, type_):
    assert price_type(limits(least, greatest)) == type_


def test_files_for_others_have_prices_in_the_type_of_the_target():
    accepted = cleaned(ref("a"), [price(close=10.12345678)]).accepted
    assert accepted.schema.field("CLOSE_PRICE").type == SHORT
    wide = widened(accepted)

    assert wide.column_names == accepted.column_names
    assert {wide.schema.field(name).type for name in ("OPEN_PRICE", "CLOSE_PRICE", "TYPICAL_PRICE")} == {PRICE}
    assert wide.to_pylist() == accepted.to_pylist()
    assert wide.schema.field("VOLUME").type == PRICES.schema.target.field("VOLUME").type
    plain = pa.table({"A": [1]})
    assert widened(plain) is plain
