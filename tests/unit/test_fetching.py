"""Objects come before their turn, as far as there is room for them, and beyond the end of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event

import pytest

from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import TransientError
from etl_daemon.pipeline.fetching import Fetching, Room

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def ref(name: str, size: int) -> ObjectRef:
    return ObjectRef(NOON, name, "1", size=size)


class Store:
    """Notes which fetches have begun; ``opened`` lets them end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.opened = Event()

    def fetch(self, wanted: ObjectRef) -> memoryview:
        self.begun.append(wanted.key)
        if wanted.key == "broken":
            raise TransientError("The store did not answer.")
        assert self.opened.wait(30)
        return memoryview(wanted.key.encode())


@contextmanager
def fetching(refs: list[ObjectRef], room: Room) -> Iterator[tuple[Store, Fetching]]:
    store = Store()
    with Fetching(refs, store.fetch, room) as coming:
        try:
            yield store, coming
        finally:
            store.opened.set()


def bodies(store: Store, coming: Fetching, refs: list[ObjectRef]) -> list[str]:
    store.opened.set()
    return [bytes(coming.take(each)[1].result(30)).decode() for each in refs]


def test_while_one_is_read_as_many_others_come_as_there_is_room_for() -> None:
    refs = [ref(name, 10) for name in "abcdef"]
    with fetching(refs, Room(objects=8, size=30)) as (store, coming):
        coming.take(refs[0])
        assert [each.key for each in coming.under_way] == ["b", "c", "d"], "30 bytes beside the one in hand"
        assert bodies(store, coming, refs[1:]) == list("bcdef")
        assert sorted(store.begun) == list("abcdef"), "each once"


@pytest.mark.parametrize(("sizes", "waiting"), [([99, 99, 99], ["1"]), ([99, 10, 99, 99], ["1", "2"])])
def test_of_large_ones_which_lie_on_disk_one_waits(sizes: list[int], waiting: list[str]) -> None:
    refs = [ref(str(number), size) for number, size in enumerate(sizes)]
    with fetching(refs, Room(objects=8, size=30)) as (store, coming):
        coming.take(refs[0])
        assert [each.key for each in coming.under_way] == waiting
        assert bodies(store, coming, refs[1:]) == [each.key for each in refs[1:]]


def test_small_ones_that_are_decoded_together_come_together() -> None:
    refs = [ref(f"{number:02}", 1) for number in range(60)]
    with fetching(refs, Room(objects=2, size=50, together=20)) as (store, coming):
        coming.take(refs[0])
        assert len(coming.under_way) == 20
        assert bodies(store, coming, refs[1:]) == [each.key for each in refs[1:]]
    with fetching(refs, Room(objects=2, size=50)) as (_, coming):
        coming.take(refs[0])
        assert len(coming.under_way) == 8, "four for each that fetches"


def test_a_failure_shows_where_the_object_is_read() -> None:
    refs = [ref("a", 1), ref("broken", 1), ref("c", 1)]
    with fetching(refs, Room(objects=2, size=30)) as (store, coming):
        store.opened.set()
        assert bytes(coming.take(refs[0])[1].result(30)) == b"a"
        with pytest.raises(TransientError):
            coming.take(refs[1])[1].result(30)
        assert bytes(coming.take(refs[2])[1].result(30)) == b"c"


def test_objects_in_another_order_than_was_told_are_read_nevertheless() -> None:
    refs = [ref(name, 10) for name in "abcd"]
    with fetching(refs, Room(objects=4, size=20)) as (store, coming):
        assert bodies(store, coming, [ref("x", 1), refs[1], refs[0], refs[2], refs[3]]) == ["x", "b", "a", "c", "d"]


def test_at_the_end_nothing_more_is_fetched() -> None:
    refs = [ref(str(number), 1) for number in range(50)]
    with fetching(refs, Room(objects=1, size=30)) as (store, coming):
        coming.take(refs[0])
    assert len(store.begun) <= 2, "the one under way, and perhaps the next"
