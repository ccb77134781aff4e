"""Portions of JSON lines and of Parquet, wherever they are cut, give what reading the whole object gives."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import ObjectRef, RawSlice
from etl_daemon.core.planning.sections import Portion, Section, Traits
from etl_daemon.core.policy import ReadLimits
from etl_daemon.errors import DataError
from etl_daemon.ports.dividing import Bytes
from tests.support.rows import NOW, PRICES, price

LONG = 2_000
LINES = {
    "row": json.dumps(price()).encode(),
    "other": json.dumps(price("IBM", close=11.5) | {"source": "x", "more": 1}).encode(),
    "spelled": json.dumps({"Ticker" if name == "symbol" else name: value for name, value in price().items()}).encode(),
    "upper": json.dumps({name.upper(): value for name, value in price("MSFT").items()}).encode(),
    "lacking": b'{"symbol": "A", "open": 1}',
    "doubtful": json.dumps(price() | {"volume": True, "open": "1_000"}).encode(),
    "wide": json.dumps(price("GE") | {"note": "n" * 700}).encode(),
    "overlong": b'{"symbol": "' + b"A" * LONG + b'"}',
    "broken": b'{"symbol": \xff',
    "scalar": b"7",
    "blank": b" \t",
    "nothing": b"",
}
SIZES = [Sizes(1, 40, 1), Sizes(3, 700, 90), Sizes(9, 50, 400), Sizes(2, 300, 1_500), Sizes(5, 4_000, 600)]
bodies = st.lists(st.tuples(st.sampled_from(sorted(LINES)), st.sampled_from([b"\n", b"\r\n"])), min_size=1, max_size=60)


def whole(decoder: ObjectDecoder, ref: ObjectRef, body: bytes, dataset: Dataset) -> tuple[list[RawSlice], str]:
    """The slices, and why there are no more."""
    return _taken(decoder.decode(ref, memoryview(body), dataset))


def _taken(slices: Iterator[RawSlice]) -> tuple[list[RawSlice], str]:
    found = []
    try:
        found.extend(slices)  # what came before an error stays
    except DataError as error:
        return found, str(error)
    return found, ""


def plain(part: RawSlice) -> tuple:
    raw = part.raw(part.malformed).to_pylist()
    table = part.table.select(sorted(part.table.column_names))
    return part.first_row, table.schema.names, repr(table.to_pylist()), part.malformed.tolist(), raw, part.extra


def fetch_of(body: bytes) -> Bytes:
    return lambda begin, end: memoryview(body)[begin:end]


def found(decoder: ObjectDecoder, ref: ObjectRef, body: bytes, size: int) -> list[Section]:
    parquets = body.startswith(b"PAR1")
    if parquets:
        return [section for section in decoder.portions.sections(ref, fetch_of(body), PRICES) if section]
    each = [decoder.portions.section(ref, at, fetch_of(body)) for at in range(-(-len(body) // size))]
    return [section for section in each if section]


TABLE = Dataset("things", Kind.TABLE, "p", "A.B.C")
KEYED = replace(PRICES, symbol_from_key="(?P<symbol>[A-Z]+)")


@cache
def decoder_of(sizes: Sizes) -> ObjectDecoder:
    """One for all examples; one worker, or which names of other columns a slice knows would be a matter of chance."""
    return ObjectDecoder(ReadLimits(max_record_bytes=LONG // 2), 0, sizes)


def same(body: bytes, sizes: Sizes, apart: int, dataset: Dataset) -> int:
    """Read it in portions of so many sections, and as a whole; how many sections there were."""
    ref = ObjectRef(NOW, "KEY.any", "1", size=len(body))
    decoder = decoder_of(sizes)
    expected, fault = whole(decoder, ref, body, dataset)
    sections = found(decoder, ref, body, sizes.section_bytes)

    assert (sections[0].begin, sections[-1].end) == (4 if body.startswith(b"PAR1") else 0, len(body))
    assert all(one.end == other.begin for one, other in pairwise(sections))
    slices, traits, rows = [], Traits(), 0
    for at in range(0, len(sections), apart):
        some = sections[at : at + apart]
        reading = decoder.portions.reading(Portion(some[0].begin, some[-1].end, rows + 1), fetch_of(body), dataset)
        slices += reading.slices(ref, memoryview(body)[some[0].begin : some[-1].end])
        rows += sum(section.rows for section in some)
        traits += reading.traits
    assert [plain(each) for each in slices] == [plain(each) for each in expected]
    assert rows == sum(part.table.num_rows for part in expected)
    decoder.portions.judge(ref, traits, dataset)
    assert fault == ""
    return len(sections)


@settings(max_examples=50)
@given(bodies, st.sampled_from(SIZES), st.integers(1, 5), st.sampled_from([PRICES, KEYED]))
def test_any_portions_together_are_the_object(lines, sizes, apart, dataset) -> None:
    body = b"".join(LINES[kind] + end for kind, end in [("row", b"\n"), ("row", b"\n"), *lines]).removesuffix(b"\n")
    same(body, sizes, apart, dataset)


@settings(max_examples=25)
@given(
    st.integers(1, 60), st.integers(1, 20), st.sampled_from(SIZES), st.integers(1, 4), st.sampled_from([PRICES, TABLE])
)
def test_any_portions_of_a_parquet_file_are_the_file(rows, group, sizes, apart, dataset) -> None:
    kinds = [price(), price("IBM", close=None), price("MSFT", volume=2.5, more="x" * 300)]
    table = pa.Table.from_pylist([{"more": None, **kinds[at % 3]} for at in range(rows)])
    sink = io.BytesIO()
    parquet.write_table(table, sink, row_group_size=group)
    sections = same(sink.getvalue(), sizes, apart, dataset)
    assert sections == -(-rows // group) or sizes.section_bytes > 1


def test_texts_that_come_to_too_much_in_all_portions_together_refuse_the_file() -> None:
    table = pa.table({name: ["x" * 3_000] * 600 for name in ("symbol", "timestamp")} | {
        name: [1.0] * 600 for name in ("open", "high", "low", "close", "volume")
    })  # fmt: skip
    sink = io.BytesIO()
    parquet.write_table(table, sink, row_group_size=200)
    body = sink.getvalue()
    ref, sizes = ObjectRef(NOW, "a", "1", size=len(body)), Sizes(section_bytes=1)
    decoder = ObjectDecoder(ReadLimits(max_expanded_bytes=3 * 10**6), 0, sizes)
    sections, traits = found(decoder, ref, body, 1), []
    assert len(sections) == 3
    _, fault = whole(decoder, ref, body, PRICES)
    for section in sections:
        reading = decoder.portions.reading(Portion(section.begin, section.end), fetch_of(body), PRICES)
        list(reading.slices(ref, memoryview(body)[section.begin : section.end]))
        traits.append(reading.traits)
    with pytest.raises(DataError, match="expands to more") as told:
        decoder.portions.judge(ref, sum(traits, Traits()), PRICES)
    assert str(told.value) == fault
    decoder.close()


def test_what_is_wrong_with_an_object_as_a_whole_shows_in_all_traits_together() -> None:
    lacking, complete = LINES["lacking"] + b"\n", LINES["row"] + b"\n"
    decoder = ObjectDecoder(sizes=Sizes(section_bytes=1_000))
    traits, of = [], ObjectRef(NOW, "a", "1", size=100)
    for text in (lacking, complete, b"7\n"):
        reading = decoder.portions.reading(Portion(0, len(text)), fetch_of(text), PRICES)
        assert len(list(reading.slices(of, memoryview(text)))) == 1
        traits.append(reading.traits)
    with pytest.raises(DataError, match="No column for timestamp, high"):
        decoder.portions.judge(of, traits[0], PRICES)
    decoder.portions.judge(of, traits[0] + traits[1], PRICES)
    decoder.portions.judge(of, traits[2], PRICES)  # nothing but a malformed line: no column is missed
    _, fault = whole(decoder, of, lacking * 100, PRICES)
    with pytest.raises(DataError, match="No column for") as told:
        decoder.portions.judge(of, traits[0] + traits[0], PRICES)
    assert str(told.value) == fault
    decoder.close()
