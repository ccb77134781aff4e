"""Text that is made to take much memory or time: a field, a member or a number of keys without end."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.adapters.decode.csv_rows import cut_records
from etl_daemon.adapters.decode.documents import compact
from etl_daemon.adapters.decode.lines import Lines
from etl_daemon.adapters.decode.pieces import NONE, Piece
from etl_daemon.adapters.decode.plan import Keys
from etl_daemon.core.policy import ReadLimits
from tests.unit.test_decode_support import PRICES, decode, gathered, raws

MIB = 2**20
HEADER = b"symbol,timestamp,open,high,low,close,volume\n"
FIT = b"AAPL,2025-06-02,1,2,1,2,5\n"


def test_a_quoted_field_without_end_is_let_go() -> None:
    def blocks() -> Iterator[bytes]:
        yield FIT + b'"'
        for _ in range(64):
            yield b"x" * MIB
        yield b'",1\n' + FIT

    tracemalloc.start()
    try:
        sizes, last = [], b""
        for last in cut_records(blocks(), 2 * MIB):
            sizes.append(len(last))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert last == FIT
    assert max(sizes) < 4 * MIB
    assert peak < 16 * MIB


@pytest.mark.parametrize("chunk_bytes", [100, 10**6])
def test_a_quoted_field_that_is_too_long_costs_its_line_only(chunk_bytes: int) -> None:
    body = HEADER + FIT + b'"' + b"x" * 5_000 + b'",1,1,1,1,1,1\n' + FIT
    slices = decode(body, limits=ReadLimits(max_record_bytes=1_000), chunk_bytes=chunk_bytes)
    table, malformed = gathered(slices)[:2]
    assert table.num_rows == 3
    assert [table["symbol"][row].as_py() for row in (0, 2)] == ["AAPL", "AAPL"]
    if chunk_bytes == 100:
        assert list(malformed) == [1]
        assert raws(slices, [1])[0].startswith('"xxx')


def test_white_space_is_left_out_of_long_text_in_little_memory() -> None:
    text = json.dumps({"a b": "x y" * MIB, "c": 1}, separators=(" , ", " : "))
    found = compact(Piece(pa.table({"a": [1]}), NONE, lambda _: pa.array([text]))).raw(np.zeros(1, np.int64))
    assert found[0].as_py() == text.replace(" , ", ",").replace(" : ", ":")
    tracemalloc.start()
    try:
        compact(Piece(pa.table({"a": [1]}), NONE, lambda _: pa.array([text]))).raw(np.zeros(1, np.int64))
        assert tracemalloc.get_traced_memory()[1] < 10 * len(text)
    finally:
        tracemalloc.stop()


@pytest.mark.timeout(60)  # it took ten minutes
def test_millions_of_keys_are_looked_through_quickly() -> None:
    keys = Keys(PRICES)
    keys.add([f"k{number}" for number in range(3_000_000)] + ["Ticker", "close"])
    assert set(keys.matching.found) >= {"symbol", "close"}


def test_nothing_is_learned_from_an_overlong_line() -> None:
    lines = Lines(b'{"a":1}\n{"b":"' + b"x" * 100 + b'"}\n', 50)
    assert lines.samples(np.arange(2)) == [b'{"a":1}\n', b"!\n"]
