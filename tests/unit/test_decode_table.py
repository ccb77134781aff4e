"""Objects of datasets of kind ``table``: all their columns, in types that hold for the whole object."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.adapters.decode.numerals import marked
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.policy import ReadLimits
from tests.unit.test_decode_support import decode, gathered, raws, refusal

ANY = Dataset("t", Kind.TABLE, "p", "A.B.C", primary_key=("ID",))
JSON = pa.json_()
EXACT = pa.decimal128(38, 18)
UTC = pa.timestamp("us", "UTC")


def table(body: bytes, dataset: Dataset = ANY, **options: object) -> pa.Table:
    return gathered(decode(body, dataset=dataset, **options))[0]  # type: ignore[arg-type]


def cells(*values: str, dataset: Dataset = ANY) -> pa.ChunkedArray:
    """The column X of a CSV object."""
    return table("\n".join(["id,x", *(f'{at},"{value}"' for at, value in enumerate(values))]).encode(), dataset)["X"]


# ---------------------------------------------------------------- types of cells


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (("1", "-20", ""), pa.int64()),
        (("9223372036854775807", "-9223372036854775808"), pa.int64()),
        (("9223372036854775808",), pa.decimal128(38, 0)),
        (("9" * 38,), pa.decimal128(38, 0)),
        (("9" * 39,), pa.string()),
        (("1" + "0" * 39,), pa.float64()),
        (("0.10", "12345678901234567.89", "7"), EXACT),
        (("0." + "1" * 18, "9" * 20), EXACT),
        (("0." + "1" * 19,), pa.decimal128(38, 19)),
        (("0." + "1" * 30, "123456789"), pa.string()),
        (("1.5e-7", "2"), pa.float64()),
        (("1e400",), pa.string()),
        (("0.1234567890123456789e5",), pa.string()),
        (("true", "FALSE", ""), pa.bool_()),
        (("TRUE", "true"), pa.string()),
        (("TRUE", "NA"), pa.string()),
        (("2026-01-02", "2024/02/29"), pa.date32()),
        (("2026-02-29",), pa.string()),
        (("2026-01-02", "2026-01-02T10:00:00+09:00", "2026-01-02 10:00"), UTC),
        (("2026-01-02T10:00:00.1234567Z",), pa.string()),
        (("2026-01-02T10:00:00.1234560Z",), UTC),
        (("20260102", "20260103"), pa.int64()),
        (("", ""), pa.null()),
        *(
            ((odd, "1"), pa.string())
            for odd in ("00123", "NaN", "+5", " 5", "5.", "1,234", "1_000", "0x1F", "\u0661", "-")
        ),
    ],
)
def test_the_type_of_cells(values: tuple[str, ...], type_: pa.DataType) -> None:
    assert cells(*values).type == type_


def test_cells_have_their_exact_value() -> None:
    assert cells("0.10", "12345678901234567.89", "").to_pylist() == [
        Decimal("0.10"),
        Decimal("12345678901234567.89"),
        None,
    ]
    assert cells("00123", "NA", "", "TRUE").to_pylist() == ["00123", "NA", None, "TRUE"]
    assert cells("2024/02/29").to_pylist() == [date(2024, 2, 29)]
    assert cells("2026-01-02T10:00:00+09:00").cast(pa.timestamp("us")).to_pylist() == [datetime(2026, 1, 2, 1)]


def test_thousands_separators_where_the_dataset_has_them() -> None:
    grouped = replace(ANY, thousands_separators=True)
    assert cells("4,787,699", "12", dataset=grouped).to_pylist() == [4787699, 12]
    assert cells("1,234.50", dataset=grouped).to_pylist() == [Decimal("1234.50")]
    assert cells("1,23", dataset=grouped).type == pa.string()


def test_formats_of_the_dataset_make_timestamps() -> None:
    assert cells("02/01/2026", "2026-01-02", dataset=replace(ANY, timestamp_formats=("%d/%m/%Y",))).type == UTC
    assert cells("02/01/2026").type == pa.string()


def test_timestamps_without_zone_are_in_that_of_the_source() -> None:
    decoder = ObjectDecoder(timezone="America/New_York")
    body = b"id,at\n1,2026-01-02 10:00\n2,2026-07-02T10:00:00Z\n"
    part = next(decoder.decode(ObjectRef(datetime(2026, 1, 1), "k", "1"), memoryview(body), ANY))
    decoder.close()
    at = part.table["AT"].cast(pa.timestamp("us")).to_pylist()
    assert at == [datetime(2026, 1, 2, 15), datetime(2026, 7, 2, 10)]


def test_declared_columns_stay_as_they_are_written() -> None:
    declared = replace(ANY, types={"X": pa.string(), "Y": pa.decimal128(20, 4), "Z": JSON})
    assert cells("0.10", "1e5", dataset=declared).to_pylist() == ["0.10", "1e5"]
    body = b'{"id":1,"x":0.10,"y":"1.5","z":"a"}\n{"id":2,"x":"q\\"","y":true,"z":[1, 2.50]}\n'
    rows = table(body, declared).select(["X", "Y", "Z"]).to_pylist()
    assert rows == [{"X": "0.1", "Y": "1.5", "Z": '"a"'}, {"X": 'q"', "Y": "true", "Z": "[1,2.5]"}]


# ---------------------------------------------------------------- types of JSON values


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (("1", "null", "-3"), pa.int64()),
        (("18446744073709551616",), pa.decimal128(38, 0)),
        (("1", "2.5"), EXACT),
        (("1e300", "1"), pa.float64()),
        (("true", "true"), pa.bool_()),
        (('"5"', '"7"'), pa.string()),
        (('"2026-01-02"',), pa.date32()),
        (('"2026-01-02T10:00:00Z"', "null"), UTC),
        (('""',), pa.string()),
        (("1", '"1"'), JSON),
        (("true", "1"), JSON),
        (('{"a":1}', "null"), JSON),
        (("[]",), JSON),
        (("null",), pa.null()),
        (("NaN", "1"), JSON),
        (("1e400",), JSON),
    ],
)
def test_the_type_of_json_values(values: tuple[str, ...], type_: pa.DataType) -> None:
    lines = "".join(f'{{"id":{at},"x":{value}}}\n' for at, value in enumerate(values))
    assert table(lines.encode())["X"].type == type_


def test_json_keeps_every_digit_at_any_depth() -> None:
    long = "12345678901234567.89"
    body = f'{{"id":1,"x":{long},"y":{{"z":[{long},0.12345678901234567,"{long}",NaN]}},"t":"a, {long} b"}}\n'
    row = table(body.encode()).to_pylist()[0]
    assert row["X"] == Decimal(long)
    assert row["Y"] == f'{{"z":[{long},0.12345678901234567,"{long}","NaN"]}}'
    assert row["T"] == f"a, {long} b"


def test_strings_that_look_like_marks_stay_strings() -> None:
    body = b'{"id":1,"x":"\\u00015","y":1234567890.1234567890}\n{"id":2,"x":"\\u0001\\u00017","y":2}\n'
    assert table(body)["X"].to_pylist() == ["\x015", "\x01\x017"]
    assert refusal(b'{"id":1,"x":12345678901234567.5,"y":"' + b"\\u0001" * 1001 + b'"}\n', "undecodable", dataset=ANY)


def test_text_without_long_numbers_is_not_copied() -> None:
    text = b'{"a":1.5,"b":"12345678901234567"}\n'
    assert marked(b'{"a":1.5}\n') == (b'{"a":1.5}\n', 0)
    assert marked(text)[0] == text
    assert marked(b'{"a":1234567890123456.}\n')[0] == b'{"a":1234567890123456.}\n'


def test_columns_come_in_the_order_of_the_records() -> None:
    body = b'{"id":1,"z":1,"b":1}\n{"a":1,"id":1,"b":2}\n{"c":1,"id":2}\n'
    for chunk_bytes in (1, 2**20):
        assert table(body, chunk_bytes=chunk_bytes).column_names == ["ID", "Z", "B", "A", "C"]


# ---------------------------------------------------------------- the object as a whole


@pytest.mark.parametrize("held", [0, 2**28])
def test_slices_agree_on_types(held: int) -> None:
    limits = ReadLimits(typed_bytes=held)
    body = b"id,x,y\n" + b"1,1,\n" * 50 + b"2,2.5,a\n"
    slices = decode(gzip.compress(body), dataset=ANY, limits=limits, slice_rows=10, chunk_bytes=32)
    assert len(slices) == 6
    assert {part.table.schema.field("X").type for part in slices} == {EXACT}
    assert gathered(slices)[0]["Y"].to_pylist() == [None] * 50 + ["a"]
    lines = b'{"id":1}\n' * 50 + b'{"id":"2"}\n'
    slices = decode(lines, dataset=ANY, limits=limits, slice_rows=10, chunk_bytes=32)
    assert {part.table.schema.field("ID").type for part in slices} == {JSON}


def test_a_malformed_line_costs_that_line() -> None:
    slices = decode(b"id,x\n1,2\n3\nid,x\n4,5\n", dataset=ANY)
    rows, malformed, _ = gathered(slices)
    assert rows["X"].to_pylist() == [2, None, None, 5]
    assert malformed == [1, 2]
    assert raws(slices, [1]) == ["3"]
    slices = decode(b'{"id":1}\n{"id":\n[1]\n{"id":2}\n', dataset=ANY)
    rows, malformed, _ = gathered(slices)
    assert (rows["ID"].to_pylist(), malformed, raws(slices, [1, 2])) == ([1, None, None, 2], [1, 2], ['{"id":', "[1]"])


def test_an_object_of_malformed_lines_only_has_its_rows() -> None:
    slices = decode(b'nothing\n{"id"\n', dataset=ANY, key="a.json")
    assert (slices[0].table.num_rows, slices[0].malformed.tolist()) == (2, [0, 1])
    assert decode(b"", dataset=ANY) == []


def test_times_of_impala_are_those_that_were_written_whatever_the_year() -> None:
    moments = [datetime(1, 1, 2), datetime(1677, 1, 1), datetime(2026, 1, 2, 3, 4, 5, 6), datetime(9999, 12, 31, 23)]
    sink = io.BytesIO()
    written = pa.table({"id": [1, 2, 3, 4], "at": pa.array(moments, pa.timestamp("us"))})
    pq.write_table(written, sink, use_deprecated_int96_timestamps=True)
    assert table(sink.getvalue())["AT"].to_pylist() == moments


def test_parquet_keeps_its_types() -> None:
    given = pa.table(
        {
            "id": pa.array([1, 2], pa.int16()),
            "a b": pa.array([[Decimal("1.50")], None], pa.list_(pa.decimal128(9, 2))),
            "at": pa.array([0, 1], pa.timestamp("ns", "Asia/Tokyo")),
            "raw": pa.array([b"\xff", None], pa.binary()),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    body = io.BytesIO()
    pq.write_table(given, body)
    slices = decode(body.getvalue(), dataset=ANY)
    assert slices[0].table.rename_columns(given.column_names).equals(given)
    assert slices[0].table.column_names == ["ID", "A_B", "AT", "RAW", "KIND"]
    assert slices[0].raw(np.array([1])).to_pylist() == [
        '{"id":2,"a b":null,"at":"1970-01-01 00:00:00.000000001Z","raw":null,"kind":"y"}'
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x,y\n1,2\n", "missing_columns"),
        (b'{"x":1}\n', "missing_columns"),
        (b"id,a b,a_b\n1,2,3\n", "ambiguous_columns"),
        (b'{"id":1,"x":1}\n{"id":2,"X":1}\n', "ambiguous_columns"),
        (b"id,_batch_id\n1,2\n", "column_name"),
        (b'{"id":1,"_rescued":1}\n', "column_name"),
        (b'{"id":1,"a\\u0000b":1}\n', "column_name"),
        (b"id," + b"x" * 256 + b"\n1,2\n", "column_name"),
        (b"id," + b",".join(b"c%d" % at for at in range(1000)) + b"\n", "too_many_columns"),
        (b'{"id":' + b"[" * 200 + b"]" * 200 + b"}\n\n", "nesting_too_deep"),
        (b"PK\x03\x04....", "unsupported_format"),
    ],
)
def test_what_is_refused(body: bytes, reason: str) -> None:
    assert refusal(body, reason, dataset=ANY).hint or reason == "nesting_too_deep"


def test_limits_hold() -> None:
    body = b"id,x\n" + b"1,2\n" * 100
    refusal(body, "too_large", dataset=ANY, limits=ReadLimits(max_object_bytes=100))
    refusal(gzip.compress(body), "too_large", dataset=ANY, limits=ReadLimits(max_expanded_bytes=100))


def test_a_name_of_its_own_settles_what_would_meet() -> None:
    mapped = replace(ANY, columns={"a b": "other", "_batch_id": "THEIRS"})
    assert table(b"id,a b,a_b,_batch_id\n1,2,3,4\n", mapped).column_names == ["ID", "OTHER", "A_B", "THEIRS"]


def test_the_symbol_may_come_from_the_key() -> None:
    dataset = replace(ANY, primary_key=("SYMBOL", "ID"), symbol_from_key=r"/([A-Z]+)\.csv")
    assert table(b"id,x\n1,2\n", dataset, key="a/AAPL.csv")["SYMBOL"].to_pylist() == ["AAPL"]
    assert refusal(b"id,x\n1,2\n", "symbol_from_key", dataset=dataset, key="a/b.csv")
