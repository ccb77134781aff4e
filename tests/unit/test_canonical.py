"""Arrow's types in those that tables have, and as JSON text."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest

from etl_daemon.core.tables.canonical import canonical
from etl_daemon.core.tables.jsontext import json_text
from etl_daemon.core.tables.plaintext import plain_text

JSON = pa.json_()
DAY = datetime(2026, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("given", "values", "type_", "expected"),
    [
        (pa.null(), [None], pa.null(), None),
        (pa.int8(), [-1], pa.int64(), -1),
        (pa.uint32(), [2**32 - 1], pa.int64(), 2**32 - 1),
        (pa.uint64(), [2**64 - 1], pa.decimal128(20, 0), Decimal(2**64 - 1)),
        (pa.float16(), [1.5], pa.float64(), 1.5),
        (pa.float32(), [0.1], pa.float64(), 0.10000000149011612),
        (pa.decimal128(4, -2), [Decimal(1500)], pa.decimal128(6, 0), Decimal(1500)),
        (pa.decimal256(50, 2), [Decimal("1.50")], pa.decimal128(38, 2), Decimal("1.50")),
        (pa.decimal256(50, 2), [Decimal("9" * 45)], pa.string(), "9" * 45 + ".00"),
        (pa.decimal32(5, 2), [Decimal("1.50")], pa.decimal128(5, 2), Decimal("1.50")),
        (pa.large_string(), ["a"], pa.string(), "a"),
        (pa.string_view(), ["a"], pa.string(), "a"),
        (pa.dictionary(pa.int8(), pa.string()), ["a"], pa.string(), "a"),
        (pa.binary(2), [b"ab"], pa.binary(), b"ab"),
        (pa.date64(), [date(2026, 1, 2)], pa.date32(), date(2026, 1, 2)),
        (pa.time32("ms"), [time(1, 2, 3)], pa.time64("us"), time(1, 2, 3)),
        (pa.time64("ns"), pa.array([1]).cast(pa.time64("ns")), pa.string(), "00:00:00.000000001"),
        (pa.timestamp("s"), [DAY], pa.timestamp("us"), DAY),
        (pa.timestamp("ms", "Asia/Tokyo"), [DAY.replace(tzinfo=UTC)], pa.timestamp("us"), DAY),
        (pa.timestamp("ns"), [DAY], pa.timestamp("us"), DAY),
        (pa.timestamp("ns"), pa.array([1]).cast(pa.timestamp("ns")), pa.string(), "1970-01-01 00:00:00.000000001"),
        (pa.duration("s"), pa.array([2]).cast(pa.duration("s")), pa.int64(), 2_000_000),
        (pa.duration("ns"), pa.array([1500]).cast(pa.duration("ns")), pa.decimal128(24, 3), Decimal("1.500")),
        (pa.duration("ns"), pa.array([2000]).cast(pa.duration("ns")), pa.int64(), 2),
        (pa.list_(pa.int64()), [[1, None]], JSON, "[1,null]"),
        (pa.month_day_nano_interval(), [(1, 2, 3)], pa.string(), "MonthDayNano(months=1, days=2, nanoseconds=3)"),
    ],
)
def test_types(given: pa.DataType, values: object, type_: pa.DataType, expected: object) -> None:
    column = canonical(pa.chunked_array([pa.array(values, given) if isinstance(values, list) else values]))
    assert (column.type, column.to_pylist()) == (type_, [expected])
    assert canonical(column).equals(column)


def test_a_day_with_a_time_is_no_date() -> None:
    column = canonical(pa.chunked_array([pa.array([86_400_001]).cast(pa.date64())]))
    assert column.to_pylist() == [datetime(1970, 1, 2, 0, 0, 0, 1000)]


NESTED = pa.struct(
    [
        ("l", pa.list_(pa.decimal128(20, 8))),
        ('q"', pa.map_(pa.string(), pa.float64())),
        ("f", pa.list_(pa.int64(), 2)),
        ("s", pa.dictionary(pa.int8(), pa.string())),
        ("b", pa.binary()),
        ("t", pa.timestamp("us", "UTC")),
        ("e", pa.struct([])),
    ]
)
ROWS = [
    {
        "l": [Decimal("0.00000001"), None],
        'q"': [('k"', 1.5), ("n", float("nan"))],
        "f": [1, 2],
        "s": 'a"\\\n\x01é',
        "b": b"\xff\x00",
        "t": DAY.replace(tzinfo=UTC),
        "e": {},
    },
    None,
    {"l": [], 'q"': [], "f": None, "s": None, "b": b"ok", "t": None, "e": None},
]


@pytest.mark.parametrize("start", [0, 1, 2])
def test_nested_values_are_json(start: int) -> None:
    texts = json_text(pa.array(ROWS, NESTED)[start:]).to_pylist()
    assert [text and json.loads(text, parse_float=Decimal) for text in texts] == [
        {
            "l": [Decimal("0.00000001"), None],
            'q"': {'k"': Decimal("1.5"), "n": "nan"},
            "f": [1, 2],
            "s": 'a"\\\n\x01é',
            "b": "ff00",
            "t": "2026-01-02 03:04:05Z",
            "e": {},
        },
        None,
        {"l": [], 'q"': {}, "f": None, "s": None, "b": "ok", "t": None, "e": None},
    ][start:]


def test_decimals_are_written_in_full() -> None:
    values = [Decimal("0.0000001"), Decimal("-0.05"), Decimal("12.500"), Decimal(-7), None]
    for type_ in (pa.decimal128(38, 18), pa.decimal256(76, 38)):
        assert plain_text(pa.array(values, type_)).to_pylist() == ["0.0000001", "-0.05", "12.5", "-7", None]
    assert plain_text(pa.array([Decimal(100)], pa.decimal128(5, 0))).to_pylist() == ["100"]
    assert plain_text(pa.array([DAY, DAY.replace(microsecond=500_000)])).to_pylist() == [
        "2026-01-02 03:04:05",
        "2026-01-02 03:04:05.5",
    ]


def test_extension_types_within_a_structure_are_what_they_are_stored_as() -> None:
    uuid = pa.array([b"\x00\xff" * 8, None], pa.uuid())
    words = pa.array(["a", None]).dictionary_encode()
    structure = pa.StructArray.from_arrays(
        [pa.array(['{"x": 1}', None], JSON), uuid, words, pa.nulls(2)], names=["json", "id", "word", "nothing"]
    )
    assert json_text(structure).to_pylist() == [
        '{"json":{"x": 1},"id":"' + "00ff" * 8 + '","word":"a","nothing":null}',
        '{"json":null,"id":null,"word":null,"nothing":null}',
    ]
