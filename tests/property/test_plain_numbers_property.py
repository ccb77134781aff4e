"""Text that Arrow may read for us becomes the very number that it says, or null where the type does not hold it."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_daemon.core.tables.exact_numbers import exact_numbers

WHOLE = st.text("0123456789", max_size=38)
SIGNS, POINTS = st.sampled_from(["", "-", "+"]), st.sampled_from(["", "."])
EXPONENTS = st.sampled_from(["", "", "", "e3", "E-2", "e30"])


@st.composite
def decimal_types(draw: st.DrawFn) -> pa.DataType:
    precision = draw(st.integers(1, 38))
    return pa.decimal128(precision, draw(st.integers(0, precision)))


@st.composite
def numbers(draw: st.DrawFn) -> str:
    return "".join(draw(each) for each in (SIGNS, WHOLE, POINTS, st.text("05", max_size=38), EXPONENTS))


def expected(text: str, type_: pa.DataType) -> Decimal | None:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    _, digits, exponent = number.as_tuple()
    places = -int(exponent)
    significant = "".join(map(str, digits)).rstrip("0")
    places -= len(digits) - len(significant)
    whole = len(significant.lstrip("0")) - places
    fits = not significant.lstrip("0") or (places <= type_.scale and whole <= type_.precision - type_.scale)
    return number if fits else None


@settings(max_examples=1500)
@given(numbers(), decimal_types())
def test_decimals_are_exact_or_null(text: str, type_: pa.DataType) -> None:
    assert exact_numbers(pa.array([text]), type_, False)[0].as_py() == expected(text, type_)


@settings(max_examples=300)
@given(
    st.integers(-(2**64), 2**64).map(str) | st.sampled_from(["0x10", "007", "-0", "+5", "5.0", "5.5", "1e3", "", "x"])
)
def test_integers_are_exact_or_null(text: str) -> None:
    found = exact_numbers(pa.array([text]), pa.int64(), False)[0].as_py()
    number = expected(text, pa.decimal128(38, 0))
    assert found == (number if number is not None and -(2**63) <= number < 2**63 else None)
