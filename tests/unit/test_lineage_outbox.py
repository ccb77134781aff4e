"""What waits is sent in order, again while nobody answers, never in the way; outages are told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from etl_daemon.adapters.lineage.outbox import LIMIT, Noted, Outbox, RefusedError
from etl_daemon.core.events import BatchAbandoned

AT = datetime(2026, 1, 5, tzinfo=UTC)
PATIENCE_SECONDS = 30


def noted(number: int) -> Noted:
    return Noted(BatchAbandoned("p", str(number)), AT)


@dataclass
class Postman:
    """Takes letters down; ``faults`` are raised first, one for each try, and ``open`` can keep it waiting."""

    sent: list[str] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    unwritable: frozenset[str] = frozenset()
    unsaid: frozenset[str] = frozenset()
    open: threading.Event = field(default_factory=threading.Event)
    threads: set[str] = field(default_factory=set)

    def write(self, what: Noted) -> str | None:
        self.threads.add(threading.current_thread().name)
        (number,) = [what.event.batch_id] if isinstance(what.event, BatchAbandoned) else ["?"]
        if number in self.unwritable:
            raise KeyError(number)
        return None if number in self.unsaid else number

    def send(self, letter: str) -> None:
        self.open.wait(PATIENCE_SECONDS)
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(letter)


@dataclass
class Told:
    what: list[str | int] = field(default_factory=list)

    def began(self, detail: str) -> None:
        self.what.append(detail)

    def ended(self, lost: int) -> None:
        self.what.append(lost)


@pytest.fixture
def postman() -> Postman:
    postman = Postman()
    postman.open.set()
    return postman


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def outbox(postman: Postman, told: Told) -> Outbox:
    return Outbox(lambda: postman, told, first_pause_seconds=0.001)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_they_are_sent_in_order_by_another_thread(outbox: Outbox, postman: Postman, told: Told) -> None:
    for number in range(100):
        outbox.put(noted(number))
    outbox.close()
    assert postman.sent == [str(number) for number in range(100)]
    assert postman.threads == {"lineage"}
    assert told.what == []


def test_nothing_begins_before_there_is_something(told: Told) -> None:
    outbox = Outbox(lambda: pytest.fail("nobody is needed"), told)
    outbox.close()
    assert told.what == []


def test_nobody_waits_for_a_server_that_does(outbox: Outbox, postman: Postman) -> None:
    postman.open.clear()
    started = time.monotonic()
    for number in range(50):
        outbox.put(noted(number))
    assert time.monotonic() - started < 1
    assert postman.sent == []
    postman.open.set()
    outbox.close()
    assert len(postman.sent) == 50


def test_they_are_sent_again_and_an_outage_is_told_once(outbox: Outbox, postman: Postman, told: Told) -> None:
    postman.faults = [OSError("refused")] * 3
    outbox.put(noted(1))
    outbox.put(noted(2))
    until(lambda: len(postman.sent) == 2)
    outbox.close()
    assert postman.sent == ["1", "2"]
    assert told.what == ["refused", 0]


def test_what_is_not_taken_and_what_cannot_be_written_costs_itself_only(
    outbox: Outbox, postman: Postman, told: Told
) -> None:
    postman.faults = [RefusedError("400")]
    postman.unwritable, postman.unsaid = frozenset({"3"}), frozenset({"4"})
    for number in range(1, 6):
        outbox.put(noted(number))
    outbox.close()
    assert postman.sent == ["2", "5"]
    assert told.what == ["400", 1, "'3'", 1]


def test_beyond_the_limit_they_are_lost_and_counted(outbox: Outbox, postman: Postman, told: Told) -> None:
    postman.open.clear()
    postman.faults = [OSError("refused")]
    outbox.put(noted(0))
    until(lambda: not outbox._waiting)
    for number in range(1, LIMIT + 11):
        outbox.put(noted(number))
    postman.open.set()
    until(lambda: len(postman.sent) == LIMIT + 1)
    outbox.close()
    assert postman.sent == [str(number) for number in range(LIMIT + 1)]
    assert told.what == ["refused", 10]


def test_the_end_does_not_wait_for_a_server_that_is_away(postman: Postman, told: Told) -> None:
    postman.faults = [OSError("refused")] * 1000
    slow = Outbox(lambda: postman, told, first_pause_seconds=60)
    for number in range(5):
        slow.put(noted(number))
    until(lambda: told.what != [])
    started = time.monotonic()
    slow.close()
    assert time.monotonic() - started < 5
    assert told.what == ["refused", "it ends, and 5 events were not sent"]


def test_the_end_does_not_wait_long_for_a_server_that_is_silent(postman: Postman, told: Told) -> None:
    outbox = Outbox(lambda: postman, told, flush_seconds=0.2)
    postman.open.clear()
    outbox.put(noted(1))
    outbox.put(noted(2))
    outbox.close()
    assert told.what == ["it ends, and 2 events were not sent"]
    postman.open.set()
