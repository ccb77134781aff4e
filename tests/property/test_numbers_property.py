import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_daemon.core.rules.numbers import parse_numbers, quantities, to_scale
from tests.unit.test_decode_support import decode, gathered

VOLUME = pa.decimal128(28, 8)
WIDE = Context(prec=400)
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def rounded(value, scale):
    return value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN, WIDE)


@given(st.lists(st.integers(-(2**25) * 10**8 + 1, 2**25 * 10**8 - 1), min_size=1, max_size=50))
def test_eight_decimals_arrive_exactly(units):
    values = np.array([float(Decimal(unit).scaleb(-8)) for unit in units])
    found, finer = to_scale(values, 8)
    assert found.tolist() == units
    assert not finer.any()


@given(
    st.one_of(
        st.floats(-9e10, 9e10),
        st.floats(-1e3, 1e3),
        st.integers(-(10**15), 10**15).map(lambda tenths: tenths / 1e9),  # half of them are ties at eight decimals
        st.integers(-(10**13), 10**13).map(lambda unit: np.nextafter((unit * 10 + 5) / 1e9, np.inf)),
        st.integers(-(10**13), 10**13).map(lambda unit: np.nextafter((unit * 10 + 5) / 1e9, -np.inf)),
    ),
    st.sampled_from([0, 2, 4, 8]),
)
def test_to_scale_is_half_even_on_the_printed_decimal(value, scale):
    printed = Decimal(repr(float(value)))
    found, finer = to_scale(np.array([value]), scale)
    assert found.tolist() == [int(rounded(printed, scale).scaleb(scale, WIDE))]
    assert finer.tolist() == [rounded(printed, scale) != printed]


@given(st.integers(-(10**28) + 1, 10**28 - 1))
def test_any_volume_written_with_eight_decimals_arrives_exactly(unit):
    expected = Decimal(unit).scaleb(-8, WIDE)
    found, finer, misfit = quantities(parse_numbers(pa.array([format(expected, "f")])), np.array([0]), VOLUME)
    assert found.to_pylist() == [expected]
    assert not finer.any()
    assert not misfit.any()


@given(st.integers(2**25, 10**20 - 1), st.text("0459", max_size=30))
def test_large_texts_are_rounded_half_even(whole, fraction):
    text = f"{whole}.{fraction}"
    expected = rounded(Decimal(text), 8)
    found, finer, misfit = quantities(parse_numbers(pa.array([text])), np.array([0]), VOLUME)
    assert misfit.tolist() == [expected >= 10**20]
    assert found.to_pylist() == [None if misfit[0] else expected]
    assert finer.tolist() == [expected != Decimal(text)]


@given(st.lists(st.integers(0, 10**17).map(lambda tenths: tenths * 10 + 5), min_size=1, max_size=20))
@example([8477255527950295, 30037904308170655])
def test_ties_of_nine_decimals_are_rounded_half_even(units):
    volumes = [Decimal(unit).scaleb(-9, WIDE) for unit in units]
    for column in (pa.array([format(each, "f") for each in volumes]), pa.array(volumes, pa.decimal128(38, 9))):
        found, finer, _ = quantities(parse_numbers(column), np.arange(len(volumes)), VOLUME)
        assert found.to_pylist() == [rounded(each, 8) for each in volumes]
        assert finer.all()


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10**17).map(lambda tenths: tenths * 10 + 5), min_size=1, max_size=20))
@example([8477255527950295, 30037904308170655])
def test_so_are_json_numbers(units):
    volumes = [Decimal(unit).scaleb(-9, WIDE) for unit in units]
    record = '{{"symbol":"A","timestamp":1,"open":1,"high":1,"low":1,"close":1,"volume":{:f}}}\n'
    table = gathered(decode("".join(map(record.format, volumes)).encode()))[0]
    found = quantities(parse_numbers(table["volume"]), np.arange(len(volumes)), VOLUME)[0]
    assert found.to_pylist() == [rounded(each, 8) for each in volumes]


@given(st.lists(st.text("019.-+eE ,x", max_size=9), min_size=1, max_size=30))
def test_text_is_a_number_by_the_grammar_alone(texts):
    found = parse_numbers(pa.array(texts))
    for text, value, missing, invalid in zip(texts, found.values, found.missing, found.invalid, strict=True):
        stripped = text.strip()
        good = bool(NUMBER.fullmatch(stripped)) and np.isfinite(float(stripped))
        assert bool(missing) == (stripped == "")
        assert bool(invalid) == (not good and stripped != "")
        assert value == float(stripped) if good else np.isnan(value)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_text_becomes_the_nearest_double(values):
    assert parse_numbers(pa.array([repr(value) for value in values])).values.tolist() == values
    assert parse_numbers(pa.array([format(Decimal(value), "f") for value in values])).values.tolist() == values


@given(st.lists(st.decimals(-(10**17), 10**17, places=6), min_size=1, max_size=20))
def test_decimal_columns_become_the_nearest_doubles(values):
    found = parse_numbers(pa.array(values, pa.decimal128(38, 6)))
    assert found.values.tolist() == [float(value) for value in values]
    assert quantities(found, np.arange(len(values)), VOLUME)[0].to_pylist() == values
