"""JSON lines, arrays and documents."""

from __future__ import annotations

import json
import math
import mmap
import re
import tarfile
import tracemalloc
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.adapters.decode.documents import compact
from etl_daemon.adapters.decode.pieces import NONE, Piece
from etl_daemon.adapters.decode.scratch import MAX_QUERIES, Scratch
from etl_daemon.adapters.decode.streams import CHUNK_LINES, cut_lines, expand
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.policy import ReadLimits
from etl_daemon.errors import DataError
from tests.support.rows import ref
from tests.unit.test_decode_support import DATA, INDICATORS, PRICES, decode, gathered, raws, refusal

GOOD = {"symbol": "A", "timestamp": "2025-01-02", "open": 1.5, "high": 2.5, "low": 1.25, "close": 2.0, "volume": 10}


def lines(*records: object) -> bytes:
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in records)


def test_rows_come_with_their_types() -> None:
    table = gathered(decode(lines(GOOD, {**GOOD, "symbol": "B", "volume": "7"})))[0]
    assert table["symbol"].to_pylist() == ["A", "B"]
    assert table.schema.field("open").type == pa.float64()
    assert table["volume"].to_pylist() == [10.0, 7.0]
    assert table["timestamp"].to_pylist() == ["2025-01-02", "2025-01-02"]


@pytest.mark.parametrize("filler", [0, 40], ids=["read carefully", "read fast"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"true", "nan"),
        (b"false", "nan"),
        (b'"true"', "nan"),
        (b'"1_000"', "nan"),
        (b'"abc"', "nan"),
        (b'"1,000"', "nan"),
        (b"NaN", "nan"),
        (b'"NaN"', "nan"),
        (b"[1]", "nan"),
        (b'{"a": 1}', "nan"),
        (b"Infinity", "inf"),
        (b"-Infinity", "-inf"),
        (b"1e400", "inf"),
        (b"null", "None"),
        (b'""', "None"),
        (b'"18.9"', "18.9"),
        (b"0", "0.0"),
        (b"1", "1.0"),
        (b"5.7", "5.7"),
    ],
)
def test_numbers_are_told_from_everything_else(filler: int, value: bytes, expected: str) -> None:
    odd = lines(GOOD).replace(b'"open": 1.5', b'"open": ' + value)
    table, malformed, _ = gathered(decode(lines(*[GOOD] * filler) + odd + lines(*[GOOD] * filler)))
    assert str(table["open"][filler].as_py()) == expected
    assert malformed == []
    assert table["open"].to_pylist().count(1.5) == 2 * filler


def test_an_absent_key_is_null() -> None:
    table = gathered(decode(lines(GOOD, {"symbol": "B"}, GOOD)))[0]
    assert table.slice(1, 1).to_pylist() == [{**dict.fromkeys(GOOD), "symbol": "B"}]


@pytest.mark.parametrize(
    "bad",
    [
        b'{"symbol": "B", "open": ',
        b"5",
        b'"x"',
        b"[1]",
        b"null",
        b"}",
        b'{"symbol": "B"} x',
        b'{"symbol": "B"} {"symbol": "C"}',
        b'{"symbol": "\\ud800"}',
        b'{"symbol": "B\x00"}',
        b"not json",
    ],
)
def test_a_malformed_line_costs_that_line(bad: bytes) -> None:
    slices = decode(lines(GOOD) + bad + b"\n" + lines({**GOOD, "symbol": "Z"}))
    table, malformed, _ = gathered(slices)
    assert malformed == [1]
    assert table["symbol"].to_pylist() == ["A", None, "Z"]
    assert set(table.slice(1, 1).to_pylist()[0].values()) == {None}
    assert raws(slices, [1]) == [bad.decode()]


@pytest.mark.parametrize(
    ("name", "value", "read"), [("symbol", '"B"', "B"), ("volume", "7", "7.0"), ("open", "NaN", "nan")]
)
def test_records_with_one_known_key_are_read_as_records(name: str, value: str, read: str) -> None:
    """A reader that is asked for one column may take each line for its value."""
    first = f'{{"{name}": {value}}}\n[]\n"x"\n'.encode()
    one_by_one = ObjectDecoder(threads=0, sizes=Sizes(chunk_bytes=len(first)))
    with closing(one_by_one):
        slices = list(one_by_one.decode(ref("object"), memoryview(first + lines(GOOD)), PRICES))
    table, malformed, _ = gathered(slices)
    assert str(table[name][0].as_py()) == read
    assert table[name].to_pylist()[1:] == [None, None, GOOD[name]]
    assert malformed == [1, 2]


def test_invalid_utf8_stays_readable() -> None:
    slices = decode(lines(GOOD) + b'{"symbol": "\xff"}\r\n' + lines(GOOD))
    assert gathered(slices)[1] == [1]
    assert raws(slices, [1]) == ['{"symbol": "\\xff"}']


@pytest.mark.parametrize("chunk_bytes", [1, 50, 10**6])
@pytest.mark.parametrize("slice_rows", [1, 2, 100])
def test_blank_lines_do_not_count(chunk_bytes: int, slice_rows: int) -> None:
    body = (
        b"\n  \n" + lines(GOOD) + b"\r\n\t\n\n" + b"oops\r\n" + b" \n" + b"  " + lines({**GOOD, "symbol": "C"}) + b"\n7"
    )
    slices = decode(body, chunk_bytes=chunk_bytes, slice_rows=slice_rows)
    table, malformed, first_rows = gathered(slices)
    assert table["symbol"].to_pylist() == ["A", None, "C", None]
    assert malformed == [1, 3]
    assert first_rows == list(range(1, 5, slice_rows))
    assert [text for part in slices for text in part.raw(part.malformed).to_pylist()] == ["oops", "7"]
    assert [part.table.num_rows for part in slices[:-1]] == [slice_rows] * (len(slices) - 1)


def test_raw_follows_the_order_asked_for() -> None:
    slices = decode(lines(*[{**GOOD, "symbol": name} for name in "ABCD"]), chunk_bytes=10)
    texts = slices[0].raw(np.array([3, 0, 2])).to_pylist()
    assert [json.loads(text)["symbol"] for text in texts] == ["D", "A", "C"]
    assert slices[0].raw(np.zeros(0, np.int64)).to_pylist() == []


def test_key_spellings_differ_by_row() -> None:
    upper = {key.upper(): value for key, value in GOOD.items()}
    body = lines(*[GOOD] * 300, {**upper, "SYMBOL": "B"}, *[GOOD] * 300)
    table, malformed, _ = gathered(decode(body, chunk_bytes=5000))
    assert table.slice(300, 1).to_pylist() == [{**GOOD, "symbol": "B", "volume": 10.0}]
    assert table["open"].null_count == 0
    assert malformed == []


def test_an_optional_column_may_come_late() -> None:
    table = gathered(decode(lines(*[GOOD] * 900, {**GOOD, "source": "x"}, *[GOOD] * 900)))[0]
    assert table["source"].to_pylist().count("x") == 1


def test_duplicate_keys_first_wins() -> None:
    body = lines(GOOD).replace(b'"open": 1.5', b'"open": 1.5, "open": 9.5')
    assert gathered(decode(body * 3))[0]["open"].to_pylist() == [1.5] * 3


def test_escaped_keys_and_quotes_in_configured_names() -> None:
    odd = "1. o'p\"e~n/x"
    record = {key: value for key, value in GOOD.items() if key != "open"} | {odd: 3.5}
    dataset = Dataset("p", Kind.PRICES, "p", "A.B.C", columns={odd: "open"})
    body = lines(*[record] * 9, {**record, odd: True})
    assert str(gathered(decode(body, dataset=dataset))[0]["open"].to_pylist()) == str([3.5] * 9 + [math.nan])


def test_long_digits_survive() -> None:
    body = (
        lines(GOOD) * 3
        + lines(GOOD).replace(b'"volume": 10', b'"volume": 1234567890123.456789')
        + lines({**GOOD, "volume": None})
    )
    volume = gathered(decode(body))[0]["volume"]
    assert volume.type == pa.string()
    assert volume[3].as_py() == "1234567890123.456789"
    assert [float(text) for text in volume.to_pylist()[:3]] == [10.0] * 3
    assert volume[4].as_py() is None


def test_of_long_digits_too_the_first_key_wins() -> None:
    odd = b'"volume": 1234567890123.456789, "volume": 9999999999999.456789'
    table = gathered(decode(lines(GOOD) + lines(GOOD).replace(b'"volume": 10', odd)))[0]
    assert table["volume"][1].as_py() == "1234567890123.456789"


def test_big_but_short_numbers_stay_floats() -> None:
    volume = gathered(decode(lines({**GOOD, "volume": 123456789012345})))[0]["volume"]
    assert (volume.type, volume[0].as_py()) == (pa.float64(), 123456789012345.0)


def test_epoch_nanoseconds_keep_their_digits() -> None:
    table = gathered(decode(lines({**GOOD, "timestamp": 1700000000123456789})))[0]
    assert table["timestamp"].to_pylist() == ["1700000000123456789"]


def test_extra_names_unknown_keys() -> None:
    assert decode(lines({**GOOD, "vwap": 1}))[0].extra == ("vwap",)


def test_an_overlong_line_costs_itself_only() -> None:
    long = json.dumps({**GOOD, "x": "y" * 2000}).encode() + b"\n"
    for chunk_bytes in (100, 10**6):
        slices = decode(
            lines(GOOD) + long + lines(GOOD), limits=ReadLimits(max_record_bytes=500), chunk_bytes=chunk_bytes
        )
        table, malformed, _ = gathered(slices)
        assert (table["symbol"].to_pylist(), malformed) == (["A", None, "A"], [1])
        assert raws(slices, [1])[0].startswith('{"symbol": "A"')


def test_an_endless_line_is_not_held_in_memory() -> None:
    blocks = [b"a\n", *[b"x" * 100] * 50, b"x\nb\n", b"c"]
    chunks = [bytes(chunk) for chunk in cut_lines(blocks, 300)]
    assert b"".join(chunks).split(b"\n")[::2] == [b"a", b"b"]
    assert b"".join(chunks).endswith(b"x\nb\nc")
    assert max(map(len, chunks)) < 600


def test_a_plain_body_comes_in_whole_lines_where_they_fit() -> None:
    body = b"aa\nbbb\n" + b"c" * 7 + b"\nd"
    blocks = [bytes(block) for block in expand(memoryview(body), None, ReadLimits(), 5)]
    assert blocks == [b"aa\n", b"bbb\n", b"ccccc", b"cc\n", b"d"]
    assert [bytes(chunk) for chunk in cut_lines(blocks, 100)] == [b"aa\n", b"bbb\n", b"c" * 7 + b"\n", b"d"]


def test_nothing_behind_a_block_is_looked_at(tmp_path: Path) -> None:
    """An array in one line may have any length, and what is looked at of a mapped file counts as memory."""
    with (tmp_path / "long.json").open("w+b") as file:
        file.truncate(2**28)
        body = memoryview(mmap.mmap(file.fileno(), 0))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak_kib()
    blocks = expand(body, None, ReadLimits(), 2**20)
    assert len(next(blocks)) == len(next(blocks)) == 2**20
    assert peak_kib() - before < 2**14


def peak_kib() -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"), re.MULTILINE)
    assert found
    return int(found[1])


def test_a_block_of_very_many_lines_is_read_in_parts():
    """Each line takes memory of its own, however short it is."""
    block = b"[]\n" * (2 * CHUNK_LINES + 1)
    parts = [bytes(part) for part in cut_lines([block[:-5], block[-5:]], 100)]
    assert b"".join(parts) == block
    assert max(part.count(b"\n") for part in parts) == CHUNK_LINES


def test_a_query_is_kept_for_new_content_and_few_are_kept() -> None:
    scratch = Scratch()
    queries = [f"SELECT count(*) + {number} AS n FROM read_ndjson('{scratch.chunk.path}')" for number in range(20)]
    assert len(queries) > MAX_QUERIES
    for rows in (3, 1, 2):
        scratch.chunk.load(b'{"a": 1}\n' * rows)
        assert [scratch.table(sql)["n"].to_pylist() for sql in queries] == [[rows + number] for number in range(20)]
    scratch.close()


def test_missing_columns_are_named() -> None:
    error = refusal(lines({"symbol": "A", "px": 1}), "missing_columns")
    assert "open" in error.detail
    assert "'px'" in error.detail
    assert "columns = {" in error.hint


def test_ambiguous_columns_are_refused() -> None:
    record = {key: value for key, value in GOOD.items() if key != "timestamp"}
    refusal(lines({**record, "date": 1, "time": 2}), "ambiguous_columns")


@pytest.mark.parametrize("body", [b"", b" \r\n\t\n", b"[]", b" [ ] \n", b"\xef\xbb\xbf"])
def test_objects_without_rows_load_as_nothing(body: bytes) -> None:
    assert decode(body) == []


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 64, 10**6])
def test_arrays(indent: int | None, chunk_bytes: int) -> None:
    records = [GOOD, {**GOOD, "symbol": 'x,]}"\\', "extra": [{"a": [1, 2]}, '"']}, 5, {**GOOD, "symbol": "é\n"}]
    slices = decode(json.dumps(records, indent=indent).encode(), chunk_bytes=chunk_bytes)
    table, malformed, _ = gathered(slices)
    assert table["symbol"].to_pylist() == ["A", 'x,]}"\\', None, "é\n"]
    assert malformed == [2]
    assert raws(slices, [0, 2]) == [json.dumps(GOOD, separators=(",", ":")), "5"]


def test_the_text_of_a_document_takes_little_more_than_its_length() -> None:
    odd = ["d  e", '"', " \\", '\\\\ " ', "\\" * 9 + '"  "']
    text = json.dumps([{"a": number, "b c": odd[number % 5]} for number in range(20_000)], indent=4)
    piece = compact(Piece(pa.table({"symbol": ["A"]}), NONE, lambda _: pa.array([text])))
    tracemalloc.start()
    try:
        (raw,) = piece.raw(np.zeros(1, np.int64)).to_pylist()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert raw == json.dumps(json.loads(text), separators=(",", ":"))
    assert peak < 5 * len(text)


def test_one_document_is_one_row() -> None:
    slices = decode(json.dumps(GOOD, indent=2).encode())
    assert gathered(slices)[0].to_pylist() == [{**GOOD, "volume": 10.0}]
    assert json.loads(raws(slices, [0])[0]) == GOOD


@pytest.mark.parametrize(
    "body",
    [b"[", b'[{"symbol": "A"}', b'[{"a": 1}]]', b"[1,]", b"[1,,2]", b"[,]", b'{"a": [1}', b'{"a": 1', b'["\\', b"[1}"],
)
def test_broken_documents_are_refused(body: bytes) -> None:
    refusal(body, "undecodable", key="x.json")


def test_a_broken_first_line_does_not_make_a_document() -> None:
    table, malformed, _ = gathered(decode(b'{"symbol": "B", "open\n' + lines(GOOD)))
    assert (table["symbol"].to_pylist(), malformed) == ([None, "A"], [0])
    assert gathered(decode(b'{"symbol": "B", "open\n' + lines(GOOD, GOOD)))[1] == [0]


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_deep_nesting_is_refused(opening: bytes) -> None:
    refusal(opening * 100_000, "nesting_too_deep")
    body = opening * 100_000 + b"1" + (b"]" if opening == b"[" else b"}" if opening[:1] == b"{" else b"}]") * 100_000
    refusal(body, "nesting_too_deep")


def test_a_deeply_nested_line_does_no_harm() -> None:
    deep = b'{"symbol": "B", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    table = gathered(decode(lines(GOOD) + deep + lines(GOOD)))[0]
    assert table["symbol"].to_pylist()[::2] == ["A", "A"]


def test_records_path() -> None:
    dataset = Dataset("p", Kind.PRICES, "p", "A.B.C", records_path=r"data.a\.b")
    body = json.dumps({"x": [{"data": 1}], "data": {"q": {}, "a.b": [GOOD, {**GOOD, "symbol": "B"}]}, "z": 1}).encode()
    assert gathered(decode(body, dataset=dataset))[0]["symbol"].to_pylist() == ["A", "B"]
    table = gathered(decode(body + b"\n" + b"oops\n" + body, dataset=dataset))[0]
    assert table["symbol"].to_pylist() == ["A", "B", None, "A", "B"]
    refusal(b'{"data": {"b": 1}}', "records_path_missing", dataset=dataset)
    assert decode(b'{"data": {"a.b": []}}', dataset=dataset) == []
    one = json.dumps({"data": {"a.b": GOOD}}).encode()
    assert gathered(decode(one, dataset=dataset))[0].num_rows == 1
    assert gathered(decode(b"[" + one + b"," + one + b"]", dataset=dataset))[0].num_rows == 2


def test_records_keyed_by_timestamp() -> None:
    names = {
        "_key": "timestamp",
        "1. open": "open",
        "2. high": "high",
        "3. low": "low",
        "4. close": "close",
        "5. volume": "volume",
    }
    dataset = Dataset(
        "p",
        Kind.PRICES,
        "p",
        "A.B.C",
        columns=names,
        records_path=r"Time Series (1min)",
        symbol_from_key=r"/(\w+)\.json",
    )
    bar = {"1. open": "86.5", "2. high": "87", "3. low": "86", "4. close": "86.75", "5. volume": "100"}
    series = {"2017-12-18 14:56:00": bar, "2017-12-18 14:55:00": {}}
    body = json.dumps({"Meta Data": {"2. Symbol": "MSFT"}, "Time Series (1min)": series}).encode()
    slices = decode(body, dataset=dataset, key="x/MSFT.json")
    table = gathered(slices)[0]
    assert table["timestamp"].to_pylist() == ["2017-12-18 14:56:00", "2017-12-18 14:55:00"]
    assert table["symbol"].to_pylist() == ["MSFT", "MSFT"]
    assert table["open"].to_pylist() == [86.5, None]
    assert raws(slices, [1]) == ['{"_key":"2017-12-18 14:55:00"}']
    refusal(body, "symbol_from_key", dataset=dataset, key="x.csv")


def test_indicator_keys_hold_underscores() -> None:
    record = {"symbol": "A", "timestamp": "2025-01-02", "rsi": 50.5, "macd": None, "sma_20": 10.5, "sma_50": 11.5}
    table = gathered(decode(lines(*[record] * 20, {**record, "macd_signal": False}), dataset=INDICATORS))[0]
    assert table["sma_20"].to_pylist() == [10.5] * 21
    assert str(table["macd_signal"][20].as_py()) == "nan"


SUITE = DATA / "json_parsing" / "JSONTestSuite_test_parsing.tar.gz"


@pytest.mark.skipif(not SUITE.exists(), reason="needs shared/data/json_parsing beside the repository")
def test_json_test_suite() -> None:
    outcomes: dict[str, object] = {}
    with tarfile.open(SUITE) as archive:
        files = {Path(member.name).name: archive.extractfile(member).read() for member in archive if member.isfile()}
    for name, body in files.items():
        try:
            table, malformed, _ = gathered(decode(body, key=name))
            outcomes[name] = (table.num_rows if table else 0, len(malformed))
        except DataError as error:
            outcomes[name] = error.reason
    assert len(outcomes) == 318
    valid = {name: json.loads(body) for name, body in files.items() if name.startswith("y_")}
    objects = [name for name, value in valid.items() if isinstance(value, dict)]
    assert [name for name in objects if outcomes[name] != "missing_columns"] == []
    arrays = [name for name, value in valid.items() if isinstance(value, list)]
    assert [name for name in arrays if outcomes[name] not in {"missing_columns", (len(valid[name]),) * 2}] == []
    assert not any(isinstance(outcome, tuple) and outcome[0] > outcome[1] for outcome in outcomes.values())


def test_an_escaped_key_is_found_wherever_it_is() -> None:
    body = lines(*[GOOD] * 900) + lines(GOOD).replace(b'"open"', b'"source": "x", "op\\u0065n"').replace(
        b"source", b"s\\u006furce"
    )
    table = gathered(decode(body + lines(*[GOOD] * 900)))[0]
    assert table["source"].to_pylist().count("x") == 1
    assert table["open"].null_count == 0


def test_a_null_symbol_is_not_filled_from_a_company_name() -> None:
    body = lines({**GOOD, "symbol": None, "name": "Ford"}, {**GOOD, "symbol": "F", "name": "Ford"})
    assert gathered(decode(body))[0]["symbol"].to_pylist() == [None, "F"]


@pytest.mark.parametrize("chunk_bytes", [300, 2**20])
def test_rows_without_the_better_key_take_the_alias(chunk_bytes: int) -> None:
    bare = {key: value for key, value in GOOD.items() if key != "symbol"}
    body = lines(*[{"ticker": "AA", **bare}] * 9, {"symbol": "BB", **bare}, {"ticker": "AA", **bare})
    table = gathered(decode(body, chunk_bytes=chunk_bytes))[0]
    assert table["symbol"].to_pylist() == ["AA"] * 9 + ["BB", "AA"]
