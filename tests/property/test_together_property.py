"""What comes of an object does not depend on the others that are read and judged with it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.adapters.decode.plan import names_of
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.model import CleanSlice, ObjectRef, RawSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean, clean_all
from tests.support.rows import ANOMALIES, INDICATORS, PRICES, price, raw, ref

FAULTS = [{}, {}, {}, {"volume": None}, {"low": 12.0}, {"open": "x"}, {"close": 10.123456789}, {"symbol": ""}]
FAULTS += [{"timestamp": "2026-01-02T15:00:00.0000001Z"}, {"timestamp": "2026-01-07T12:00:00Z"}, {"source": "feed"}]
PRICE_ROWS = st.builds(
    lambda symbol, minute, cents, fault: (
        price(symbol, f"2026-01-02T15:0{minute}:00Z", 10 + cents / 100, open=str(10 + cents % 2)) | fault
    ),
    st.sampled_from(["A", "B", " c "]),
    st.integers(0, 3),
    st.sampled_from([0, 1, 50, 90]),
    st.sampled_from(FAULTS),
)
FRAGMENTS = [b'{"a": 1}', b'{"b": 1, "a": 2}\n', b'{"c": [{"d": 1}', b'{"e": 2}]}', b'{"f": 1},{"g": 2}', b'{"h": NaN}']
FRAGMENTS += [b"[1", b"2]", b'["i"]', b'{"j', b'"k": 1}', b"", b" ", b'{"l": ",\\"etl_daemon"}', b"\xff"]
FRAGMENTS += [b'{"m": [1', b'{"n": 1},"etl_daemon: here a line ends",{"o": 1}']
INDICATOR_ROWS = st.builds(
    lambda symbol, rsi, sma: {
        "symbol": symbol,
        "timestamp": "2026-01-02",
        "rsi": rsi,
        "macd": 0.1,
        "sma_20": sma,
        "sma_50": 1.0,
    },
    st.sampled_from(["A", "B"]),
    st.sampled_from([5.0, 50.0, 95.0, 101.0, None]),
    st.sampled_from([1.0, -1.0, None]),
)
ANOMALY_ROWS = st.builds(
    lambda kind, severity, value: {
        "symbol": "A",
        "timestamp": "2026-01-02",
        "anomaly_type": kind,
        "severity": severity,
        "value": value,
    },
    st.sampled_from(["gap", "spike"]),
    st.sampled_from(["low", "LOW ", "dire"]),
    st.sampled_from([1.0, None]),
)
BATCHES = st.one_of(
    *(
        st.tuples(st.just(dataset), st.lists(st.lists(rows, max_size=6), min_size=1, max_size=6))
        for dataset, rows in ((PRICES, PRICE_ROWS), (INDICATORS, INDICATOR_ROWS), (ANOMALIES, ANOMALY_ROWS))
    )
)
NAMES = ("symbol", "timestamp", "open", "high", "low", "close", "volume")
LINES = st.one_of(
    PRICE_ROWS.map(json.dumps),
    st.builds(
        lambda row, names: json.dumps({names.get(k, k): v for k, v in row.items()}),
        PRICE_ROWS,
        st.sampled_from([{}, {"symbol": "ticker"}, {"close": "Close"}, {"volume": "shares"}]),
    ),
    st.sampled_from(["", "  ", "{", "nonsense", '{"symbol": "A"}', '{"open": true}', "[]", "{}", '{"volume": NaN}']),
)
BODIES = st.lists(st.tuples(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans()), max_size=6)


def written(part: CleanSlice) -> tuple[object, ...]:
    tables = (part.accepted, part.quarantined, part.anomalies)
    counted = (part.counts, part.reasons, part.rounded, part.truncated, part.extra, part.first_row)
    return part.ref, *(table.to_pylist() for table in tables), *counted


def numbered(slices: list[RawSlice]) -> list[RawSlice]:
    """One slice goes on where another one ended, one is made of picked rows."""
    changed = [replace(slices[0], first_row=101), *slices[1:]]
    last = changed[-1]
    return [*changed[:-1], replace(last, ordinals=np.arange(last.table.num_rows, dtype=np.int64)[::-1] + 7)]


@settings(max_examples=150)
@given(BATCHES, st.sampled_from([Mode.UPSERT, Mode.APPEND, Mode.INCREMENTAL]), st.booleans())
def test_slices_that_are_judged_together(batch, mode: Mode, picked: bool) -> None:
    plain, objects = batch
    dataset = replace(plain, mode=mode)
    empty = raw(ref("empty"), [price()]).table.slice(0, 0)
    slices = [
        raw(ref(f"{at}", minutes=1440 * at), rows, malformed=range(at % 2))
        if rows
        else replace(raw(ref(f"{at}"), [price()]), table=empty)
        for at, rows in enumerate(objects)
    ]
    slices = numbered(slices) if picked else slices
    rules = Rules(outlier_min_rows=2, move_percent=4.0)
    assert [written(part) for part in clean_all(slices, dataset, rules)] == [
        written(clean(part, dataset, rules)) for part in slices
    ]


@cache
def opened() -> ObjectDecoder:
    """One for all examples: its connections take longer to open than an example takes."""
    return ObjectDecoder(sizes=Sizes(slice_rows=5))


def alone(decoder: ObjectDecoder, of: ObjectRef, body: bytes, dataset: Dataset) -> list[RawSlice]:
    return list(decoder.decode(of, memoryview(body), dataset))


def seen(parts: list[RawSlice]) -> tuple[object, ...]:
    """All that the rules and operators learn of an object; a column of nulls says no more than none."""
    return [of_one(part) for part in parts], {name for part in parts for name in part.extra}


def of_one(part: RawSlice) -> tuple[object, ...]:
    texts = part.raw(np.arange(part.table.num_rows)).to_pylist()
    columns = {name: part.table[name] for name in part.table.column_names}
    cells = {n: [repr(v) for v in c.to_pylist()] for n, c in columns.items() if c.null_count < len(c)}
    return part.ref, part.first_row, cells, part.malformed.tolist(), texts


@settings(max_examples=150)
@given(BODIES)
def test_objects_that_are_read_together(bodies) -> None:
    texts = [end.join(lines) + end * closed for lines, end, closed in bodies]
    objects = [(ref(f"{at}.json"), text.encode()) for at, text in enumerate(texts)]
    decoder = opened()
    together = decoder.decode_together([(of, memoryview(body)) for of, body in objects], PRICES)
    for of, body in objects:
        if of in together:
            assert seen(together[of]) == seen(alone(decoder, of, body, PRICES))


def test_objects_of_several_writers_are_all_read_together() -> None:
    one = json.dumps(price()) + "\n"
    other = one.replace('"symbol"', '"ticker"')
    lacking = one.replace('"close"', '"last"')
    bodies = {"a": one * 3, "b": other * 2, "c": one + "{\n" + one, "d": lacking * 2}
    together = opened().decode_together(
        [(ref(name), memoryview(body.encode())) for name, body in bodies.items()], PRICES
    )
    rows = {of.key: [part.table.num_rows for part in parts] for of, parts in together.items()}
    assert rows == {"a": [3], "b": [2], "c": [3]}, "what lacks a column says so when it is read alone"


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=6))
@settings(max_examples=200, deadline=None)
def test_the_keys_of_lines_are_those_of_each_line_by_itself(lines: list[bytes]) -> None:
    expected: dict[str, None] = {}
    for line in lines:
        expected |= dict.fromkeys(names_of([line]))
    assert list(names_of(lines)) == list(expected)
