"""The same records decode to the same rows, whatever the format, the chunks and the slices."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_decode_support import decode, gathered

NAMES = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "source")
NUMBERS = NAMES[2:7]
texts = st.none() | st.text('aZ,"\n\\;é{}[]: ', min_size=1, max_size=4)
numbers = st.none() | st.sampled_from([0.0, 1.0, -1.5, 18.9, 33554433.25, 1e-7])
records = st.lists(
    st.fixed_dictionaries({name: numbers if name in NUMBERS else texts for name in NAMES}), min_size=1, max_size=12
)
sizes = st.tuples(st.sampled_from([1, 7, 64, 300, 10**6]), st.sampled_from([1, 2, 5, 1000]))
Records = list[dict[str, object]]


def read(body: bytes, size: tuple[int, int]) -> tuple[Records, list[int]]:
    slices = decode(body, chunk_bytes=size[0], slice_rows=size[1])
    assert [part.table.num_rows for part in slices[:-1]] == [size[1]] * (len(slices) - 1)
    assert [part.first_row for part in slices] == [1 + size[1] * index for index in range(len(slices))]
    table, malformed, _ = gathered(slices)
    return [{name: row.get(name) for name in NAMES} for row in table.to_pylist()], malformed


def as_lines(rows: Records) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


@settings(max_examples=60)
@given(records, sizes)
def test_json_lines(rows: Records, size: tuple[int, int]) -> None:
    assert read(as_lines(rows), size) == (rows, [])


@settings(max_examples=60)
@given(records, sizes, st.sampled_from([None, 2]))
def test_json_array(rows: Records, size: tuple[int, int], indent: int | None) -> None:
    assert read(json.dumps(rows, indent=indent).encode(), size) == (rows, [])


@settings(max_examples=60)
@given(records, sizes)
def test_parquet(rows: Records, size: tuple[int, int]) -> None:
    types = [(name, pa.float64() if name in NUMBERS else pa.string()) for name in NAMES]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(types)), sink)
    assert read(sink.getvalue(), size) == (rows, [])


@settings(max_examples=60)
@given(records, sizes)
def test_csv(rows: Records, size: tuple[int, int]) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow(NAMES)
    writer.writerows([["" if value is None else value for value in map(row.get, NAMES)] for row in rows])
    expected = [{name: None if value is None else str(value) for name, value in row.items()} for row in rows]
    assert read(sink.getvalue().encode(), size) == (expected, [])


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["row", "bad", "blank", "scalar"]), min_size=1, max_size=30), sizes)
def test_every_line_is_a_row_or_malformed(kinds: list[str], size: tuple[int, int]) -> None:
    row = dict.fromkeys(NAMES, "1")
    texts = {"row": as_lines([row]), "bad": b'{"symbol": \n', "blank": b" \r\n", "scalar": b"7\n"}
    body = as_lines([row, row]) + b"".join(texts[kind] for kind in kinds)
    rows, malformed = read(body, size)
    lines = ["row", "row", *(kind for kind in kinds if kind != "blank")]
    assert len(rows) == len(lines)
    assert malformed == [at for at, kind in enumerate(lines) if kind != "row"]


SPELLINGS = {name: (name, name.capitalize(), name.upper()) for name in NAMES}
SPELLINGS["symbol"] += ("ticker", "Ticker", "name")
SPELLINGS["timestamp"] += ("date", "DATE")
SPELLINGS["source"] = ("source",)  # other spellings of an optional column are found by sample
spelled = st.fixed_dictionaries(
    {
        name: st.lists(st.tuples(st.sampled_from(spellings), numbers if name in NUMBERS else texts), max_size=1)
        for name, spellings in SPELLINGS.items()
    }
)
Spelled = dict[str, list[tuple[str, object]]]


@settings(max_examples=30)  # each reads up to 300 rows in chunks of few bytes
@given(st.lists(spelled, max_size=8), st.integers(0, 300), sizes)
def test_each_row_has_its_own_spellings(rows: list[Spelled], filler: int, size: tuple[int, int]) -> None:
    usual: Spelled = {name: [(name, 2.0 if name in NUMBERS else "x")] for name in NAMES}
    rows = [*[usual] * filler, *rows, usual]
    expected = [{name: next((value for _, value in row[name]), None) for name in NAMES} for row in rows]
    body = as_lines([dict(pair for given in row.values() for pair in given) for row in rows])
    assert read(body, size) == (expected, [])
