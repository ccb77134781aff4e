"""Values in another type: exactly, or told apart."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest

from etl_daemon.core.tables.exact import TextForms, exact_cast
from etl_daemon.core.tables.jsontext import readable
from etl_daemon.core.tables.plaintext import hexadecimal

JSON = pa.json_()
WIDE = pa.decimal128(38, 18)
MICROS = pa.timestamp("us")
D = Decimal
N = None


@pytest.mark.parametrize(
    ("given", "type_", "values", "expected"),
    [
        (pa.int64(), pa.decimal128(5, 2), [1, 1000, N], [D(1), N, N]),
        (pa.int64(), pa.float64(), [2**53, 2**53 + 1], [2.0**53, N]),
        (pa.int64(), pa.int8(), [127, 128, -128, -129], [127, N, -128, N]),
        (pa.int64(), pa.uint8(), [255, 256, 0, -1], [255, N, 0, N]),
        (pa.int64(), pa.string(), [-5], ["-5"]),
        (pa.int64(), pa.bool_(), [1], [N]),
        (WIDE, pa.int64(), [D(2), D("2.5")], [2, N]),
        (WIDE, pa.decimal128(4, 1), [D("999.9"), D("1000"), D("1.55")], [D("999.9"), N, N]),
        (
            WIDE,
            pa.float64(),
            [D("1E-7"), D("271.26000000000005"), D("12345678901234567.89")],
            [1e-7, 271.26000000000005, N],
        ),
        (WIDE, pa.string(), [D("0.10")], ["0.1"]),
        (pa.decimal128(38, 0), pa.decimal128(38, 0), [D(10**38 - 1)], [D(10**38 - 1)]),
        (pa.decimal128(38, 0), pa.decimal128(38, 1), [D(10**38 - 1), D(10**37 - 1)], [N, D(10**37 - 1)]),
        (pa.decimal128(38, 0), WIDE, [D(15 * 10**23), D(-(10**20)), D(10**20 - 1)], [N, N, D(10**20 - 1)]),
        (pa.float64(), WIDE, [0.1, 1.5e-7, 1e19, 1e300, float("nan")], [D("0.1"), D("1.5E-7"), D(10**19), N, N]),
        (pa.float64(), pa.float32(), [1.5, 0.1], [1.5, N]),
        (pa.float64(), JSON, [1.5, float("inf")], ["1.5", N]),
        (pa.string(), WIDE, ["1.50", " 5 ", "00123", "-.5", "12.5e3"], [D("1.5"), D(5), D(123), D("-0.5"), D(12500)]),
        (pa.string(), WIDE, ["n/a", "NaN", "1,000", "1_000", "e5", "", "1e-19", "1e400"], [N] * 8),
        (pa.string(), pa.int64(), ["5", "5.0", "5.5"], [5, 5, N]),
        (pa.string(), pa.float64(), ["0.1", "1e400", "1e-400", "123456789012345678"], [0.1, N, N, N]),
        (pa.string(), pa.bool_(), ["TRUE", "false", "1"], [True, False, N]),
        (
            pa.string(),
            pa.date32(),
            ["2026-01-02", "2026-01-02T00:00Z", "2026-01-02 10:00"],
            [date(2026, 1, 2)] * 2 + [N],
        ),
        (
            pa.string(),
            pa.time64("us"),
            ["09:30", "9:30", "23:59:59.5", "24:00"],
            [time(9, 30), N, time(23, 59, 59, 500000), N],
        ),
        (
            pa.string(),
            MICROS,
            ["2026-01-02", "2026-01-02T10:00+09:00", "20260102", "5"],
            [datetime(2026, 1, 2), datetime(2026, 1, 2, 1), N, N],
        ),
        (pa.string(), JSON, ['a"', "1"], ['"a\\""', '"1"']),
        (pa.string(), pa.binary(), ["é"], ["é".encode()]),
        (pa.binary(), pa.string(), [b"ok", b"\xff"], ["ok", N]),
        (JSON, pa.string(), ['"a\\n"', "5", '{"a":1}'], ["a\n", "5", '{"a":1}']),
        (JSON, pa.int64(), ["5", '"6"', "true"], [5, 6, N]),
        (pa.date32(), MICROS, [date(2026, 1, 2)], [datetime(2026, 1, 2)]),
        (pa.date32(), JSON, [date(2026, 1, 2)], ['"2026-01-02"']),
        (MICROS, pa.date32(), [datetime(2026, 1, 2), datetime(2026, 1, 2, 1)], [date(2026, 1, 2), N]),
        (
            MICROS,
            pa.timestamp("s"),
            [datetime(2026, 1, 2), datetime(2026, 1, 2, 0, 0, 0, 1)],
            [datetime(2026, 1, 2), N],
        ),
        (MICROS, pa.timestamp("ns"), [datetime(2026, 1, 2), datetime(9999, 1, 1)], [datetime(2026, 1, 2), N]),
        (pa.bool_(), pa.string(), [True], ["true"]),
        (pa.int64(), pa.null(), [1], [N]),
        (pa.null(), pa.int64(), [N], [N]),
    ],
)
def test_values_fit_or_are_told_apart(given: pa.DataType, type_: pa.DataType, values: list, expected: list) -> None:
    array = pa.array(values, pa.string()).cast(JSON) if given == JSON else pa.array(values, given)
    cast = exact_cast(pa.chunked_array([array[:1], array[1:]]), type_)
    assert cast.values.type == type_
    assert cast.values.to_pylist() == expected
    assert cast.misfit.tolist() == [
        value is not None and made is None for value, made in zip(values, expected, strict=True)
    ]


def test_bytes_are_spelled_in_hexadecimal() -> None:
    every = bytes(range(256))
    column = pa.array([b"cut", b"\x00\xff", None, b"", every, b"cut"], pa.binary())
    for type_ in (pa.binary(), pa.large_binary()):
        assert hexadecimal(column.cast(type_)[1:-1]).to_pylist() == ["00ff", None, "", every.hex()]
    assert hexadecimal(column[:0]).to_pylist() == []
    assert hexadecimal(pa.array([None, b""], pa.binary())).to_pylist() == [None, ""]
    assert readable(column[1:4]).to_pylist() == ["00ff", None, ""]


def declared(values: list, type_: pa.DataType, forms: TextForms = TextForms()) -> tuple[list, int]:  # noqa: B008 - frozen
    cast = exact_cast(pa.chunked_array([values]), type_, forms, declared=True)
    return cast.values.to_pylist(), cast.truncated


def test_declared_timestamps_may_be_numbers_and_lose_digits() -> None:
    seconds = datetime(2025, 1, 1)
    assert declared(["20250101", "1735689600", "2025-01-01T00:00:00.0000001Z", "soon"], MICROS) == (
        [seconds] * 3 + [N],
        1,
    )
    assert declared([1735689600], MICROS)[0] == [seconds]
    assert declared(["2025-01-01 09:00"], MICROS, TextForms("Asia/Tokyo"))[0] == [seconds]
    assert declared(["01.01.2025"], MICROS, TextForms(timestamp_formats=("%d.%m.%Y",)))[0] == [seconds]


def test_numbers_are_no_timestamps_though_the_dataset_has_formats() -> None:
    forms = TextForms(timestamp_formats=("%d.%m.%Y",))
    for values in (["271.26", "00123"], ["20260102"], ["-5", " 7 "]):
        assert exact_cast(pa.chunked_array([values]), MICROS, forms).misfit.all(), values
    dates = pa.chunked_array([["02.01.2026", "2026-01-03", None]])
    found = exact_cast(dates, MICROS, forms)
    assert found.values.to_pylist() == [datetime(2026, 1, 2), datetime(2026, 1, 3), None]


def test_declared_json_is_json() -> None:
    assert declared(['{"a": 1}', "[", "NaN", "5"], JSON)[0] == ['{"a": 1}', N, N, "5"]


def test_grouped_numbers_where_the_dataset_has_them() -> None:
    grouped = TextForms(thousands_separators=True)
    assert declared(["4,787,699.5", "47,87"], WIDE, grouped)[0] == [D("4787699.5"), N]
    assert declared(["1,000"], pa.float64(), grouped)[0] == [1000.0]
