"""Objects and rejected rows of the history are found by what is known of them; charts have their values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from etl_daemon.adapters.sqlite import samples
from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.past import Past
from etl_daemon.adapters.sqlite.samples import POINTS_KEPT, SYMBOLS_KEPT, Samples
from etl_daemon.adapters.sqlite.search import Search
from etl_daemon.adapters.sqlite.tables import HISTORY, enter
from etl_daemon.core.events import BatchCommitted
from etl_daemon.core.events.examples import Example
from etl_daemon.core.events.sample import FLAGS, POINTS, Sample
from etl_daemon.core.model import Counts, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.status.asked import PAGE_LINES, Found, ObjectsAsked, RowsAsked
from etl_daemon.core.status.history import Flag, Point, ReasonPeriod
from tests.support.rows import NOW, ref

LATER = NOW + timedelta(minutes=1)
HOSTILE = "p/%_'\"<script>"
FIRST = BatchCommitted(
    "p",
    Receipt(
        "b1",
        "p",
        (
            ObjectReceipt(ref("p/One.json"), Outcome.LOADED, "", Counts(1, 1)),
            ObjectReceipt(ref(HOSTILE), Outcome.REFUSED, "undecodable"),
        ),
        reasons={"price_range": 2, "ohlc_relation": 1},
    ),
    1.0,
    examples=(Example("p/One.json", 1, ("price_range",), "AAPL"), Example("p/One.json", 2, ("ohlc_relation",), "MSFT")),
)
SECOND = BatchCommitted(
    "q",
    replace(FIRST.receipt, batch_id="b2", reasons={}),
    1.0,
    examples=(Example("q/two", 1, ("price_range_x", "volume_negative"), "aapl"),),
)


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    made = StateFile(tmp_path, HISTORY)
    for event, at in ((FIRST, NOW), (SECOND, LATER), (replace(FIRST, dataset="p"), LATER)):
        made.write(lambda db, event=event, at=at: enter(db, "d", event, at), LATER)
    return made


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        (ObjectsAsked(), ["p/One.json", HOSTILE] * 3),
        (ObjectsAsked(dataset="q"), ["p/One.json", HOSTILE]),
        (ObjectsAsked(dataset="p", text="oNE"), ["p/One.json"] * 2),
        (ObjectsAsked(dataset="p", text="%_'\"<", outcome="refused"), [HOSTILE] * 2),
        (ObjectsAsked(dataset="p", text="%", outcome="loaded"), []),
        (ObjectsAsked(batch_id="b1", at=NOW), ["p/One.json", HOSTILE]),
    ],
)
def test_objects_are_found_by_text_and_outcome(file: StateFile, asked: ObjectsAsked, keys: list[str]) -> None:
    found = Search(file, "d").objects(asked)
    assert ([line.key for line in found.lines], found.total) == (keys, len(keys))
    assert Search(file, "e").objects(asked).total == 0


@pytest.mark.parametrize(
    ("asked", "raws"),
    [
        (RowsAsked(), ["aapl", "AAPL", "MSFT", "AAPL", "MSFT"]),
        (RowsAsked(dataset="p", reason="price_range"), ["AAPL", "AAPL"]),
        (RowsAsked(reason="volume_negative"), ["aapl"]),
        (RowsAsked(text="aapl"), ["aapl", "AAPL", "AAPL"]),
        (RowsAsked(text="Q/TWO"), ["aapl"]),
        (RowsAsked(text="twoaapl"), []),
        (RowsAsked(until=LATER), ["AAPL", "MSFT"]),
        (RowsAsked(since=LATER, batch_id="b1"), ["AAPL", "MSFT"]),
    ],
)
def test_rejected_rows_are_found_by_what_is_known_of_them(file: StateFile, asked: RowsAsked, raws: list[str]) -> None:
    found = Search(file, "d").rows(asked)
    assert ([line.example.raw for line in found.lines], found.total) == (raws, len(raws))


def test_pages_follow_each_other_and_there_is_none_beyond_the_last(tmp_path: Path) -> None:
    lines = tuple(ObjectReceipt(ref(f"{n:03}"), Outcome.LOADED) for n in range(2 * PAGE_LINES + 1))
    file, event = StateFile(tmp_path, HISTORY), replace(FIRST, receipt=replace(FIRST.receipt, objects=lines))
    file.write(lambda db: enter(db, "d", event, NOW), NOW)
    found = [Search(file, "d").objects(ObjectsAsked(page=page)) for page in (-1, 1, 2, 3, 9)]
    assert [(each.page, each.pages, each.first, each.last, each.total) for each in found] == [
        *[(1, 3, 1, 50, 101)] * 2,
        (2, 3, 51, 100, 101),
        *[(3, 3, 101, 101, 101)] * 2,
    ]
    assert [each.lines[0].key for each in found] == ["000", "000", "050", "100", "100"]
    assert Found().pages == 1


def test_reasons_add_up_by_minute_and_by_hour(file: StateFile) -> None:
    past = Past(file, "d")
    assert past.reasons("p", NOW, hourly=True) == (
        ReasonPeriod(NOW, "p", "ohlc_relation", 2),
        ReasonPeriod(NOW, "p", "price_range", 4),
    )
    assert [(each.at, each.rows) for each in past.reasons("p", NOW, hourly=False)] == [
        *((NOW, 1), (NOW, 2)),
        *((LATER, 1), (LATER, 2)),
    ]
    assert past.reasons("q", NOW, hourly=True) == past.reasons("p", LATER, hourly=True) == ()


def sampled(*points: tuple[str, int, float | None], flags: tuple[tuple[str, int, str], ...] = ()) -> Sample:
    """Points of symbols at so many minutes, and anomalies of a type."""
    rows = [{"SYMBOL": s, "TIMESTAMP": _naive(n), "VALUE": value} for s, n, value in points]
    found = [
        {
            "SYMBOL": s,
            "TIMESTAMP": _naive(n),
            "VALUE": None,
            "ANOMALY_TYPE": kind,
            "SEVERITY": "high",
            "DESCRIPTION": "!",
        }
        for s, n, kind in flags
    ]
    return Sample(pa.Table.from_pylist(rows, POINTS), pa.Table.from_pylist(found, FLAGS))


def _naive(minutes: int) -> datetime:
    return (NOW + timedelta(minutes=minutes)).replace(tzinfo=None)


def held(folder: Path, *batches: Sample) -> Samples:
    file = StateFile(folder, HISTORY)
    for number, sample in enumerate(batches):
        at = NOW + timedelta(seconds=number)
        file.write(lambda db, sample=sample, at=at: enter(db, "d", replace(FIRST, sample=sample), at), at)
    return Samples(file, "d")


def test_values_are_those_that_were_loaded_last(tmp_path: Path) -> None:
    first = sampled(("A", 1, 10.0), ("A", 0, 9.0), ("A", 2, None), flags=(("A", 1, "x"), ("B", 0, "x"), ("A", 1, "y")))
    found = held(tmp_path, first, sampled(("A", 1, 11.0)))
    assert found.points("p", "A") == (Point(NOW, 9.0), Point(NOW + timedelta(minutes=1), 11.0))
    assert [(flag.kind, flag.value) for flag in found.flags("p", "A")] == [("x", None), ("y", None)]
    assert found.flags("p", "B") == (Flag(NOW, None, "x", "high", "!"),)
    assert found.symbols("p") == ("A", "B"), "one with anomalies alone can be chosen too"
    assert (found.symbols("q"), found.points("q", "A")) == ((), ())
    assert found.points("p", "A")[0].at.tzinfo is UTC


def test_values_are_kept_of_the_busiest_symbols_and_a_few_of_each(tmp_path: Path) -> None:
    many = [(f"S{n:03}", m, 1.0) for n in range(2 * SYMBOLS_KEPT) for m in range(1 + (n >= SYMBOLS_KEPT))]
    long = [("S059", minute, 1.0) for minute in range(POINTS_KEPT + 200)]
    found = held(tmp_path, sampled(*many), sampled(*long[:400]), sampled(*long[400:]))
    assert found.symbols("p")[0] == "S059"
    assert set(found.symbols("p")) == {f"S{n:03}" for n in range(SYMBOLS_KEPT, 2 * SYMBOLS_KEPT)}
    kept = found.points("p", "S059")
    assert (len(kept), kept[-1].at) == (POINTS_KEPT, NOW + timedelta(minutes=POINTS_KEPT + 199))


def test_one_that_is_no_longer_among_the_busiest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "SYMBOLS_KEPT", 1)
    found = held(tmp_path, sampled(("A", 0, 1.0)), sampled(("B", 0, 1.0), ("B", 1, 1.0)))
    assert found.symbols("p") == ("B",)
    assert found.points("p", "A") == ()
