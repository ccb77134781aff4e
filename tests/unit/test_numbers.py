from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core.rules.numbers import decimals, parse_numbers, quantities, to_scale

VOLUME = pa.decimal128(28, 8)
NAN, INF = float("nan"), float("inf")


def one(text, **options):
    """The value of a single text, or "missing" or "invalid"."""
    found = parse_numbers(pa.array([text], pa.string()), **options)
    if found.missing[0] or found.invalid[0]:
        assert np.isnan(found.values[0])
        return "missing" if found.missing[0] else "invalid"
    return float(found.values[0])


def volumes(column):
    """The column as NUMBER(28,8), which rows were finer, which do not fit."""
    numbers = parse_numbers(column)
    found, finer, misfit = quantities(numbers, np.arange(len(column)), VOLUME)
    found.validate(full=True)
    return found.to_pylist(), finer.tolist(), misfit.tolist()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("18.9", 18.9),
        ("-0.5", -0.5),
        ("+5", 5.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("1.5e+2", 150.0),
        (" 7 ", 7.0),
        ("\t7\r\n", 7.0),
        ("007", 7.0),
        ("0", 0.0),
        ("1e-400", 0.0),
        ("0.1000000000000000055511151231257827", 0.1),
        ("9007199254740993", 9007199254740992.0),
        ("1" * 70, float("1" * 70)),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("2.2250738585072011e-308", 2.2250738585072011e-308),
    ],
)
def test_texts_that_are_numbers(text, value):
    assert one(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "NULL",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "0x10",
        "1_000",
        "1,000",
        "1.2.3",
        "1e",
        "e5",
        "1e5.0",
        "--1",
        "+-1",
        "-",
        "+",
        ".",
        "1 2",
        "1-",
        "12-3",
        "-1-",
        "1e400",
        "-1e400",
        "9" * 400,
        "\u0663",
        "1\u0663",
        "$5",
        "5%",
        "n/a",
        "true",
        "1d",
        "1d5",
        "1f",
        "\u00a05",
    ],
)
def test_texts_that_are_no_numbers(text):
    assert one(text) == "invalid"


@pytest.mark.parametrize("text", [None, "", " ", "\t\n "])
def test_blank_is_missing(text):
    assert one(text) == "missing"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4,787,699", 4787699.0),
        ("1,234,567.5", 1234567.5),
        ("-1,000", -1000.0),
        ("+12,345e2", 1234500.0),
        ("1234.5", 1234.5),
    ],
)
def test_thousands_separators(text, value):
    assert one(text, thousands_separators=True) == value


@pytest.mark.parametrize("text", ["1,23", "1234,567", ",123", "1,,234", "1,234,", "1,2345", "1,234.5,678", "1.234,567"])
def test_commas_elsewhere_are_invalid(text):
    assert one(text, thousands_separators=True) == "invalid"


TEXTS = ["1.5", None, "x", " 2 ", "", "-3", "1e1", "nan"]
VALUES = [1.5, NAN, NAN, 2.0, NAN, -3.0, 10.0, NAN]


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
@pytest.mark.parametrize("repeat", [1, 9000])
def test_kinds_of_text_columns_and_slices(type_, repeat):
    whole = pa.array(TEXTS * repeat).cast(type_)
    for column in (
        whole.slice(1, len(whole) - 2),
        pa.chunked_array([whole.slice(1, 2), whole.slice(3, len(whole) - 4)]),
    ):
        found = parse_numbers(column)
        np.testing.assert_array_equal(found.values, (VALUES * repeat)[1:-1])
        assert found.missing.tolist() == ([text in {None, ""} for text in TEXTS] * repeat)[1:-1]
        assert found.invalid.tolist() == ([text in {"x", "nan"} for text in TEXTS] * repeat)[1:-1]
        assert found.exact is None


def test_floats():
    found = parse_numbers(pa.array([1.5, NAN, INF, -INF, None]))
    np.testing.assert_array_equal(found.values, [1.5, NAN, NAN, NAN, NAN])
    assert found.missing.tolist() == [False, False, False, False, True]
    assert found.invalid.tolist() == [False, True, True, True, False]
    assert parse_numbers(pa.array([0.5], pa.float32())).values.tolist() == [0.5]


def test_clean_floats_are_not_copied():
    column = pa.array([1.5, NAN, 2.5])
    assert np.shares_memory(parse_numbers(column).values, np.frombuffer(column.buffers()[1], np.float64))


def test_integers_decimals_and_other_types():
    assert parse_numbers(pa.array([1, 2, 3], pa.int8())).values.tolist() == [1.0, 2.0, 3.0]
    found = parse_numbers(pa.array([Decimal("18.90"), None, Decimal("-0.01")]))
    np.testing.assert_array_equal(found.values, [18.9, NAN, -0.01])
    assert found.missing.tolist() == [False, True, False]
    assert parse_numbers(pa.nulls(2)).missing.all()
    for column in (pa.array([True, None]), pa.array([b"1", None]), pa.array([[1], None])):
        found = parse_numbers(column)
        assert found.invalid.tolist() == [True, False]
        assert found.missing.tolist() == [False, True]


def test_wide_decimals_are_correctly_rounded():
    texts = ["0.1", "-12345678901234567890.123456789", "0.000000000000000001", "9223372036.854775808", None]
    for type_ in (pa.decimal128(38, 18), pa.decimal256(60, 18)):
        column = pa.array([None if text is None else Decimal(text) for text in texts], type_)
        np.testing.assert_array_equal(
            parse_numbers(column).values, [NAN if text is None else float(text) for text in texts]
        )
    for edge in (Decimal(-(2**63)), Decimal(2**64 + 5)):
        assert parse_numbers(pa.array([edge], pa.decimal128(38, 0))).values.tolist() == [float(edge)]
    long = [Decimal("-92233720368.54775807"), Decimal("1.00000000")]
    assert parse_numbers(pa.array(long)).exact.to_pylist() == [long[0], None]


def test_empty_columns():
    for type_ in (pa.string(), pa.null(), pa.float64(), pa.int64(), pa.dictionary(pa.int8(), pa.string()), VOLUME):
        found = parse_numbers(pa.chunked_array([], type_))
        assert len(found.values) == len(found.missing) == len(found.invalid) == 0
        assert len(quantities(found, np.arange(0), VOLUME)[0]) == 0


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1234567890123.456789", "5"], [Decimal("1234567890123.456789"), None]),
        (["987654321.12345678"], [Decimal("987654321.12345678")]),
        (["12345678901234567.5e-1"], [Decimal("1234567890123456.75")]),
        (["1152921504606846977"], [Decimal(2**60 + 1)]),
        (["53858225.78940529"], None),  # 16 digits, and the double prints as all of them
        (["123456789.123456", "99999999", "0.123456789012345678"], None),
        (["1234567890123456789012345", "9" * 30], None),  # more than any type here holds
    ],
)
def test_exact_is_kept_only_where_doubles_do_not_carry_it(texts, expected):
    found = parse_numbers(pa.array(texts)).exact
    assert (found if found is None else found.to_pylist()) == expected


def test_exact_from_integers_and_decimals():
    assert parse_numbers(pa.array([2**60 + 1, 7, None])).exact.to_pylist() == [Decimal(2**60 + 1), None, None]
    assert parse_numbers(pa.array([2**64 - 1], pa.uint64())).exact.to_pylist() == [Decimal(2**64 - 1)]
    assert parse_numbers(pa.array([2**53, 5 * 10**15])).exact is None
    assert parse_numbers(pa.array([Decimal("1234567890123.456789")])).exact.to_pylist() == [
        Decimal("1234567890123.456789")
    ]


def test_exact_survives_a_dictionary():
    column = pa.array(["1234567890123.456789", "5", None, "1234567890123.456789"]).dictionary_encode()
    big = Decimal("1234567890123.456789")
    assert parse_numbers(column).exact.to_pylist() == [big, None, None, big]


@pytest.mark.parametrize(
    ("value", "scale", "units", "finer"),
    [
        (18.9, 8, 1890000000, False),
        (0.000000005, 8, 0, True),
        (0.000000015, 8, 2, True),
        (-0.000000025, 8, -2, True),
        (0.123456785, 8, 12345678, True),
        (0.123456795, 8, 12345680, True),
        (0.30000000000000004, 8, 30000000, True),
        (8000000.000000005, 8, 800000000000000, True),
        (9164252.123688186, 8, 916425212368819, True),
        (67108864.1, 8, 6710886410000000, False),
        (12345678901.2345, 8, 1234567890123450000, False),
        (12345678901.0, 8, 1234567890100000000, False),
        (70.12345, 4, 701234, True),
        (70.12355, 4, 701236, True),
        (2.5, 0, 2, True),
        (NAN, 8, 0, False),
        (INF, 8, 0, False),
        (1e11, 8, 0, False),
    ],
)
def test_to_scale(value, scale, units, finer):
    found, more = to_scale(np.array([value]), scale)
    assert (found.tolist(), more.tolist()) == ([units], [finer])


def test_decimals_build_both_halves():
    units = np.array([0, 1, -1, 2**63 - 1, -(2**63), 5])
    found = decimals(units, pa.decimal128(20, 8), np.array([True] * 5 + [False]))
    found.validate(full=True)
    assert found.to_pylist() == [Decimal(int(unit)).scaleb(-8) for unit in units[:5]] + [None]
    assert decimals(np.array([700000]), pa.decimal128(7, 4)).to_pylist() == [Decimal("70.0000")]
    assert decimals(np.arange(0), VOLUME).to_pylist() == []


def test_decimals_that_do_not_fit_are_an_error():
    for unit in (10**7, -(10**7)):
        with pytest.raises(ValueError, match="more digits"):
            decimals(np.array([unit]), pa.decimal128(7, 4))
    assert decimals(np.array([10**7, 1]), pa.decimal128(7, 4), np.array([False, True])).null_count == 1


def test_quantities_from_text_are_exact():
    texts = [
        "99999999999999999999.99999999",
        "0.00000001",
        "1234567890123.456789",
        "53858225.78940529",
        "-67108864.00000001",
    ]
    found, finer, misfit = volumes(pa.array([*texts, None, "x"]))
    assert found == [*map(Decimal, texts), None, None]
    assert not any(finer)
    assert not any(misfit)


def test_quantities_round_half_even_and_say_so():
    texts = [
        "53858225.789405285",
        "53858225.789405295",
        "53858225.7894052850000000000001",
        "1234567890123.000000005",
        "2.123456785",
    ]
    found, finer, misfit = volumes(pa.array(texts))
    rounded = ["53858225.78940528", "53858225.78940530", "53858225.78940529", "1234567890123.00000000", "2.12345678"]
    assert found == [Decimal(text) for text in rounded]
    assert finer == [True] * 5
    assert not any(misfit)


def test_quantities_that_do_not_fit():
    texts = ["99999999999999999999.999999995", "1e20", "-1e25", "1e300", "99999999999999999000"]
    found, finer, misfit = volumes(pa.array(texts))
    assert found == [None, None, None, None, Decimal(99999999999999999000)]
    assert finer == [True, False, False, False, False]
    assert misfit == [True, True, True, True, False]
    numbers = parse_numbers(pa.array([999.99995, 999.9999, -1000.0]))
    long, _, beyond = quantities(parse_numbers(pa.array([2e18, 5e17])), np.arange(2), pa.decimal128(18, 0))
    assert (long.to_pylist(), beyond.tolist()) == ([None, Decimal(5 * 10**17)], [True, False])
    small, _, over = quantities(numbers, np.arange(3), pa.decimal128(7, 4))
    assert small.to_pylist() == [None, Decimal("999.9999"), None]
    assert over.tolist() == [True, False, True]


def test_nineteen_digits_have_room_in_a_type_of_nineteen():
    numbers = parse_numbers(pa.array(["5e18", "1234567890123456789", "12345678901234567890"]))
    found, _, misfit = quantities(numbers, np.arange(3), pa.decimal128(19, 0))
    assert found.to_pylist() == [Decimal(5 * 10**18), Decimal(1234567890123456789), None]
    assert misfit.tolist() == [False, False, True]


def test_quantities_of_floats_and_integers():
    assert volumes(pa.array([9.9e19, 1e11 + 0.1, 3e7, 0.5]))[0] == [
        Decimal(99) * 10**18,
        Decimal("100000000000.1"),
        Decimal(30000000),
        Decimal("0.5"),
    ]
    assert volumes(pa.array([2**64 - 1, 5], pa.uint64()))[0] == [Decimal(2**64 - 1), Decimal(5)]


def test_quantities_takes_the_rows_asked_for():
    numbers = parse_numbers(pa.array(["1", "x", "1234567890123.456789", "4"]))
    found, finer, misfit = quantities(numbers, np.array([3, 2, 2]), VOLUME)
    big = Decimal("1234567890123.456789")
    assert found.to_pylist() == [Decimal(4), big, big]
    assert len(finer) == len(misfit) == 3
