"""What an API says becomes objects: all pages of a run or none, nothing twice, and a cut run is completed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl_daemon.adapters.local.document import FileDocument
from etl_daemon.adapters.local.source import LocalSource
from etl_daemon.adapters.local.store import LocalStore
from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.events import ObjectExtracted
from etl_daemon.core.web import notes
from etl_daemon.core.web.endpoint import By, Endpoint, Limits, Paging, Request, Response, Validators
from etl_daemon.core.web.notes import Notes
from etl_daemon.errors import EtlError, LeaseLostError, SetupError, TransientError
from etl_daemon.extraction import Bucket, Put
from etl_daemon.extraction.journal import Form, Journal
from etl_daemon.extraction.responses import ApiExtractor

DATASET = Dataset("x", Kind.TABLE, "data/x/", "D.S.T", mode=Mode.APPEND)
ONE = Endpoint(Request("https://api.example.org/x"), "data/x/")
MANY = replace(ONE, paging=Paging(By.PAGE, "page", 1, total_path="pages"), records_path="rows")
STAMP = "20260102T030405000006Z"


class Said:
    """An API that says what a function gives for a page; ``asked`` holds pages and conditions."""

    def __init__(self, say: Callable[[str], Any]) -> None:
        self.say = say
        self.asked: list[tuple[str, Validators]] = []

    def fetch(self, request: Request, validators: Validators, into: Path) -> Response | None:
        page = dict(request.params).get("page", "1")
        self.asked.append((page, validators))
        body = self.say(page)
        if isinstance(body, EtlError):
            raise body
        given = body if isinstance(body, bytes) else json.dumps(body).encode()
        tag = Validators(f'"{notes.digest(given)[:8]}"')
        if validators == tag:
            return None
        into.write_bytes(given)
        return Response(request.url, len(given), "", tag)

    def close(self) -> None:
        """Nothing to let go of."""


class FailingStore(LocalStore):
    """Puts so many objects, then the process ends."""

    left = 99

    def put(self, key: str, file: Path, **more: Any) -> bool:
        if self.left == 0:
            raise TransientError("the process was killed here")
        self.left -= 1
        return super().put(key, file, **more)


class House:
    """One dataset's bucket, and extractions one minute after the other."""

    def __init__(self, folder: Path, endpoint: Endpoint = ONE) -> None:
        self.root = folder / "bucket"
        self.root.mkdir(parents=True)
        self.folder, self.endpoint = folder, endpoint
        self.store = FailingStore(self.root)
        self.events: list[Any] = []
        self.now = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
        self.fence: Callable[[], object] = lambda: None

    def extract(self, say: Callable[[str], Any], *, anew: bool = False) -> tuple[Put, ...]:
        self.web = Said(say)
        bucket = Bucket(self.store, self.folder / "spool", self.events.append, lambda: self.now, self.fence)
        made = ApiExtractor(DATASET, self.endpoint, self.journal, bucket, self.web)
        try:
            return made.extract(anew=anew)
        finally:
            self.now += timedelta(minutes=1)

    @property
    def journal(self) -> Journal[Notes]:
        document = FileDocument(self.folder / "mark.json", hint="")
        return Journal(document, "x", Form(notes.to_text, notes.from_text, Notes()))

    def objects(self) -> dict[str, Any]:
        source = LocalSource(self.root)
        return {ref.key.removeprefix("data/x/"): json.loads(bytes(source.fetch(ref))) for ref in source.list("", "")}


def pages(*rows: list[int]) -> Callable[[str], Any]:
    return lambda page: {"rows": rows[int(page) - 1], "pages": len(rows)}


def test_a_response_is_put_as_it_came_under_its_time(tmp_path):
    house = House(tmp_path)
    (put,) = house.extract(lambda _: b' {"a":1.10}\n')
    assert put == Put(f"data/x/2026-01-02/{STAMP}.json", 12)
    assert (house.root / put.key).read_bytes() == b' {"a":1.10}\n'
    assert [type(each) for each in house.events] == [ObjectExtracted]
    assert not list((tmp_path / "spool").iterdir())


def test_the_server_is_asked_whether_it_changed_and_the_same_is_not_put_again(tmp_path):
    house = House(tmp_path)
    house.extract(lambda _: [1])
    assert house.extract(lambda _: [1]) == ()
    assert house.web.asked[0][1].etag
    assert len(house.extract(lambda _: [2])) == 1
    house.endpoint = replace(ONE, headers=(("Accept-Language", "en"),))
    assert len(house.extract(lambda _: [2])) == 1  # another request: what is known of the first does not count
    assert house.web.asked[0][1] == Validators()
    assert len(house.extract(lambda _: [2], anew=True)) == 1


def test_pages_are_put_when_all_are_there(tmp_path):
    house = House(tmp_path, MANY)
    with pytest.raises(TransientError, match="gone"):
        house.extract(lambda page: {"rows": [int(page)], "pages": 3} if page < "3" else TransientError("gone"))
    assert house.objects() == {}
    house.extract(pages([1], [2], [3]))
    assert {key[-9:]: found["rows"] for key, found in house.objects().items()} == {
        "p001.json": [1],
        "p002.json": [2],
        "p003.json": [3],
    }
    assert house.extract(pages([1], [2], [3])) == ()
    assert len(house.extract(pages([1], [2], [4]))) == 3


def test_pages_that_change_on_the_way_have_the_run_begin_anew(tmp_path):
    house = House(tmp_path, MANY)
    counts = iter([3, 2, 2, 2])
    house.extract(lambda page: {"rows": [int(page)], "pages": next(counts)})
    assert len(house.objects()) == 2
    with pytest.raises(TransientError, match="in all"):
        house.extract(lambda page: {"rows": [int(page)], "pages": len(house.web.asked) + 2})
    assert len(house.web.asked) == 6
    assert len(house.objects()) == 2


def test_what_is_no_json_is_asked_for_again_and_never_put(tmp_path):
    house = House(tmp_path)
    answers = iter([b"<html>", b'"\xff"', b"[1]"])
    assert len(house.extract(lambda _: next(answers))) == 1
    with pytest.raises(TransientError, match="no JSON"):
        House(tmp_path / "other").extract(lambda _: b"[1, 2")


def test_too_much_of_a_run_is_refused(tmp_path):
    house = House(tmp_path, replace(MANY, limits=Limits(run_bytes=50)))
    with pytest.raises(SetupError, match="max_run_mb"):
        house.extract(pages([1], [2], [3]))
    assert house.objects() == {}


@pytest.mark.parametrize("put_before", [0, 1, 2])
def test_a_run_that_was_cut_short_is_completed_under_its_own_keys(tmp_path, put_before):
    house = House(tmp_path, MANY)
    house.store.left = put_before
    with pytest.raises(TransientError, match="killed"):
        house.extract(pages([1], [2], [3]))
    assert len(house.objects()) == put_before
    house.store.left = 99
    assert len(house.extract(pages([1], [2], [3]))) == 3 - put_before
    assert list(house.objects()) == [f"2026-01-02/{STAMP}-p{number:03d}.json" for number in (1, 2, 3)]
    assert house.journal.read().intent is None
    assert house.extract(pages([1], [2], [3])) == ()


def test_where_the_api_says_something_else_by_then_a_new_run_follows(tmp_path):
    house = House(tmp_path, MANY)
    house.store.left = 1
    with pytest.raises(TransientError, match="killed"):
        house.extract(pages([1], [2]))
    house.store.left = 99
    assert len(house.extract(pages([1], [9]))) == 2
    assert [found["rows"] for found in house.objects().values()] == [[1], [1], [9]]
    assert house.journal.read().intent is None


def test_two_processes_do_not_put_the_same_twice(tmp_path):
    house = House(tmp_path)

    def meanwhile(_page: str) -> Any:
        journal = house.journal  # as another host has it
        journal.read()
        journal.write(Notes(extracted_at="2026-01-02T03:04:05+00:00"))
        return [1]

    with pytest.raises(TransientError, match="Another process extracts x"):
        house.extract(meanwhile)
    assert house.objects() == {}


def test_who_lost_the_lease_puts_nothing_more(tmp_path):
    house = House(tmp_path, MANY)
    calls = []

    def fence() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise LeaseLostError("taken over")

    house.fence = fence
    with pytest.raises(LeaseLostError):
        house.extract(pages([1], [2]))
    assert len(house.objects()) == 1
    assert house.journal.read().intent is not None


def test_notes_that_are_none_say_what_to_do(tmp_path):
    (tmp_path / "mark.json").write_text('{"cursor": 1}')
    with pytest.raises(SetupError, match="does not say how far") as caught:
        House(tmp_path).extract(lambda _: [1])
    assert "move it away" in caught.value.hint


def test_keys_sort_as_the_pages_do():
    keys = notes.keys_of("data/x/", datetime(2026, 1, 2, tzinfo=UTC), 1_200)
    assert list(keys) == sorted(keys)
    assert keys[9].endswith("-p0010.json")


def test_it_is_time_again_after_a_while_or_where_a_run_was_cut_short():
    now = datetime(2026, 1, 2, tzinfo=UTC)
    taken = notes.Taken(("k",), ("d",), "r")
    settled = replace(Notes(), intent=taken).settled(now)
    assert Notes().due(60, now)
    assert not settled.due(60, now + timedelta(seconds=59))
    assert settled.due(60, now + timedelta(seconds=60))
    assert replace(settled, intent=taken).due(60, now)
    assert notes.from_text(notes.to_text(settled), "x") == settled
