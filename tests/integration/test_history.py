"""What a daemon does is kept beside its work, and read again as it happened."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from etl_daemon.adapters.sqlite.file import BUSY_SECONDS, StateFile
from etl_daemon.adapters.sqlite.history import SAMPLES_WAITING, HistoryObserver
from etl_daemon.adapters.sqlite.past import Past
from etl_daemon.adapters.sqlite.samples import Samples
from etl_daemon.adapters.sqlite.search import Search
from etl_daemon.adapters.sqlite.tables import HISTORY, enter, enter_process
from etl_daemon.core.events import (
    BatchCommitted,
    CycleBegan,
    DatasetFailed,
    DatasetSettled,
    Event,
    HistoryUnwritten,
    LeaseAwaited,
    LoopTurned,
    StageEnded,
)
from etl_daemon.core.events.examples import Example
from etl_daemon.core.events.sample import FLAGS, POINTS, Sample
from etl_daemon.core.model import Counts, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.status.asked import ObjectsAsked
from etl_daemon.core.status.history import BatchLine, ExampleLine, FailureLine, Mark, ObjectLine, Period, Process, Tally
from etl_daemon.errors import TransientError
from tests.support.corridor import HandClock
from tests.support.rows import NOW, ref

COUNTS = Counts(10, 6, 2, 1, 1)
A = replace(ref("a"), bucket="raw", size=99)
REASONS = {"price_range": 2, "ohlc_relation": 1}
RECEIPT = Receipt(
    "b1",
    "p",
    (ObjectReceipt(A, Outcome.LOADED, "", COUNTS), ObjectReceipt(ref("b"), Outcome.REFUSED, "undecodable")),
    reasons=REASONS,
    anomalies={"high": 1},
    replaced=3,
)
EXAMPLE = Example("a", 7, ("price_range", "ohlc_relation"), '{"low": 9}', "v1")
COMMITTED = BatchCommitted("p", RECEIPT, 1.5, examples=(EXAMPLE,))
LONG_AGO = NOW - timedelta(days=400)
DOWN = TransientError("PUT https://user:word@host failed", hint="wait")


class Told(list[Event]):
    def troubles(self) -> list[HistoryUnwritten]:
        return [event for event in self if isinstance(event, HistoryUnwritten)]


class Counting(StateFile):
    """Counts how often it was to be written."""

    attempts = 0

    def write(self, act: Callable[[sqlite3.Connection], object], now: datetime) -> None:
        try:
            super().write(act, now)
        finally:
            self.attempts += 1


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def past(folder: Path, daemon: str = "d") -> Past:
    return Past(StateFile(folder, HISTORY), daemon)


def search(folder: Path) -> Search:
    return Search(StateFile(folder, HISTORY), "d")


def kept(folder: Path, clock: HandClock, told: Told | None = None, daemon: str = "d") -> HistoryObserver:
    tell = [].append if told is None else told.append
    return HistoryObserver(StateFile(folder, HISTORY, tell), daemon, "run", clock, tell)


@contextmanager
def hearing(folder: Path, *events: Event, told: Told | None = None) -> Iterator[tuple[HistoryObserver, HandClock]]:
    clock = HandClock()
    with kept(folder, clock, told) as observer:
        for event in events:
            observer.notice(event)
        yield observer, clock


def test_a_batch_is_kept_with_its_counts(tmp_path: Path) -> None:
    with hearing(tmp_path, COMMITTED, DatasetSettled("p")):
        pass
    assert past(tmp_path).batches(LONG_AGO) == (
        BatchLine(NOW, "p", "b1", 1, 1, COUNTS, REASONS, 1.5, {}, "raw", 3, {"high": 1}),
    )
    (line,) = past(tmp_path).batches(LONG_AGO)
    assert (past(tmp_path).batch("b1"), past(tmp_path).batch("b2")) == (line, None)
    assert search(tmp_path).objects(ObjectsAsked(batch_id="b1", at=line.at)).lines == (
        ObjectLine("a", "loaded", "", COUNTS, 99, NOW, NOW, "p", "b1"),
        ObjectLine("b", "refused", "undecodable", Counts(), 0, NOW, NOW, "p", "b1"),
    )
    assert past(tmp_path).examples(LONG_AGO) == (ExampleLine(NOW, "p", "b1", EXAMPLE),)
    tally = Tally(1, 0, 1, 1, 1, 10, 6, 2, 1, 1)
    assert past(tmp_path).minutes(LONG_AGO) == (Period(NOW, "p", tally),)
    assert past(tmp_path).hours(LONG_AGO) == (Period(NOW, "p", tally),)
    assert past(tmp_path).marks() == dict.fromkeys([("p", Mark.COMMIT), ("p", Mark.ROWS), ("p", Mark.SUCCESS)], NOW)


def test_a_failure_is_kept_without_secrets(tmp_path: Path) -> None:
    with hearing(tmp_path, DatasetFailed("p", DOWN), DatasetFailed("", ValueError("x" * 5000))):
        pass
    whole, single = past(tmp_path).failures(LONG_AGO)
    assert single == FailureLine(NOW, "p", "TransientError", "PUT https://********@host failed", "wait")
    assert (whole.dataset, whole.kind, len(whole.detail)) == ("", "ValueError", 1000)
    assert past(tmp_path).hours(LONG_AGO) == (
        Period(NOW, "", Tally(failed=1)),
        Period(NOW, "p", Tally(failed=1)),
    )


def test_events_add_up_by_minute_and_hour(tmp_path: Path) -> None:
    with hearing(tmp_path, COMMITTED) as (observer, clock):
        clock.forward(seconds=59)
        observer.notice(COMMITTED)
        clock.forward(seconds=2)
        observer.notice(COMMITTED)
        clock.forward(hours=1)
        observer.notice(DatasetSettled("p"))
    two = Tally(batches=2, objects=2, refused=2, read=20, loaded=12, quarantined=4, superseded=2, filtered=2)
    minutes = past(tmp_path).minutes(LONG_AGO)
    assert [(each.at - NOW, each.tally.batches, each.tally.well) for each in minutes] == [
        (timedelta(), 2, 0),
        (timedelta(minutes=1), 1, 0),
        (timedelta(hours=1, minutes=1), 0, 1),
    ]
    assert minutes[0].tally == two
    hours = past(tmp_path).hours(LONG_AGO)
    assert [(each.at - NOW, each.tally.read) for each in hours] == [(timedelta(), 30), (timedelta(hours=1), 0)]
    assert past(tmp_path).hours(NOW + timedelta(seconds=1)) == hours[1:]
    assert [line.at for line in past(tmp_path).batches(LONG_AGO, limit=2)] == [
        NOW + timedelta(seconds=61),
        NOW + timedelta(seconds=59),
    ]


def test_a_batch_without_rows_and_a_lease_that_others_have_leave_their_marks(tmp_path: Path) -> None:
    empty = BatchCommitted("p", replace(RECEIPT, objects=RECEIPT.objects[1:]), 1.5)
    with hearing(tmp_path, empty, LeaseAwaited("", "other:1:ab", "it works")):
        pass
    assert set(past(tmp_path).marks()) == {("p", Mark.COMMIT), ("", Mark.WAITED)}


def test_daemons_that_share_a_folder_keep_apart(tmp_path: Path) -> None:
    with kept(tmp_path, HandClock()) as one, kept(tmp_path, HandClock(), daemon="e") as other:
        one.notice(COMMITTED)
        other.notice(DatasetSettled("p"))
    assert [line.batch_id for line in past(tmp_path).batches(LONG_AGO)] == ["b1"]
    assert past(tmp_path, "e").batches(LONG_AGO) == ()
    assert [each.tally for each in past(tmp_path, "e").hours(LONG_AGO)] == [Tally(well=1)]


def test_the_last_time_is_the_last_one(tmp_path: Path) -> None:
    with hearing(tmp_path, DatasetSettled("p")) as (observer, clock):
        clock.forward(minutes=5)
        observer.notice(DatasetSettled("p"))
    assert past(tmp_path).marks() == {("p", Mark.SUCCESS): NOW + timedelta(minutes=5)}


def test_the_last_process_is_the_one_that_started_last(tmp_path: Path) -> None:
    first, second = (Process(word, pid, NOW + timedelta(minutes=pid)) for word, pid in (("run", 1), ("once", 2)))
    file = StateFile(tmp_path, HISTORY)
    file.write(lambda db: [enter_process(db, "d", each, NOW) for each in (second, first)], NOW)
    assert past(tmp_path).last_process() == second


def test_a_process_is_there_until_it_ends_well(tmp_path: Path) -> None:
    with hearing(tmp_path, LoopTurned("")) as (_, clock):
        until(lambda: past(tmp_path).last_process() is not None)
        process = past(tmp_path).last_process()
        assert process is not None
        assert (process.word, process.started, process.ended) == ("run", NOW, None)
        clock.forward(minutes=1)
    assert past(tmp_path).last_process() == Process("run", process.pid, NOW, NOW + timedelta(minutes=1))


def test_without_an_event_nothing_is_made(tmp_path: Path) -> None:
    with hearing(tmp_path / "state"):
        pass
    assert not (tmp_path / "state").exists()


def test_a_thousand_batches_are_written_by_the_end_and_the_corridor_never_waits(tmp_path: Path) -> None:
    """The file is another process's meanwhile: what the corridor does goes on."""
    file = StateFile(tmp_path, HISTORY)
    file.write(lambda db: None, NOW)
    holder = sqlite3.connect(file.path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    slowest = 0.0
    with hearing(tmp_path, LoopTurned("")) as (observer, _):
        for _ in range(900):
            started = time.perf_counter()
            observer.notice(COMMITTED)
            slowest = max(slowest, time.perf_counter() - started)
        threading.Timer(0.2, holder.close).start()
    assert slowest < BUSY_SECONDS / 2, "whoever waits for the file waits for all of that"
    assert len(past(tmp_path).batches(LONG_AGO)) == 900


def test_a_commit_has_what_its_stages_took_and_no_others(tmp_path: Path) -> None:
    idle = (StageEnded("p", "list", 60.0), CycleBegan("", "c"))
    got = (StageEnded("p", "get", 1.0), StageEnded("q", "get", 9.0), StageEnded("p", "get", 0.5))
    committed = (StageEnded("p", "commit", 0.25), COMMITTED, StageEnded("p", "decode", 2.0), COMMITTED)
    with hearing(tmp_path, *idle, *got, *committed):
        pass
    later, first = past(tmp_path).batches(LONG_AGO)
    assert (first.stages, later.stages) == ({"get": 1.5, "commit": 0.25}, {"decode": 2.0})


def test_too_much_for_a_slow_disk_is_told_and_not_kept(tmp_path: Path) -> None:
    """What the thread took before the disk stopped is in its hands; a thousand may wait behind that."""
    told, stopped, ready = Told(), threading.Event(), threading.Event()

    class Slow(StateFile):
        def write(self, act: Callable[[sqlite3.Connection], object], now: datetime) -> None:
            stopped.set()
            assert ready.wait(10)
            super().write(act, now)

    with HistoryObserver(Slow(tmp_path, HISTORY), "d", "run", HandClock(), told.append) as observer:
        observer.notice(LoopTurned(""))
        assert stopped.wait(10)
        for _ in range(1000):
            observer.notice(COMMITTED)
        assert not told.troubles()
        for _ in range(200):
            observer.notice(COMMITTED)
        ready.set()
    assert len(told.troubles()) == 1
    assert "1,000 events wait" in told.troubles()[0].detail
    assert len(past(tmp_path).batches(LONG_AGO)) == 1000, "what came first is there"


def test_samples_do_not_pile_up_before_a_slow_disk(tmp_path: Path) -> None:
    stopped, ready, row = threading.Event(), threading.Event(), {"SYMBOL": "A", "VALUE": 1.0}

    class Slow(StateFile):
        def write(self, act: Callable[[sqlite3.Connection], object], now: datetime) -> None:
            stopped.set()
            assert ready.wait(10)
            super().write(act, now)

    with HistoryObserver(Slow(tmp_path, HISTORY), "d", "run", HandClock(), [].append) as observer:
        observer.notice(LoopTurned(""))
        assert stopped.wait(10)
        for number in range(SAMPLES_WAITING + 50):
            points = [{**row, "TIMESTAMP": datetime(2026, 1, 1) + timedelta(minutes=number)}]  # noqa: DTZ001
            sample = Sample(pa.Table.from_pylist(points, POINTS), FLAGS.empty_table())
            observer.notice(replace(COMMITTED, sample=sample))
        ready.set()
    kept = Samples(StateFile(tmp_path, HISTORY), "d").points("p", "A")
    assert SAMPLES_WAITING <= len(kept) <= SAMPLES_WAITING + 1
    assert len(past(tmp_path).batches(LONG_AGO)) == SAMPLES_WAITING + 50


def test_what_cannot_be_written_is_told_once_until_it_can_be(tmp_path: Path) -> None:
    told, file = Told(), Counting(tmp_path / "state", HISTORY)
    place = file.path.parent
    place.write_text("a file where the folder should be")
    with HistoryObserver(file, "d", "run", HandClock(), told.append) as observer:
        for number in range(3):
            observer.notice(COMMITTED)
            until(lambda attempts=number: file.attempts > attempts)
        assert len(told.troubles()) == 1
        assert "ETL_STATE_DIR" in told.troubles()[0].hint
        place.unlink()
        observer.notice(COMMITTED)
        until(lambda: len(past(place).batches(LONG_AGO)) == 1)
        assert len(told.troubles()) == 1
        shutil.rmtree(place)
        place.write_text("again")
        observer.notice(COMMITTED)
        until(lambda: len(told.troubles()) == 2)


def test_a_defect_costs_a_line_and_not_what_comes_after(tmp_path: Path) -> None:
    told = Told()
    with hearing(tmp_path, BatchCommitted("p", None, 1.0), told=told) as (observer, _):  # type: ignore[arg-type]
        until(lambda: bool(told.troubles()))
        observer.notice(COMMITTED)
    assert "please report it" in told.troubles()[0].hint
    assert len(past(tmp_path).batches(LONG_AGO)) == 1


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    """A batch, a failure and a process every ten minutes: after two months and another two it is as large as before."""

    def live(db: sqlite3.Connection, until: datetime) -> None:
        for minutes in range(0, 60 * 24 * 60, 10):
            at = until - timedelta(minutes=minutes)
            enter(db, "d", COMMITTED, at)
            enter(db, "d", DatasetFailed("p", DOWN), at)
            enter_process(db, "d", Process("once", minutes, at, at), at)

    def rows(db: sqlite3.Connection) -> dict[str, int]:
        return {each.name: db.execute(f"SELECT COUNT(*) FROM {each.name}").fetchone()[0] for each in HISTORY}

    file, later = StateFile(tmp_path, HISTORY), NOW + timedelta(days=90)
    file.write(lambda db: live(db, NOW), NOW)
    large = file.path.stat().st_size
    assert file.read(rows) == {
        "BATCHES": 8 * 24 * 6 + 1,
        "FAILURES": 8 * 24 * 6 + 1,
        "OBJECTS": 2 * (8 * 24 * 6 + 1),
        "EXAMPLES": 8 * 24 * 6 + 1,
        "MINUTES": 26 * 6 + 1,
        "HOURS": 36 * 24 + 1,
        "REASON_MINUTES": 2 * (26 * 6 + 1),
        "REASON_HOURS": 2 * (36 * 24 + 1),
        "MARKS": 3,
        "PROCESSES": 1_000,
        **dict.fromkeys(("SYMBOLS", "POINTS", "FLAGS"), 0),
    }
    file.write(lambda db: live(db, later), later)
    assert file.path.stat().st_size < 1.5 * large
