"""The types of a column say exactly what its text says, however the object is cut."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_daemon.core.datasets import Dataset, Kind, Mode
from tests.support.same_value import read_json, same, same_json
from tests.unit.test_decode_support import decode, gathered

ANY = Dataset("t", Kind.TABLE, "p", "A.B.C", mode=Mode.APPEND)

digits = st.integers(-(10**40), 10**40)
whole = st.one_of(st.integers(-300, 300), st.integers(-(2**64), 2**64), digits).map(str)
points = st.builds(
    lambda units, scale: format(Decimal(units).scaleb(-scale), "f"), st.integers(-(10**24), 10**24), st.integers(0, 24)
)
floats = st.floats(allow_nan=False, allow_infinity=False).map(repr)
cents = st.integers(-(10**7), 10**7).map(lambda each: f"{each / 100:.2f}")
dates = st.dates().map(str)
instants = st.datetimes().map(lambda each: each.isoformat(" "))
zoned = st.datetimes().map(lambda each: each.isoformat() + "+05:30")
flags = st.sampled_from(["true", "false", "TRUE", "False"])
odd = st.sampled_from(
    [
        "00123",
        "NA",
        "NaN",
        "+5",
        " 5",
        "5 ",
        "-0",
        ".5",
        "5.",
        "1,234",
        "0x1F",
        "1_000",
        "١٢",
        "1e400",
        "1e-400",
        "TRUE",
    ]
)
texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=5)
KINDS = [whole, points, floats, cents, dates, instants, zoned, flags, odd, texts]


@st.composite
def cell_columns(draw: st.DrawFn) -> list[list[str]]:
    rows = draw(st.integers(1, 6))
    columns = []
    for _ in range(draw(st.integers(1, 3))):
        cells = st.one_of(*draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2)))
        columns.append(draw(st.lists(st.one_of(st.just(""), cells), min_size=rows, max_size=rows)))
    return columns


@settings(max_examples=150)
@given(cell_columns(), st.sampled_from([7, 2**20]), st.sampled_from([2, 100]))
def test_csv_cells_keep_their_value(columns, chunk_bytes, slice_rows) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["key", *(f"c{at}" for at in range(len(columns)))])
    writer.writerows([f"k{row}", *cells] for row, cells in enumerate(zip(*columns, strict=True)))
    slices = decode(text.getvalue().encode(), dataset=ANY, chunk_bytes=chunk_bytes, slice_rows=slice_rows)
    assert len({part.table.schema for part in slices}) == 1
    table, malformed, _ = gathered(slices)
    assert malformed == []
    for at, cells in enumerate(columns):
        column = table[f"C{at}"]
        for cell, stored in zip(cells, column.to_pylist(), strict=True):
            assert same(cell or None, stored, column.type), (cell, stored, column.type)


numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**15), 10**15, places=9),
)
strings = st.one_of(texts, dates, zoned, st.sampled_from(['"\\', "\u0001#5", "a, 12345678901234567.89", "\n", "é{"]))
leaves = st.one_of(st.none(), st.booleans(), numbers, strings)
nested = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=2))
)
JSON_KINDS = [numbers, strings, st.booleans(), nested]


class Numbers(json.JSONEncoder):
    """Decimals with all their digits."""

    def encode(self, value: object) -> str:
        if isinstance(value, dict):
            return "{" + ",".join(f"{json.dumps(key)}:{self.encode(each)}" for key, each in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(self.encode, value)) + "]"
        return str(value) if isinstance(value, Decimal) else json.dumps(value)


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, object]]:
    kinds = {name: st.one_of(*draw(st.lists(st.sampled_from(JSON_KINDS), min_size=1, max_size=2))) for name in "abc"}
    row = st.fixed_dictionaries({}, optional={name: st.one_of(st.none(), kind) for name, kind in kinds.items()})
    return draw(st.lists(row, min_size=1, max_size=6))


@settings(max_examples=150)
@given(records(), st.sampled_from([7, 2**20]), st.booleans())
def test_json_values_keep_their_value(rows, chunk_bytes, as_array) -> None:
    lines = [Numbers().encode(row) for row in rows]
    body = "[" + ",\n".join(lines) + "]" if as_array else "\n".join(lines) + "\n"
    slices = decode(body.encode(), dataset=ANY, key="a.json", chunk_bytes=chunk_bytes, slice_rows=2)
    assert len({part.table.schema for part in slices}) == 1
    table, malformed, _ = gathered(slices)
    assert malformed == []
    for name in "abc":
        column = table[name.upper()] if name.upper() in table.column_names else pa.nulls(len(rows))
        for row, stored in zip(rows, column.to_pylist(), strict=True):
            if column.type == pa.json_() and stored is not None:
                assert same_json(row.get(name), read_json(stored)), (row, stored)
            else:
                assert same(row.get(name), stored, column.type), (row, stored, column.type)
