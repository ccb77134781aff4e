"""What is fuzzed: each takes bytes, and fails where they bring out what must not be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.config import Settings, settings_from
from etl_daemon.core import lease, messages
from etl_daemon.core.datasets import Dataset, Kind, Raw
from etl_daemon.core.model import BatchPlan, CleanSlice, Deferral, Refusal
from etl_daemon.core.overrides import overridden
from etl_daemon.core.policy import ReadLimits, Rules
from etl_daemon.core.rules.reasons import CODES
from etl_daemon.core.rules.timestamps import Instants, parse_timestamps
from etl_daemon.core.web import notes
from etl_daemon.errors import ConfigError, EtlError
from etl_daemon.pipeline import Intake, Tolerance, read, transform
from tests.fuzz.words import words
from tests.support.rows import INDICATORS, NOW, PRICES

ANY = Dataset("orders", Kind.TABLE, "p", "A.B.ORDERS", primary_key=("id",))
DATASETS = (PRICES, INDICATORS, replace(PRICES, thousands_separators=True), ANY, replace(ANY, raw=Raw.RECORDS))
LIMITS = ReadLimits(max_expanded_bytes=2**22)
SECRET = "hunter2-and-more"
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")


@cache
def _decoder(chunk_bytes: int, slice_rows: int) -> ObjectDecoder:
    return ObjectDecoder(LIMITS, threads=0, sizes=Sizes(slice_rows, chunk_bytes))


def objects(data: bytes) -> None:
    """An object of any bytes: every row read is accounted for, each reason is known, no defect and no delay shows.

    The first byte says of which dataset it is, and how it is cut.
    """
    if not data:
        return
    dataset = DATASETS[data[0] % len(DATASETS)]
    sizes = (2**24, 2**18) if data[0] < 128 else (64, 3)
    source = MemorySource()
    source.put("p/object", data[1:], NOW)
    intake = Intake(source, _decoder(*sizes), Rules(), Tolerance(), 1, 2**20, decode_ahead=False)
    plan = BatchPlan(dataset, tuple(source.list("", "p/")))
    rows = 0
    for result in transform(read(plan, intake), intake).results:
        assert not isinstance(result, Deferral), result
        if isinstance(result, Refusal):
            assert result.reason != "internal_error", result.detail
            continue
        _accounted(result, dataset, rows)
        rows += result.counts.read


def _accounted(part: CleanSlice, dataset: Dataset, before: int) -> None:
    assert part.first_row == before + 1
    assert part.counts.conserved, part.counts
    assert part.counts.quarantined == part.quarantined.num_rows
    known = set(CODES)
    for reasons in part.quarantined["REASONS"].to_pylist():
        assert reasons, "a row is rejected for a reason"
        assert set(reasons.split(",")) <= known, reasons
    ordinals = part.quarantined["OBJECT_ROW"].to_pylist()
    if dataset.kind is not Kind.TABLE:
        ordinals += part.accepted["_OBJECT_ROW"].to_pylist()
    assert len(set(ordinals)) == len(ordinals)
    assert all(before < ordinal <= before + part.counts.read for ordinal in ordinals)


def timestamps(data: bytes) -> None:
    """Texts, one to a line: what one means does not depend on the others, and lies between the years 1 and 9999."""
    if not data:
        return
    zone = ZONES[data[0] % len(ZONES)]
    texts = data[1:].decode("utf-8", "replace").split("\n")[:50]
    together = parse_timestamps(pa.array([*texts, None, "2026-01-02"], pa.string()), zone)
    assert _of(together, -1)[1]
    assert together.missing[-2]
    for place, text in enumerate(texts):
        alone = parse_timestamps(pa.array([text], pa.string()), zone)
        assert _of(alone, 0) == _of(together, place), text
    valid = ~(together.missing | together.invalid)
    years = together.micros[valid].astype("M8[us]").astype("M8[Y]").astype(np.int64) + 1970
    assert ((years >= 1) & (years <= 9999)).all()


def _of(found: Instants, place: int) -> tuple[int | None, bool, bool]:
    valid = not (found.missing[place] or found.invalid[place])
    return int(found.micros[place]) if valid else None, valid, bool(found.missing[place])


def settings(data: bytes) -> None:
    """Lines NAME=value: they are settings, or a configuration error that does not tell secrets."""
    given = {"S3_BUCKET": "b", "SNOWFLAKE_PASSWORD": SECRET}
    names = [name.upper() for name in Settings.model_fields]
    for line in data.decode("utf-8", "replace").split("\n")[:20]:
        name, found, value = line.partition("=")
        if found and "\0" not in line:
            number = re.fullmatch(r"#(\d{1,3})", name)  # so that names need not be guessed
            given[names[int(number[1]) % len(names)] if number else name] = value
    given["SNOWFLAKE_PASSWORD"] = SECRET
    said = ""
    try:
        said = repr(settings_from(given))
    except ConfigError as error:
        said = str(error)
    assert said
    assert SECRET not in said


def queue(data: bytes) -> None:
    """The body of a message: what it says of objects, or why it says nothing."""
    with suppress(ValueError):
        for written in messages.contents(data.decode("utf-8", "replace")).written:
            assert written.bucket
            assert written.key


def modes(data: bytes) -> None:
    """`--obj`: the same datasets, each with a table of its own; or an error."""
    text = data.decode("utf-8", "replace")
    with suppress(ValueError):
        found = overridden((PRICES, INDICATORS), text, {"A.B.TAKEN"})
        assert [dataset.name for dataset in found] == [PRICES.name, INDICATORS.name]
        assert len({dataset.table for dataset in found}) == 2


def documents(data: bytes) -> None:
    """What lies in the bucket beside the objects, where others may write: as we wrote it, or not believed."""
    text = data.decode("utf-8", "replace")
    with suppress(EtlError):
        held = lease.from_text(text, "there")
        assert lease.from_text(lease.to_text(held), "there") == held
    with suppress(EtlError):
        noted = notes.from_text(text, "there")
        assert notes.from_text(notes.to_text(noted), "there") == noted


HELD = lease.Lease(lease.Claim("etl", "a", "host", 1, "lock", 30.0), 3, NOW, "nonce")
TARGETS: Mapping[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (objects, timestamps, settings, queue, modes, documents, words)
}

SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "objects": (
        b'\0{"symbol":"AAPL","timestamp":"2026-01-02T00:00:00Z","open":1,"high":2,"low":1,"close":2,"volume":5}\n',
        b"\0symbol,date,open,high,low,close\nA,2026-01-02,1,2,1,2\n",
        b'\x81[{"symbol":"A","rsi":50}]',
        b"\x02ticker;time;open;high;low;close\nA;1767312000;1,5;2;1;2\n",
        b'\x03{"id":1,"name":"x","at":"2026-01-02T00:00:00Z","more":{"a":[1,2]}}\n{"id":"2"}\n',
        b'\x84{"id":1}\n{"id":',
    ),
    "timestamps": (b"\x012026-01-02T03:04:05.678+05:45\n1767312000\n20260102\n2026/01/02 01:00:00,5Z\n-1.5e3",),
    "settings": (b"#3=x\nMAX_CONCURRENT_JOBS=3\nETL_DATASETS_FILE=none.toml\nSYMBOL_PATTERN=[",),
    "queue": (
        b'{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a%2Bb+c","size":1}}}]}',
        b'{"Type":"Notification","Message":"{\\"Records\\":[]}"}',
        b'{"detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"k","size":3}}}',
    ),
    "modes": (b'{"price_data":"FULL;_X","technical_indicators":"APPEND"}',),
    "words": (
        b"\0prices.ndjson\n--dataset\nprice_data\n--map\nticker=symbol\n--rejects\nout.csv",
        b"\1ohlc_relation\n--json",
        b'\2--obj\n{"MARKET_DATA.PRICE_DATA":"APPEND;_X"}\n--since\n48',
        b"\3--since\n14d\n--limit\n5",
        b"\4a",
        b"\5out.parquet\n--reason\nprice_range",
        b"\6--all\n--yes",
        b"\7--dry-run",
        b"\x08backfill\n--since\n2026-01-02\n--engine\nspark",
    ),
    "documents": (
        lease.to_text(HELD).encode(),
        notes.to_text(notes.Notes("2026-01-02T00:00:00+00:00")).encode(),
    ),
}
