"""Parquet files that say little and mean much: they are refused, or read in parts that take little memory."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl_daemon.adapters.decode.parquet_batches import BATCH_BYTES, ParquetBatches
from etl_daemon.core.policy import ReadLimits
from tests.unit.test_decode_formats import RECORD
from tests.unit.test_decode_support import decode, refusal

LENIENT = ReadLimits(max_expansion_ratio=1e9)
ROWS, MANY = 50_000, 10_000
LONG = "x" * 10_000


def stored(table: pa.Table, *, schema: bool = False, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, store_schema=schema, **options)
    return sink.getvalue()


def repeated(value: object, rows: int = ROWS) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))


def prices(**columns: object) -> pa.Table:
    return pa.table({**{name: repeated(value) for name, value in RECORD.items()}, **columns})


@pytest.mark.parametrize("schema", [False, True])
@pytest.mark.parametrize("value", [LONG, LONG.encode()], ids=["text", "bytes"])
def test_one_long_text_in_many_rows_is_refused(value: object, schema: bool) -> None:
    body = stored(prices(source=repeated(value)), schema=schema)
    assert len(body) < 100_000
    before = pa.total_allocated_bytes()
    refusal(body, "decompression_bomb")
    refusal(body, "too_large", limits=ReadLimits(max_expanded_bytes=2**20))
    assert pa.total_allocated_bytes() - before < 2**24


def test_short_texts_are_no_bomb_however_often_they_come() -> None:
    body = stored(prices(source=repeated("NASDAQ")))
    assert sum(part.table.num_rows for part in decode(body)) == ROWS


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("a.b", repeated(LONG, MANY)),
        ("list", pa.ListArray.from_arrays(pa.array(np.arange(MANY + 1, dtype=np.int32)), repeated(LONG, MANY))),
        ("struct", pa.StructArray.from_arrays([repeated(LONG, MANY)], ["inner"])),
        (
            "map",
            pa.MapArray.from_arrays(np.arange(MANY + 1, dtype=np.int32), repeated("k", MANY), repeated(LONG, MANY)),
        ),
    ],
    ids=["dotted", "list", "struct", "map"],
)
def test_what_may_be_read_comes_in_small_parts(name: str, column: pa.Array) -> None:
    file = ParquetBatches(stored(pa.table({name: column})), LENIENT)
    file.check()
    rows = 0
    for batch in file.read([name]):
        assert batch.nbytes < 2 * BATCH_BYTES
        assert batch.schema.field(name).type.equals(file.schema.field(name).type)
        rows += batch.num_rows
    assert rows == MANY


def test_text_that_no_dictionary_holds_comes_in_small_parts_too() -> None:
    texts = pa.array([f"{row:06}" * 1000 for row in range(12_000)])
    file = ParquetBatches(stored(pa.table({"a": texts}), use_dictionary=False), LENIENT)
    batches = list(file.read(["a"]))
    assert max(batch.nbytes for batch in batches) < 2 * BATCH_BYTES
    assert pa.Table.from_batches(batches)["a"].combine_chunks().equals(texts)


def test_many_columns_make_short_batches() -> None:
    names = [f"c{index}" for index in range(900)]
    file = ParquetBatches(stored(pa.table(dict.fromkeys(names, repeated(7, 20_000)))), LENIENT)
    assert max(batch.nbytes for batch in file.read(names)) < 2 * BATCH_BYTES


def test_one_row_with_a_very_long_list_is_refused() -> None:
    items = repeated(1.5, 5_000_000)
    body = stored(prices().slice(0, 1).append_column("nested", [pa.ListArray.from_arrays([0, len(items)], items)]))
    refusal(body, "decompression_bomb")


def test_wide_values_of_a_fixed_length_are_reckoned_with() -> None:
    value = pa.array([b"x" * 10_000], pa.binary(10_000))
    wide = pa.DictionaryArray.from_arrays(pa.array(np.zeros(ROWS, np.int32)), value)
    body = stored(prices(source=wide))
    refusal(body, "decompression_bomb")
    file = ParquetBatches(body, LENIENT)
    assert max(batch.nbytes for batch in file.read(["source"])) < 2 * BATCH_BYTES


def test_more_rows_than_there_are_is_undecodable() -> None:
    body = stored(prices().slice(0, 100))
    footer = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    hundred, more = b"\xc8\x01", b"\xfe\x7f"  # as Thrift writes 100 and 8191
    lying = body[:footer] + body[footer:].replace(hundred, more)
    assert pq.ParquetFile(io.BytesIO(lying)).metadata.num_rows == 8191
    refusal(lying, "undecodable")
    assert decode(body)[0].table.num_rows == 100
