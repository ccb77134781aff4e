"""An extraction that is cut short anywhere, and again: in the end each row is in the bucket, and once."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from etl_daemon.adapters.local.document import FileDocument
from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.adapters.memory.store import MemoryStore
from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.documents import Written
from etl_daemon.core.events import ObjectExtracted
from etl_daemon.core.upstream.extraction import By, Format, Mark, Origin, Part, Span, cuts
from etl_daemon.errors import LeaseLostError, SetupError, TransientError
from etl_daemon.extraction import Bucket
from etl_daemon.extraction.extractor import MARKS, Extraction, Extractor
from etl_daemon.extraction.journal import Journal

DATASET = Dataset("orders", Kind.TABLE, "sql/shop/orders/", "A.B.ORDERS", mode=Mode.APPEND, extracted=True)
ORIGIN = Origin(
    url="",
    secret="",
    source="orders",
    query=False,
    folder="sql/shop/orders/",
    column="id",
    by=By.KEY,
    partition_by="id",
)


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Blows at the n-th touch."""

    at: int = 10**9
    touched: int = 0

    def touch(self) -> None:
        self.touched += 1
        if self.touched == self.at:
            raise Killed


@dataclass
class Table:
    """A table of ids."""

    ids: list[int] = field(default_factory=list)
    shared: bool = True


@dataclass
class TableSnapshot:
    table: Table
    origin: Origin
    fuse: Fuse
    ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.ids = tuple(self.table.ids)

    @property
    def columns(self) -> list[tuple[str, str]]:
        return [("id", "BIGINT")]

    @property
    def shared(self) -> bool:
        return self.table.shared

    def greatest(self, after: str | None) -> str | None:
        beyond = [each for each in self.ids if after is None or each > int(after)]
        return str(max(beyond)) if beyond else None

    def back(self, cursor: str) -> str:
        return str(int(cursor) - int(self.origin.overlap))

    def bounds(self) -> tuple[int, int] | None:
        return (min(self.ids), max(self.ids)) if self.ids else None

    def write(self, span: Span, part: Part, file: Path) -> int:
        self.fuse.touch()
        rows = [
            each
            for each in self.ids
            if (span.after is None or each > int(span.after))
            and (span.upto is None or each <= int(span.upto))
            and (part.low is None or each >= part.low)
            and (part.high is None or each < part.high)
        ]
        file.write_text('"id"\n' + "".join(f"{each}\n" for each in rows))
        return len(rows)

    def beside(self) -> TableSnapshot:
        return replace(self, ids=self.ids) if self.shared else TableSnapshot(self.table, self.origin, self.fuse)

    def close(self) -> None:
        pass


@dataclass
class FusedStore(MemoryStore):
    def __init__(self, source: MemorySource, fuse: Fuse) -> None:
        super().__init__(source)
        self.fuse = fuse

    def put(self, key: str, file: Path, **more: Any) -> bool:
        self.fuse.touch()
        put = super().put(key, file, **more)
        self.fuse.touch()
        return put


@dataclass
class FusedDocument:
    document: FileDocument
    fuse: Fuse

    def read(self) -> Written | None:
        return self.document.read()

    def write(self, text: str, over: Written | None) -> bool:
        self.fuse.touch()
        written = self.document.write(text, over)
        self.fuse.touch()
        return written

    def close(self) -> None:
        pass


@dataclass
class World:
    folder: Path
    origin: Origin = ORIGIN
    dataset: Dataset = DATASET
    table: Table = field(default_factory=Table)
    source: MemorySource = field(default_factory=MemorySource)
    fuse: Fuse = field(default_factory=Fuse)
    events: list[Any] = field(default_factory=list)
    fence: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self._ticks = count()

    def now(self) -> datetime:
        return datetime(2026, 1, 5, 14, tzinfo=UTC) + timedelta(seconds=next(self._ticks))

    def extractor(self) -> Extractor:
        store = FusedStore(self.source, self.fuse)
        document = FusedDocument(FileDocument(self.folder / "mark.json", hint=""), self.fuse)
        bucket = Bucket(store, self.folder / "spool", self.events.append, self.now, self.fence)
        opened = lambda: TableSnapshot(self.table, self.origin, self.fuse)  # noqa: E731
        return Extractor(self.dataset, self.origin, Journal(document, "orders", MARKS), bucket, opened, lambda *_: None)

    def extract(self, **more: Any) -> Extraction:
        return self.extractor().extract(**more)

    def objects(self) -> dict[str, list[int]]:
        found = {}
        for ref in self.source.list("", ""):
            _, *rows = csv.reader(bytes(self.source.fetch(ref)).decode().splitlines())
            found[ref.key] = [int(each) for (each,) in rows]
        return found

    def ids(self) -> list[int]:
        return sorted(each for rows in self.objects().values() for each in rows)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_each_extraction_takes_what_is_beyond_the_last(world: World) -> None:
    world.table.ids = [1, 2, 3]
    first = world.extract()
    assert [each.key for each in first.objects] == ["sql/shop/orders/2026-01-05/20260105T140000000000Z.csv"]
    assert (first.objects[0].rows, first.mark.cursor, first.mark.types) == (3, "3", {"ID": "BIGINT"})
    assert world.extract().objects == ()
    world.table.ids += [4, 5]
    assert world.extract().mark.cursor == "5"
    assert list(world.objects().values()) == [[1, 2, 3], [4, 5]]
    assert [event.rows for event in world.events if isinstance(event, ObjectExtracted)] == [3, 2]


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("mode", [Mode.APPEND, Mode.UPSERT, Mode.TRUNCATE_INSERT])
def test_kills_anywhere_lose_nothing_and_put_nothing_twice(tmp_path: Path, mode: Mode, partitions: int) -> None:
    for at in range(1, 40):
        (tmp_path / str(at)).mkdir()
        dataset = replace(DATASET, mode=mode)
        world = World(tmp_path / str(at), replace(ORIGIN, partitions=partitions), dataset, fuse=Fuse(at))
        world.table.ids = list(range(10))
        for _ in range(3):
            try:
                world.extract()
            except Killed:
                world.table.ids += range(len(world.table.ids), len(world.table.ids) + 5)  # time goes on
                world.extract()
            world.table.ids += range(len(world.table.ids), len(world.table.ids) + 2)
        whole = world.fuse.touched < at
        world.fuse.at = 0
        world.extract()  # which may only finish the one that was cut short
        world.extract()
        if mode.replaces:
            assert list(world.objects().values())[-1] == world.table.ids
        else:
            assert world.ids() == world.table.ids, f"killed at {at}"
        if whole:
            return
    pytest.fail("more steps than were tried")


def test_what_a_resumed_extraction_put_is_not_taken_for_what_it_began_with(tmp_path: Path) -> None:
    """The table is empty while it is filled anew, which is when the process that had seen it full is killed."""
    for at in range(1, 40):
        (tmp_path / str(at)).mkdir()
        world = World(tmp_path / str(at), dataset=replace(DATASET, mode=Mode.TRUNCATE_INSERT), fuse=Fuse(at))
        world.table.ids = [1, 2, 3]
        try:
            world.extract()
        except Killed:
            world.table.ids = []
            world.fuse.at = 0
            world.extract()
            world.table.ids = [1, 2, 3]
            world.extract()
            world.extract()
            assert list(world.objects().values())[-1] == [1, 2, 3], f"killed at {at}"
        else:
            return
    pytest.fail("more steps than were tried")


def test_a_resumed_extraction_puts_only_the_parts_that_are_missing(tmp_path: Path) -> None:
    world = World(tmp_path, replace(ORIGIN, partitions=4), replace(DATASET, mode=Mode.UPSERT))
    world.table.ids = list(range(8))
    lock, puts = threading.Lock(), []

    def fence() -> None:
        with lock:
            puts.append(1)
            if len(puts) == 3:
                raise LeaseLostError("Another holder has taken over.")

    world.fence = fence
    with pytest.raises(LeaseLostError):
        world.extract()
    there = world.objects()
    assert 0 < len(there) < 4
    world.fence = lambda: None
    made = world.extract()
    assert {each.key for each in made.objects} == set(world.objects()) - set(there)
    assert world.ids() == world.table.ids


def test_what_replaces_the_table_is_one_object_however_many_read(tmp_path: Path) -> None:
    world = World(tmp_path, replace(ORIGIN, partitions=4), replace(DATASET, mode=Mode.TRUNCATE_INSERT))
    world.table.ids = list(range(100))
    assert len(world.extract().objects) == 1
    assert world.ids() == world.table.ids
    assert world.extract().objects == (), "nothing has changed"
    assert len(world.extract(anew=True).objects) == 1
    world.table.ids.clear()
    assert [each.rows for each in world.extract().objects] == [0], "an empty table is a delivery too"


def test_rows_that_come_late_are_taken_by_the_overlap(tmp_path: Path) -> None:
    world = World(tmp_path, replace(ORIGIN, overlap=5), replace(DATASET, mode=Mode.UPSERT))
    world.table.ids = [1, 2, 4]
    world.extract()
    world.table.ids = [1, 2, 3, 4]
    assert world.extract().objects[0].rows == 4
    assert world.extract().objects == (), "the same rows are not put again"


def test_two_processes_do_not_extract_at_the_same_time(world: World) -> None:
    world.table.ids = [1]
    inner: list[TransientError] = []

    def other() -> None:
        world.fence = lambda: None
        with pytest.raises(TransientError, match="Another process") as caught:
            world.extract()
        inner.append(caught.value)

    world.fence = other
    world.extract()
    assert "lease" in inner[0].hint


def test_a_mark_that_changed_meanwhile_is_not_written_over(world: World) -> None:
    world.table.ids = [1]
    document = FileDocument(world.folder / "mark.json", hint="")
    first, second = Journal(document, "orders", MARKS), Journal(document, "orders", MARKS)
    assert first.read() == second.read() == Mark()
    first.write(Mark(cursor="1"))
    with pytest.raises(TransientError, match="Another process extracts orders"):
        second.write(Mark(cursor="2"))
    assert Journal(document, "orders", MARKS).read().cursor == "1"


def test_appended_rows_are_never_taken_anew(world: World) -> None:
    world.table.ids = [1]
    world.extract()
    with pytest.raises(SetupError, match="a second time"):
        world.extract(anew=True)
    world.origin = replace(ORIGIN, column="at")
    with pytest.raises(SetupError, match="a second time"):
        world.extract()


def test_what_is_no_mark_is_said(world: World) -> None:
    (world.folder / "mark.json").write_text("{}")
    with pytest.raises(SetupError, match="does not say"):
        world.extract()


def test_a_mark_survives_being_written() -> None:
    from etl_daemon.core.upstream.extraction import Intent, from_text, to_text

    mark = Mark(
        "id", "5", "d", "2026-01-01T00:00:00+00:00", {"ID": "BIGINT"}, Intent(Span("1", "2"), (Part("k", None, 3),))
    )
    assert from_text(to_text(mark), "x") == mark
    done = mark.settled(datetime(2026, 1, 2, tzinfo=UTC))
    assert (done.cursor, done.intent) == ("2", None)
    assert [done.due(60, datetime(2026, 1, 2, 0, minute, tzinfo=UTC)) for minute in (0, 1)] == [False, True]


@pytest.mark.parametrize(("least", "greatest", "parts"), [(0, 9, 3), (5, 5, 4), (-7, 90, 10), (0, 2, 9)])
def test_cuts_cover_every_number_once(least: int, greatest: int, parts: int) -> None:
    ranges = cuts(least, greatest, parts)
    for number in range(least - 3, greatest + 4):
        held = [1 for low, high in ranges if (low is None or number >= low) and (high is None or number < high)]
        assert held == [1]
    assert len(ranges) <= parts


def test_parquet_has_the_same_path_with_its_suffix() -> None:
    from etl_daemon.core.upstream.extraction import key_of

    at = datetime(2026, 1, 5, 14, 30, 0, 123456, tzinfo=UTC)
    parquet = replace(ORIGIN, format=Format.PARQUET)
    assert key_of(parquet, at) == "sql/shop/orders/2026-01-05/20260105T143000123456Z.parquet"
