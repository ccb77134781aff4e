"""CSV objects."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest

from etl_daemon.adapters.decode.csv_rows import cut_records, parse
from etl_daemon.adapters.decode.dialect import Dialect, detect
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.policy import ReadLimits
from tests.unit.test_decode_support import DATA, PRICES, decode, gathered, raws, refusal

HEADER = b"symbol,timestamp,open,high,low,close,volume\n"
ROW = b"A,2025-01-02,1.5,2.5,1.25,2.0,10\n"
OTHER = b"B,2025-01-02,1.5,2.5,1.25,2.0,10\n"


def symbols(body: bytes, **options: object) -> tuple[list[str | None], list[int]]:
    table, malformed, _ = gathered(decode(body, **options))  # type: ignore[arg-type]
    return table["symbol"].to_pylist() if table.num_rows else [], malformed


def test_cells_stay_text() -> None:
    table = gathered(decode(HEADER + b"NA,2025-01-02,1.50,nan,NULL,inf,\n" + b'"",x, 1 ,"1,000",,,""\n'))[0]
    assert set(table.schema.types) == {pa.string()}
    assert [list(row.values()) for row in table.to_pylist()] == [
        ["NA", "2025-01-02", "1.50", "nan", "NULL", "inf", None],
        [None, "x", " 1 ", "1,000", None, None, None],
    ]


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_dialects(delimiter: bytes, line_end: bytes, bom: bytes) -> None:
    body = bom + (HEADER + ROW + b"\n" + OTHER).replace(b",", delimiter).replace(b"\n", line_end)
    assert symbols(body) == (["A", "B"], [])


def test_decimal_commas_do_not_hide_semicolons() -> None:
    table = gathered(decode(b"symbol;date;open;high;low;close;volume\nA;2025-01-02;1,5;2,5;1,25;2,0;10\n"))[0]
    assert table["open"].to_pylist() == ["1,5"]


@pytest.mark.parametrize("chunk_bytes", [1, 13, 60, 10**6])
@pytest.mark.parametrize("slice_rows", [2, 100])
def test_bad_lines_keep_their_place(chunk_bytes: int, slice_rows: int) -> None:
    body = HEADER + b"\n" + ROW + b"A,1,2\n \n" + HEADER.upper() + b"\n" + b"A,1,2,3,4,5,6,7,8\n" + OTHER + b"x\n"
    slices = decode(body, chunk_bytes=chunk_bytes, slice_rows=slice_rows)
    table, malformed, _ = gathered(slices)
    assert table["symbol"].to_pylist() == ["A", None, None, None, "B", None]
    assert malformed == [1, 2, 3, 5]
    texts = [text for part in slices for text in part.raw(part.malformed).to_pylist()]
    header_cells = json.dumps(
        dict(zip(HEADER.decode().strip().split(","), HEADER.decode().strip().upper().split(","), strict=True)),
        separators=(",", ":"),
    )
    assert texts == ["A,1,2", header_cells, "A,1,2,3,4,5,6,7,8", "x"]


def test_raw_holds_all_columns_as_text() -> None:
    body = b",symbol,date,open,high,low,close,volume,note\n0,A,2025-01-02,1.50,2,1,2,10,\n"
    slices = decode(body)
    prices = {"open": "1.50", "high": "2", "low": "1", "close": "2", "volume": "10"}
    assert json.loads(raws(slices, [0])[0]) == {"": "0", "symbol": "A", "date": "2025-01-02", **prices, "note": ""}
    assert slices[0].extra == ("note",)


@pytest.mark.parametrize("chunk_bytes", [1, 40, 10**6])
def test_quoted_line_ends(chunk_bytes: int) -> None:
    body = HEADER + b'"A\nA","2025\r\n01",1,2,1,2,3\n' + ROW + b'"say ""x""\n",t,1,2,1,2,3\n'
    table, malformed, _ = gathered(decode(body, chunk_bytes=chunk_bytes))
    assert table["symbol"].to_pylist() == ["A\nA", "A", 'say "x"\n']
    assert table["timestamp"][0].as_py() == "2025\r\n01"
    assert malformed == []


@pytest.mark.parametrize("chunk_bytes", [1, 50, 10**6])
def test_an_open_quote_costs_its_line(chunk_bytes: int) -> None:
    body = HEADER + ROW + b'"A,2025-01-02,1,2,1,2,3\n' + OTHER * 3
    slices = decode(body, chunk_bytes=chunk_bytes)
    assert gathered(slices)[0]["symbol"].to_pylist() == ["A", None, "B", "B", "B"]
    assert gathered(slices)[1] == [1]
    assert raws(slices, [1]) == ['"A,2025-01-02,1,2,1,2,3']


def test_a_long_cell_in_a_block_that_is_read_by_hand_is_a_cell() -> None:
    body = HEADER + b'"A","2025-01-02\n' + b"x" * 200_000 + b'",1,2,1,2,3\n' + OTHER
    table, malformed, _ = gathered(decode(body))
    assert (table["symbol"].to_pylist(), malformed) == (["A", "B"], [])
    assert len(table["timestamp"][0].as_py()) == 200_011


def test_two_open_quotes_cost_two_lines() -> None:
    broken = b'"A,2025-01-02,1,2,1,2,3\n'
    assert symbols(HEADER + broken + OTHER + broken + ROW) == ([None, "B", None, "A"], [0, 2])


def test_a_quote_within_a_cell_is_text() -> None:
    assert symbols(HEADER + b'5" p,2025-01-02,1,2,1,2,3\n' + OTHER) == (['5" p', "B"], [])
    body = HEADER + b'5" p,2025-01-02,1,2,1,2,3\n' + b'"A\n",2025-01-02,1,2,1,2,3\n' + b'5" q,2025-01-02,1,2,1,2,3\n'
    assert symbols(body) == (['5" p', "A\n", '5" q'], [])


def test_an_open_quote_does_not_hold_a_big_object_in_memory() -> None:
    body = HEADER + b'"A,2025-01-02,1,2,1,2,3\n' + OTHER * 200
    assert symbols(body, chunk_bytes=100, limits=ReadLimits(max_record_bytes=500)) == ([None] + ["B"] * 200, [0])
    assert max(len(block) for block in cut_records([body[i : i + 100] for i in range(0, len(body), 100)], 500)) < 700


def test_invalid_utf8_costs_its_line() -> None:
    slices = decode(HEADER + ROW + b"\xffB,2025-01-02,1,2,1,2,3\n" + b"too,\xff,short\n" + OTHER)
    assert gathered(slices)[0]["symbol"].to_pylist() == ["A", None, None, "B"]
    assert gathered(slices)[1] == [1, 2]
    assert raws(slices, [1]) == ["\\xffB,2025-01-02,1,2,1,2,3"]


def test_invalid_utf8_is_told_by_us_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    assert symbols(HEADER + ROW + b"too,\xff,short\n" + OTHER) == (["A", None, "B"], [1])
    assert told == []


def test_a_header_alone_loads_as_nothing() -> None:
    assert decode(HEADER) == []
    assert decode(HEADER.strip() + b"\r\n\r\n") == []


def test_a_missing_header_is_refused_naming_what_was_seen() -> None:
    assert "'1.5'" in refusal(ROW + OTHER, "missing_columns").detail
    refusal(ROW, "missing_columns")


def test_missing_and_ambiguous_columns() -> None:
    assert "volume" in refusal(b"symbol,date,open,high,low,close\nA,1,2,3,4,5\n", "missing_columns").detail
    refusal(HEADER.replace(b"symbol", b"ticker,name") + b"A," + ROW, "ambiguous_columns")
    refusal(HEADER.replace(b"open", b"open,open") + ROW, "ambiguous_columns")


def test_symbol_from_key() -> None:
    dataset = Dataset("p", Kind.PRICES, "p", "A.B.C", symbol_from_key=r"(?P<symbol>[A-Z]+)\.csv")
    body = HEADER.removeprefix(b"symbol,") + ROW.removeprefix(b"A,") + b"broken\n"
    assert symbols(body, dataset=dataset, key="a/KO.csv") == (["KO", None], [1])
    assert symbols(HEADER + ROW, dataset=dataset, key="a/KO.csv") == (["A"], [])
    refusal(body, "symbol_from_key", dataset=dataset, key="a/b.txt")


SPECTRUM = DATA / "csv_parsing" / "csv-spectrum.tar.gz"


@pytest.mark.skipif(not SPECTRUM.exists(), reason="needs shared/data/csv_parsing beside the repository")
def test_csv_spectrum() -> None:
    with tarfile.open(SPECTRUM) as archive:
        files = {Path(member.name).name: archive.extractfile(member).read() for member in archive if member.isfile()}
    pairs = [(name, body) for name, body in files.items() if name.endswith(".csv")]
    for name, body in pairs:
        dialect = detect(body, PRICES)
        table = parse(body[dialect.body_at :], dialect).table
        rows = [
            {key: value or "" for key, value in row.items()} for row in table.rename_columns(dialect.names).to_pylist()
        ]
        expected = json.loads(
            files[name.replace(".csv", ".json")].replace(rb"\r\n", rb"\n")
        )  # the CSV has bare line feeds
        if name == "location_coordinates.csv":  # its two files disagree about the telephone number
            expected["Contact Phone Number"] = rows[0]["Contact Phone Number"]
        assert rows == (expected if isinstance(expected, list) else [expected]), name
    assert len(pairs) == 12


def test_detection_prefers_what_matches() -> None:
    dialect = detect(b"Symbol;Date (a,b,c,d,e,f,g,h);Open\n", PRICES)
    assert isinstance(dialect, Dialect)
    assert dialect.delimiter == ";"


def test_braces_in_the_first_column_make_no_json() -> None:
    rows = [f"{brace},2026-01-02,1,2,1,2,3\n" for brace in ("{", "{A", "{}")]
    (part,) = decode(("symbol,timestamp,open,high,low,close,volume\n" + "".join(rows)).encode())
    assert part.table["symbol"].to_pylist() == ["{", "{A", "{}"]
    assert not len(part.malformed)
