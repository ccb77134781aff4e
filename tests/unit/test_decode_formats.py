"""Compression, Parquet, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import math
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.core.datasets import Kind
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.policy import ReadLimits
from tests.unit.test_decode_support import PRICES, decode, gathered, raws, refusal

CSV = b"symbol,timestamp,open,high,low,close,volume\nA,2025-01-02,1.5,2.5,1.25,2.0,10\n"
RECORD = {"symbol": "A", "timestamp": "2025-01-02", "open": 1.5, "high": 2.5, "low": 1.25, "close": 2.0, "volume": 10}
NDJSON = json.dumps(RECORD).encode() + b"\n"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": lambda body: zstandard.ZstdCompressor().compress(body),
    "bz2": bz2.compress,
}
codecs = pytest.mark.parametrize("codec", COMPRESS)


def parquet(**columns: object) -> bytes:
    defaults = {name: pa.array([value]) for name, value in RECORD.items()}
    sink = io.BytesIO()
    pq.write_table(pa.table({**defaults, **columns}), sink)
    return sink.getvalue()


@codecs
@pytest.mark.parametrize("key", ["x", "x.csv", "x.json.gz", "x.parquet", "x.zst"])
@pytest.mark.parametrize("body", [CSV, NDJSON * 3, json.dumps([RECORD]).encode(), parquet()])
def test_content_decides(codec: str, key: str, body: bytes) -> None:
    assert gathered(decode(COMPRESS[codec](body), key=key))[0]["symbol"][0].as_py() == "A"
    assert gathered(decode(body, key=key))[0]["symbol"][0].as_py() == "A"


@codecs
@pytest.mark.parametrize("chunk_bytes", [10, 10**6])
def test_concatenated_streams_are_one(codec: str, chunk_bytes: int) -> None:
    body = COMPRESS[codec](NDJSON + NDJSON[:20]) + COMPRESS[codec](NDJSON[20:] + NDJSON)
    assert gathered(decode(body, chunk_bytes=chunk_bytes))[0].num_rows == 3


@codecs
def test_truncated_streams_are_undecodable(codec: str) -> None:
    body = COMPRESS[codec](b"".join(b"%d" % i + NDJSON for i in range(5000)))
    for cut in (4, len(body) // 2, len(body) - 3):
        refusal(body[:cut], "undecodable")


@codecs
def test_corrupt_streams_are_undecodable(codec: str) -> None:
    body = bytearray(COMPRESS[codec](NDJSON * 100))
    body[len(body) // 2] ^= 0xFF
    refusal(bytes(body), "undecodable")
    refusal(COMPRESS[codec](NDJSON) + b"trailing", "undecodable")


@codecs
def test_bombs_trip_early(codec: str) -> None:
    bomb = COMPRESS[codec](b" " * (40 * 2**20))
    refusal(bomb, "decompression_bomb")
    refusal(bomb, "too_large", limits=ReadLimits(max_expanded_bytes=2**20), chunk_bytes=2**16)
    before = pa.total_allocated_bytes()
    refusal(bomb, "decompression_bomb", limits=ReadLimits(max_expansion_ratio=2), chunk_bytes=2**16)
    assert pa.total_allocated_bytes() - before < 2**24
    assert decode(COMPRESS[codec](b" " * (10 * 2**20))) == []


def test_size_limits() -> None:
    refusal(NDJSON * 10, "too_large", limits=ReadLimits(max_object_bytes=500))


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("x.csv", CSV)
    return sink.getvalue()


def tarred(mode: str) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("x.csv")
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return sink.getvalue()


def arrow_file() -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, pa.schema([("a", pa.int64())])) as writer:
        writer.write_table(pa.table({"a": [1]}))
    return sink.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        zipped(),
        tarred("w"),
        tarred("w:gz"),
        tarred("w:xz"),
        arrow_file(),
        b"Obj\x01\x04\x14avro.codec",
        b"ORC\x00\x01\x02\x03",
        b"\x04\x22\x4d\x18\x00\x00",
        b"\xff\xfes\x00y\x00",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        gzip.compress(gzip.compress(CSV)),
    ],
    ids=(
        "zip",
        "tar",
        "tar.gz",
        "tar.xz",
        "arrow",
        "avro",
        "orc",
        "lz4",
        "utf-16",
        "png",
        "gz.gz",
    ),  # archives hold times
)
def test_other_formats_are_refused(body: bytes) -> None:
    refusal(body, "unsupported_format", key="x.csv")


def test_a_refusal_says_what_the_object_is() -> None:
    assert "tar" in refusal(tarred("w:gz"), "unsupported_format").detail
    assert "zip" in refusal(zipped(), "unsupported_format").detail


def test_a_ticker_that_looks_like_a_magic_is_no_format() -> None:
    refusal(b"ORCL,2025-01-02,1,2,1,2,3\n", "missing_columns")


def test_parquet_columns_come_as_they_are() -> None:
    instant = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    body = parquet(
        symbol=pa.array(["A"]).dictionary_encode(),
        timestamp=pa.array([instant], pa.timestamp("us", "UTC")),
        open=pa.array([Decimal("1.50000001")]),
        high=pa.array([math.nan]),
        low=pa.array([None], pa.float64()),
        close=pa.array([True]),
        volume=pa.array([2**40]),
        nested=pa.array([{"symbol": "x"}]),
        source=pa.array([b"feed"]),
    )
    slices = decode(body)
    row = gathered(slices)[0].to_pylist()[0]
    assert (row["symbol"], row["timestamp"], row["open"], row["volume"]) == ("A", instant, Decimal("1.50000001"), 2**40)
    assert (str(row["high"]), row["low"], str(row["close"]), row["source"]) == ("nan", None, "nan", "feed")
    assert slices[0].extra == ("nested",)
    raw = json.loads(raws(slices, [0])[0])
    assert (raw["open"], raw["high"], raw["close"], raw["volume"]) == ("1.50000001", "nan", True, 2**40)


@pytest.mark.parametrize("slice_rows", [1, 1000, 300_000])
def test_parquet_slices(slice_rows: int) -> None:
    rows = 3 if slice_rows == 1 else 200_001
    sink = io.BytesIO()
    table = pa.table({name: pa.array([value] * rows) for name, value in RECORD.items()})
    pq.write_table(table.set_column(6, "volume", pa.array(range(rows))), sink, row_group_size=70_000)
    slices = decode(sink.getvalue(), slice_rows=slice_rows)
    assert gathered(slices)[0]["volume"].to_pylist() == list(range(rows))
    assert {part.table.num_rows for part in slices[:-1]} <= {slice_rows}


def test_broken_parquet_is_undecodable() -> None:
    body = parquet()
    for broken in (b"PAR1", body[:-5], body[: len(body) // 2], body[:20] + b"\xff" * 40 + body[60:]):
        refusal(broken, "undecodable")


def test_of_a_group_without_columns_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others than pyarrow write such groups; it tells of them, and does not read them."""

    class WithEmptyGroup(pq.ParquetFile):
        @property
        def schema_arrow(self) -> pa.Schema:
            return super().schema_arrow.append(pa.field("empty", pa.struct([("inner", pa.struct([]))])))

    monkeypatch.setattr("pyarrow.parquet.ParquetFile", WithEmptyGroup)
    (part,) = decode(parquet(), dataset=replace(PRICES, kind=Kind.TABLE))
    assert sorted(part.table.column_names) == sorted(map(str.upper, RECORD))


def test_parquet_columns_are_matched() -> None:
    refusal(
        parquet(ticker=pa.array([1])).replace(b"symbol", b"simbol").replace(b"ticker", b"tucker"), "missing_columns"
    )
    sink = io.BytesIO()
    pq.write_table(pa.table({"close": pa.array([], pa.float64())}), sink)
    assert decode(sink.getvalue()) == []


def test_many_callers_share_a_decoder_one_after_another() -> None:
    decoder = ObjectDecoder(sizes=Sizes(chunk_bytes=200))
    ref = ObjectRef(datetime(2026, 1, 1, tzinfo=UTC), "k", "1")
    first = decoder.decode(ref, memoryview(NDJSON * 50), PRICES)
    other = list(decoder.decode(ref, memoryview(CSV), PRICES))
    assert [part.table.num_rows for part in (*first, *other)] == [50, 1]
    abandoned = decoder.decode(ref, memoryview(NDJSON * 50), PRICES)
    next(abandoned)
    del abandoned
    decoder.close()


@pytest.mark.parametrize(
    ("type_", "storage"),
    [
        (pa.timestamp("us"), pa.int64()),
        (pa.timestamp("ms", "Asia/Tokyo"), pa.int64()),
        (pa.timestamp("ms"), pa.int64()),
        (pa.date32(), pa.int32()),
        (pa.date64(), pa.int64()),
        (pa.time64("us"), pa.int64()),
        (pa.duration("s"), pa.int64()),
    ],
)
def test_raw_shows_times_that_python_has_no_value_for(type_: pa.DataType, storage: pa.DataType) -> None:
    beyond = 2**30 if storage == pa.int32() else 86_400_000 * 2**36
    times = pa.array([beyond, 0, None], storage).view(type_)
    slices = decode(parquet(timestamp=times, **{name: ["1"] * 3 for name in RECORD if name != "timestamp"}))
    shown = [json.loads(text)["timestamp"] for text in raws(slices, [0, 1, 2])]
    assert [isinstance(each, str) for each in shown] == [True, True, False]
    assert slices[0].table.num_rows == 3


def test_raw_shows_what_json_has_no_type_for() -> None:
    odd = {
        "open": pa.array([float("nan")]),
        "high": pa.array([Decimal("1.5")], pa.decimal256(60, 2)),
        "low": pa.array([b"\xff"]),
        "close": pa.array([True]),
        "symbol": pa.array(["A"]).dictionary_encode(),
        "timestamp": pa.array([1], pa.int64()).view(pa.timestamp("ns")),
    }
    text = raws(decode(parquet(**odd)), [0])[0]
    assert json.loads(text) | {"volume": None} == {
        "open": "nan",
        "high": "1.50",
        "low": "\\xff",
        "close": True,
        "symbol": "A",
        "volume": None,
        "timestamp": "1970-01-01 00:00:00.000000001",
    }
