import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core.rules.timestamps import parse_timestamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORACLE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "datetime_formats" / "date-time.json"


def micros(text):
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def one(value, type_=None, **options):
    """The microseconds of a single value, or "missing" or "invalid"."""
    array = value if isinstance(value, pa.Array) else pa.array([value], type_)
    found = parse_timestamps(array, **options)
    if found.missing[0] or found.invalid[0]:
        assert found.micros[0] == 0
        return "missing" if found.missing[0] else "invalid"
    return int(found.micros[0])


@pytest.mark.skipif(not ORACLE.exists(), reason=f"the JSON-Schema date-time suite is not at {ORACLE}")
def test_verdicts_of_the_json_schema_suite():
    cases = [case for case in json.loads(ORACLE.read_text())[0]["tests"] if isinstance(case["data"], str)]
    found = parse_timestamps(pa.array([case["data"] for case in cases]))
    assert [bool(bad) for bad in found.invalid] == [not case["valid"] for case in cases]
    assert (~found.invalid).sum() == 8
    assert found.invalid.sum() == 19


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01T00:00:00Z", "2026-11-01"),
        ("2026-11-01t01:02z", "2026-11-01T01:02"),
        ("2026-11-01 01:02:03", "2026-11-01T01:02:03"),
        ("2026-11-01 01:02:03.5", "2026-11-01T01:02:03.5"),
        ("2026-11-01 01:02:03,123456", "2026-11-01T01:02:03.123456"),
        ("2026/11/01 01:02", "2026-11-01T01:02"),
        ("2026-11-01", "2026-11-01"),
        ("2026/11/01", "2026-11-01"),
        ("2026-11-01T05:30:00+05:30", "2026-11-01"),
        ("2026-11-01T05:30+0530", "2026-11-01"),
        ("2026-10-31T23:00:00.25-01:00", "2026-11-01T00:00:00.25"),
        ("2026-11-01T00:00:00-00:00", "2026-11-01"),
        ("0001-01-01T00:00:00Z", "0001-01-01"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        ("2024-02-29", "2024-02-29"),
        ("2000-02-29", "2000-02-29"),
        ("1969-12-31T23:59:59.75Z", "1969-12-31T23:59:59.75"),
    ],
)
def test_forms_of_text(text, expected):
    assert one(text) == micros(expected)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T00:00:00+01",
        "2026-11-01T24:00:00Z",
        "2026-1-01",
        "2026-11-1T00:00:00Z",
        "2026-W44-1",
        "2026-305",
        "2026-11-01T00:00:00+24:00",
        "2026-11-01T00:00:00+01:60",
        "2026-11-01T00:00:00+05.30",
        "2026-11-01T00:00:00+05/30",
        "2026-11-0:",
        "2026-11-01T0::00:00Z",
        "2026-11-01T00:00:00.12345:Z",
        "2026-11-01T00:00:00Z\n",
        "2026-11-01T00:00:00 Z",
        " 2026-11-01",
        "2026-11-01 ",
        "0000-01-01",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:00-00:01",
        "2026/11-01",
        "2026-11/01 00:00",
        "2026-11-01T00:00:00.",
        "2026-11-01T00:00:00.Z",
        "2026-11-01T00:00:",
        "2026-11-01T",
        "2026-11-01T00",
        "2026-11-01T0000",
        "2026-11-01T00:00:00.12x4",
        "2026-11-01T00:00:00.1234567x",
        "2026-13-01",
        "2026-00-01",
        "2026-11-00",
        "2026-11-31",
        "1900-02-29",
        "2026-11-01T00-00:00",
        "2026-11-01T00:00-00",
        "2026-11-01_00:00:00",
        "20261101T000000Z",
        "2026-11-01Z",
        "2026-11-01T00:00:00ZZ",
        "2026-11-01T00:00:00+1:000",
        "\u0662\u0660\u0662\u0666-11-01",
        "n/a",
        "now",
        "today",
        "NaT",
        "-",
        ".",
        "1.",
        ".5",
        "+1793491200",
        "1e9",
        "1_000",
        "--5",
        "1.2.3",
        "x" * 100,
        "1" * 100,
        "2026-11-01T00:00:0\u0660",
    ],
)
def test_text_that_is_no_timestamp(text):
    assert one(text) == "invalid"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01"),
        ("2016-12-31T18:59:60-0500", "2017-01-01"),
    ],
)
def test_leap_second_is_the_second_after_it(text, expected):
    assert one(text) == micros(expected)


@pytest.mark.parametrize("text", ["2016-12-31T22:59:60Z", "2016-12-31T23:59:60+01:00", "2016-12-31T23:59:61Z"])
def test_second_60_elsewhere_is_invalid(text):
    assert one(text) == "invalid"


def test_leap_second_of_wall_time():
    assert one("2016-12-31T18:59:60", timezone="America/New_York") == micros("2017-01-01")
    assert one("2016-12-31T23:59:60", timezone="America/New_York") == "invalid"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-1", -1_000_000),
        ("1793491200", 1793491200_000000),
        ("1793491200.123456", 1793491200_123456),
        ("-1.5", -1_500_000),
        ("99999999999", 99999999999_000000),
        ("100000000000", 100000000_000000),
        ("1793491200123.25", 1793491200_123250),
        ("99999999999999", 99999999999_999000),
        ("100000000000000", 100000000_000000),
        ("1793491200123456", 1793491200_123456),
        ("1793491200123456789", 1793491200_123456),
        ("-1793491200123456789", -1793491200_123457),
        ("18446744073709552000", 18446744073709552),
        ("1010101", 1010101_000000),
        ("20261101", micros("2026-11-01")),
        ("20261101.0", micros("2026-11-01")),
        ("20261301", 20261301_000000),
        ("20261101.5", 20261101_500000),
        ("-20261101", -20261101_000000),
        ("00010101", micros("0001-01-01")),
        ("0000000000000000001", 1_000_000),
    ],
)
def test_epochs_and_eight_digits_in_text(text, expected):
    assert one(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        1793491200,
        1793491200123,
        1793491200123456,
        1793491200123456000,
        20261101,
        20261301,
        -20261101,
        1010101,
        *(
            sign * (10**power - less)
            for power in (11, 14, 16, 17)
            for less in (0, 1)
            for sign in (1, -1)
            if less == 0 or power < 16
        ),
    ],
)
def test_numbers_are_read_as_their_text_is(value):
    expected = one(str(value))
    assert one(value, pa.int64()) == expected
    assert one(float(value)) == expected
    assert one(Decimal(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10**11 - 1, (10**11 - 1) * 10**6),
        (10**11, 10**14),
        (10**14 - 1, (10**14 - 1) * 10**3),
        (10**14, 10**14),
        (10**17 - 1, 10**17 - 1),
        (10**17, 10**14),
        (-(10**17) + 1, "invalid"),
        (-(10**17), -(10**14)),
    ],
)
def test_the_size_of_an_epoch_says_what_it_counts(value, expected):
    assert one(value, pa.int64()) == expected
    assert one(str(value)) == expected


@pytest.mark.parametrize(
    ("value", "truncated"),
    [(1793491200, 0), (1793491201, 0), (1793491200123, 0), (1793491200123456000, 0), (1793491200123456001, 1)],
)
def test_only_nanoseconds_of_an_epoch_are_cut(value, truncated):
    assert parse_timestamps(pa.array([value])).truncated == truncated
    assert parse_timestamps(pa.array([str(value)])).truncated == truncated


@pytest.mark.parametrize(("text", "truncated"), [("1793491200123.456", 0), ("1793491200123.4567", 1)])
def test_thousandths_of_milliseconds_are_kept(text, truncated):
    found = parse_timestamps(pa.array([text]))
    assert (found.micros.tolist(), found.truncated) == ([1793491200_123456], truncated)


def test_small_and_unsigned_integers():
    assert one(127, pa.int8()) == 127_000_000
    assert one(2**64 - 1, pa.uint64()) == (2**64 - 1) // 1000
    assert one(-(2**63), pa.int64()) == -(2**63) // 1000


@pytest.mark.parametrize(
    ("value", "expected", "truncated"),
    [
        (1793491200.123456, 1793491200_123456, 0),
        (1793491200123.456, 1793491200_123456, 0),
        (1793491200123456.0, 1793491200_123456, 0),
        (-0.25, -250_000, 0),
        (-0.00000025, -1, 1),
        (0.0000019, 1, 1),
        (4.999999999999999e-06, 4, 1),
        (99999999999.5, 99999999999_500000, 0),
    ],
)
def test_fractions_of_floating_point_epochs(value, expected, truncated):
    found = parse_timestamps(pa.array([value]))
    assert found.micros.tolist() == [expected]
    assert found.truncated == truncated


def test_floats_that_are_no_time():
    found = parse_timestamps(pa.array([float("nan"), float("inf"), -float("inf"), 1e300, None, 1e21]))
    assert found.invalid.tolist() == [True, True, True, True, False, True]
    assert found.missing.tolist() == [False, False, False, False, True, False]


def test_digits_beyond_microseconds_are_cut_and_counted_per_row():
    texts = ["2026-11-01T00:00:00.1234569Z", "2026-11-01T00:00:00.1234560000Z", "1793491200123456789", "1.0000009", "x"]
    found = parse_timestamps(pa.array(texts * 2))
    assert found.truncated == 6
    assert found.micros[0] == micros("2026-11-01T00:00:00.123456")
    assert found.micros[3] == 1_000_000


def test_missing_and_invalid_values_keep_their_places():
    found = parse_timestamps(pa.array([None, "", "x", "2026-11-01"]))
    assert found.missing.tolist() == [True, True, False, False]
    assert found.invalid.tolist() == [False, False, True, False]
    assert found.micros.tolist() == [0, 0, 0, micros("2026-11-01")]
    assert [found.micros.dtype, found.missing.dtype, found.invalid.dtype] == [np.int64, np.bool_, np.bool_]


TEXTS = ["2026-11-01", None, "2026-11-01T00:00:00Z", "", "x", "1793491200", "2026-11-01T00:00:00.5Z", "2026-11-02"]


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
@pytest.mark.parametrize("repeat", [1, 5000])
def test_kinds_of_text_columns_and_slices(type_, repeat):
    whole = pa.array(TEXTS * repeat).cast(type_)
    expected = [one(text, pa.string()) for text in TEXTS] * repeat
    found = parse_timestamps(whole.slice(1, len(whole) - 2))
    shown = np.where(found.missing, "missing", np.where(found.invalid, "invalid", found.micros.astype(str)))
    assert shown.tolist() == [str(value) for value in expected[1:-1]]
    again = parse_timestamps(pa.chunked_array([whole.slice(0, 3), whole.slice(3)]))
    assert again.micros[1:-1].tolist() == found.micros.tolist()


def test_distinct_texts_of_many_lengths_across_blocks():
    count = 70_000
    texts = [f"2026-11-01T00:00:00.{'0' * (index % 3)}{index:05d}Z" for index in range(count)]
    found = parse_timestamps(pa.array(texts))
    base = micros("2026-11-01")
    expected = [base + int(f"{'0' * (index % 3)}{index:05d}".ljust(7, "0")[:6]) for index in range(count)]
    assert not found.invalid.any()
    assert found.micros.tolist() == expected


def test_empty_columns():
    for type_ in (pa.string(), pa.null(), pa.float64(), pa.dictionary(pa.int8(), pa.string()), pa.decimal128(20, 2)):
        found = parse_timestamps(pa.chunked_array([], type_), formats=("%d.%m.%Y",))
        assert len(found.micros) == len(found.missing) == len(found.invalid) == 0


def test_typed_columns():
    moment = datetime.fromisoformat("2026-11-01T05:06:07.891")
    for unit in ("ms", "us", "ns"):
        assert one(pa.array([moment], pa.timestamp(unit))) == micros(moment.isoformat())
    assert one(pa.array([moment.replace(microsecond=0)], pa.timestamp("s"))) == micros("2026-11-01T05:06:07")
    assert one(pa.array([date(2026, 11, 1)], pa.date32()), timezone="Asia/Tokyo") == micros("2026-11-01")
    assert one(pa.array([date(2026, 11, 1)], pa.date64()), timezone="Asia/Tokyo") == micros("2026-11-01")
    assert one(pa.array([moment], pa.timestamp("us")), timezone="Asia/Tokyo") == micros("2026-10-31T20:06:07.891")
    assert one(pa.array([0], pa.timestamp("us", "Asia/Tokyo")), timezone="Asia/Tokyo") == 0
    assert one(pa.array([2**31 - 1], pa.int32()).cast(pa.date32())) == "invalid"
    assert one(pa.array([2**62]).cast(pa.timestamp("s"))) == "invalid"


def test_nanoseconds_are_cut_toward_the_past():
    found = parse_timestamps(pa.array([-1, 1999, 2000], pa.int64()).cast(pa.timestamp("ns")))
    assert found.micros.tolist() == [-1, 1, 2]
    assert found.truncated == 2


def test_columns_that_hold_no_times():
    assert parse_timestamps(pa.array([True, None, False])).invalid.tolist() == [True, False, True]
    assert parse_timestamps(pa.array([True, None, False])).missing.tolist() == [False, True, False]
    assert parse_timestamps(pa.nulls(2)).missing.all()
    assert one(pa.array([b"2026-11-01"])) == "invalid"
    assert one(pa.array([["2026-11-01"]])) == "invalid"


def test_decimals_are_exact():
    found = parse_timestamps(pa.array([Decimal("1793491200.123456789"), None, Decimal("0.0000001")]))
    assert found.micros.tolist() == [1793491200_123456, 0, 0]
    assert found.missing.tolist() == [False, True, False]
    assert found.truncated == 2


def test_wall_time_of_a_zone():
    ny = {"timezone": "America/New_York"}
    assert one("2026-07-01T09:30:00", **ny) == micros("2026-07-01T13:30")
    assert one("2026-01-02 09:30", **ny) == micros("2026-01-02T14:30")
    assert one("2100-07-01T09:30:00", **ny) == micros("2100-07-01T13:30")
    assert one("2026-07-01", **ny) == micros("2026-07-01")
    assert one("20260701", **ny) == micros("2026-07-01")
    assert one("2026-07-01T09:30:00Z", **ny) == micros("2026-07-01T09:30")
    assert one("1793491200", **ny) == 1793491200_000000
    assert one("2026-03-08T02:30:00", **ny) == "invalid"  # the clocks skip it
    assert one("2026-11-01T01:30:00", **ny) == "invalid"  # the clocks show it twice


def test_wall_times_at_the_ends_of_the_calendar():
    assert one("9999-12-31T00:00:00", timezone="America/New_York") == micros("9999-12-31T05:00")
    assert one("9999-12-31T23:00:00", timezone="America/New_York") == "invalid"
    assert one("0001-01-01T00:00:00", timezone="Asia/Tokyo") == "invalid"
    assert one("0001-01-02T09:18:59", timezone="Asia/Tokyo") == micros("0001-01-02")


def test_unknown_zone_is_an_error_even_for_an_empty_column():
    with pytest.raises(ZoneInfoNotFoundError):
        parse_timestamps(pa.array([], pa.string()), timezone="Mars/Olympus")


def test_formats_are_tried_in_order_where_nothing_else_fits():
    texts = ["2026-11-01", "01/02/2026", "25/02/2026", "02/25/2026", "nonsense", "", None]
    found = parse_timestamps(pa.array(texts), formats=("%d/%m/%Y", "%m/%d/%Y"))
    days = [micros(day) for day in ("2026-11-01", "2026-02-01", "2026-02-25", "2026-02-25")]
    assert found.micros.tolist() == [*days, 0, 0, 0]
    assert found.invalid.tolist() == [False] * 4 + [True, False, False]


def test_formats_and_zones():
    tokyo = {"timezone": "Asia/Tokyo", "formats": ("%d.%m.%Y %H:%M:%S.%f", "%d.%m.%Y", "%d.%m.%Y %H:%M %z")}
    assert one("01.11.2026 09:00:00.5", **tokyo) == micros("2026-11-01T00:00:00.5")
    assert one("01.11.2026", **tokyo) == micros("2026-11-01")
    assert one("01.11.2026 02:00 +0100", **tokyo) == micros("2026-11-01T01:00")


def test_formats_count_cut_digits():
    found = parse_timestamps(pa.array(["01.11.2026 00:00:00.123456789"] * 3), formats=("%d.%m.%Y %H:%M:%S.%f",))
    assert found.micros.tolist() == [micros("2026-11-01T00:00:00.123456")] * 3
    assert found.truncated == 3


@pytest.mark.parametrize(
    "text",
    [
        "01.11.2026 00:00:60",
        "01.11.2026 00:00:61",
        "01.11.2026 00:00:00\n",
        " 01.11.2026 00:00:00",
        "1\u0661.11.2026 00:00:00",
        "now",
        "today",
        "31.02.2026 00:00:00",
        "01.11.2026 00:00:00 ",
    ],
)
def test_formats_are_exact(text):
    assert one(text, formats=("%d.%m.%Y %H:%M:%S",)) == "invalid"
    assert one("01.11.1960 00:00:00", formats=("%d.%m.%Y %H:%M:%S",)) == micros("1960-11-01")


def test_a_bad_format_is_an_error():
    with pytest.raises(ValueError, match="bad directive"):
        parse_timestamps(pa.array(["x"]), formats=("%Q",))


def test_text_that_is_not_utf8_is_invalid():
    offsets, data = pa.array([0, 10, 20], pa.int32()).buffers()[1], pa.py_buffer(b"2026-11-0\xff2026-11-01")
    array = pa.Array.from_buffers(pa.string(), 2, [None, offsets, data])
    found = parse_timestamps(array, formats=("%d.%m.%Y",))
    assert found.invalid.tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([0, -99_428_400_000, 1_678_730_699_999], "epoch_ms", [0, -99_428_400_000_000, 1_678_730_699_999_000]),
        (["1.5", "20261101"], "epoch_s", [1_500_000, 20_261_101_000_000]),
        ([1_700_000_000], "epoch_us", [1_700_000_000]),
    ],
)
def test_a_format_says_what_numbers_count(values, unit, expected):
    found = parse_timestamps(pa.array(values), formats=(unit,))

    assert found.micros.tolist() == expected
    assert not found.invalid.any()


def test_an_epoch_unit_leaves_texts_and_bad_numbers_alone():
    found = parse_timestamps(pa.array(["2026-01-02", "1e300", "x", None]), formats=("epoch_ms",))

    assert found.micros.tolist() == [1_767_312_000_000_000, 0, 0, 0]
    assert found.invalid.tolist() == [False, True, True, False]
    assert found.missing.tolist() == [False, False, False, True]
