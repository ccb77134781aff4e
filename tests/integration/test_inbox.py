"""What the queue names is loaded at once, and a message is gone only when that is in the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from etl_daemon.adapters.memory.queue import MemoryQueue
from etl_daemon.core.datasets import Mode
from etl_daemon.core.events import (
    BatchCommitted,
    CyclePlanned,
    DatasetSettled,
    ObjectsNamed,
    Retried,
)
from etl_daemon.core.events.side import MessageRejected, MessagesMoved
from etl_daemon.core.model import Fence
from etl_daemon.core.planning.discovery import below
from etl_daemon.core.planning.pacing import Pacing
from etl_daemon.errors import SetupError, TransientError
from etl_daemon.inbox import Inbox, Patience, Stop
from etl_daemon.loop import Loop
from tests.support.corridor import House
from tests.support.messages import TEST_EVENT, put
from tests.support.rows import INDICATORS, NOW, PRICES, price

PATIENCE_SECONDS = 30.0
HOUR = 3600.0
FOLDER = "processed/price_data"


def until(holds: Callable[[], object], what: str = "it happens") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"Waited in vain until {what}."
        threading.Event().wait(0.005)


@dataclass
class Attended:
    """A loop over a house and a queue, in a thread, between ``begun`` and the end of the context."""

    house: House
    queue: MemoryQueue
    poll_seconds: float = HOUR
    patience: Patience = field(default_factory=lambda: Patience(1.0, 0.05))
    stop: Stop = field(default_factory=Stop)

    def inbox(self) -> Inbox:
        datasets = self.house.datasets
        return Inbox(
            self.queue,
            lambda written: [each.name for each in datasets if below(each.prefix, written.key)],
            self.house.events.append,
            self.stop,
            self.patience,
        )

    @contextmanager
    def begun(self) -> Iterator[Attended]:
        failures: list[BaseException] = []

        def work() -> None:
            try:
                with self.inbox() as inbox:
                    Loop(self.house.daemon, Pacing(self.poll_seconds), inbox).run(self.stop)
            except BaseException as error:  # noqa: BLE001 - told by the other thread
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            until(lambda: self.of(DatasetSettled) or failures, "the first listing is over")
            yield self
        finally:
            self.stop.set()
            thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
        assert failures == []
        until(lambda: self.queue.closed, "the queue is let go")

    def of(self, kind: type) -> list:
        return [event for event in list(self.house.events) if type(event) is kind]

    def moved(self, outcome: str) -> int:
        return sum(event.messages for event in self.of(MessagesMoved) if event.outcome == outcome)

    def loaded(self) -> list[str]:
        return [line.ref.key for event in self.of(BatchCommitted) for line in event.receipt.objects]

    def put(self, name: str, **more: object) -> str:
        """Write an object and tell of it."""
        key = f"{FOLDER}/{name}"
        self.house.put(key, [price()], **more)
        self.queue.send(put(key))
        return key


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "market.duckdb", datasets=(PRICES, INDICATORS))


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(visibility_seconds=1.0)


@pytest.fixture
def attended(house: House, queue: MemoryQueue) -> Attended:
    return Attended(house, queue)


def listed(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prefixes that are listed from now on."""
    seen: list[str] = []
    real = house.source.list

    def listing(bucket: str, prefix: str, start_after: str = "") -> Iterator:
        seen.append(prefix)
        return real(bucket, prefix, start_after)

    monkeypatch.setattr(house.source, "list", listing)
    return seen


def test_an_object_that_is_named_is_loaded_without_a_listing(house, queue, attended, monkeypatch):
    house.put(f"{FOLDER}/old.json", [price()])
    with attended.begun():
        seen = listed(house, monkeypatch)
        key = attended.put("new one+.json")
        until(lambda: len(queue) == 0, "the message is deleted")
    assert attended.loaded() == [f"{FOLDER}/old.json", key]
    assert seen == [key]
    (named,) = attended.of(ObjectsNamed)
    assert (named.dataset, named.pending, named.list_requests) == (PRICES.name, 1, 1)
    assert (attended.moved("received"), attended.moved("deleted"), attended.moved("given_back")) == (1, 1, 0)


def test_many_that_come_together_are_few_batches(house, queue, attended):
    attended.patience = Patience(5, 0.05, gather=0.3)
    with attended.begun():
        keys = [attended.put(f"{number:03}.json") for number in range(50)]
        until(lambda: len(queue) == 0)
    assert sorted(attended.loaded()) == keys
    assert len(attended.of(BatchCommitted)) <= 3


def test_a_message_is_deleted_only_after_the_commit_and_kept_away_from_others_until_then(house, queue, attended):
    attended.patience = Patience(0.6, 0.05)
    queue.visibility_seconds = 0.6
    committing, go_on = threading.Event(), threading.Event()
    destination = house.daemon.corridor.destination
    real = destination.commit

    def slow(*arguments: object) -> object:
        committing.set()
        go_on.wait(PATIENCE_SECONDS)
        return real(*arguments)

    with attended.begun():
        object.__setattr__(house.daemon.corridor, "destination", Wrapped(destination, commit=slow))
        attended.put("a.json")
        assert committing.wait(PATIENCE_SECONDS)
        until(lambda: attended.moved("extended") >= 5, "it was extended beyond its time")
        assert (len(queue), queue.receive(0), attended.moved("received")) == (1, [], 1)
        go_on.set()
        until(lambda: len(queue) == 0)
    assert attended.loaded() == [f"{FOLDER}/a.json"]


class Wrapped:
    """Another object, but for some of its methods."""

    def __init__(self, inner: object, **other: Callable) -> None:
        self._inner = inner
        self.__dict__.update(other)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_a_message_whose_time_is_over_during_a_batch_does_no_harm(house, queue, attended):
    """The heartbeat failed, or the host slept: the message comes again, to this process or to another."""
    attended.patience = Patience(600, 0.05)
    queue.visibility_seconds = 0.2
    destination = house.daemon.corridor.destination
    go_on = threading.Event()

    def slow(*arguments: object) -> object:
        go_on.wait(PATIENCE_SECONDS)
        return destination.commit(*arguments)

    with attended.begun():
        object.__setattr__(house.daemon.corridor, "destination", Wrapped(destination, commit=slow))
        attended.put("a.json")
        until(lambda: attended.moved("received") >= 3, "it came again, and again")
        go_on.set()
        until(lambda: len(queue) == 0)
    assert attended.loaded() == [f"{FOLDER}/a.json"]
    assert house.ask("SELECT COUNT(*) FROM MARKET_DATA.PRICE_DATA") == [(1,)]


def test_what_cannot_be_loaded_keeps_its_message_and_is_tried_again_at_the_next_cycle(house, queue, attended):
    attended.poll_seconds = 0.5
    broken = threading.Event()
    destination = house.daemon.corridor.destination

    def commit(*arguments: object) -> object:
        if broken.is_set():
            raise TransientError("The destination is down.")
        return destination.commit(*arguments)

    with attended.begun():
        object.__setattr__(house.daemon.corridor, "destination", Wrapped(destination, commit=commit))
        broken.set()
        attended.put("a.json")
        until(lambda: house.source.fetched, "it was tried")
        until(lambda: attended.moved("extended"), "the message is kept")
        assert len(queue) == 1
        broken.clear()
        until(lambda: len(queue) == 0)
    assert attended.loaded() == [f"{FOLDER}/a.json"]
    assert attended.moved("received") == 1


def test_redeliveries_and_messages_out_of_order_do_no_harm(house, queue, attended, monkeypatch):
    key = f"{FOLDER}/a.json"
    with attended.begun():
        house.put(key, [price("A"), price("B")])
        queue.send(put(key, sequencer="02"))
        until(lambda: len(queue) == 0)
        seen = listed(house, monkeypatch)
        for sequencer in ("01", "02", "0200"):
            queue.send(put(key, sequencer=sequencer))
        until(lambda: len(queue) == 0)
        assert seen == [], "the sequencer says that nothing is new"
        queue.send(put(key))
        until(lambda: len(queue) == 0)
        assert seen == [key], "without one the store is asked, and the ledger"
        house.clock.forward(seconds=1)
        house.put(key, [price("C")])
        queue.send(put(key, sequencer="03"))
        until(lambda: len(queue) == 0)
    assert attended.loaded() == [key, key]
    assert house.ask("SELECT SYMBOL FROM MARKET_DATA.PRICE_DATA") == [("C",)]


def test_what_names_nothing_of_ours_is_counted_and_gone(house, queue, attended):
    with attended.begun():
        queue.send(put("elsewhere/a.json"))
        queue.send(put("_etl_daemon/lease/etl-daemon.json"))
        queue.send(TEST_EVENT)
        until(lambda: len(queue) == 0)
        assert attended.moved("ignored") == 3
        queue.send(put(f"{FOLDER}/gone.json"))
        until(lambda: len(queue) == 0)
    assert (attended.moved("ignored"), attended.moved("deleted")) == (3, 4)
    assert attended.loaded() == []


def test_garbage_goes_to_the_dead_letter_queue_and_holds_nothing_up(house, queue, attended):
    with attended.begun():
        queue.send("garbage")
        attended.put("a.json")
        until(lambda: len(queue) == 0)
    assert queue.rejected == [("garbage", "it is no JSON")]
    (told,) = attended.of(MessageRejected)
    assert (told.reason, told.dead_lettered) == ("it is no JSON", True)
    assert attended.moved("dead_lettered") == 1
    assert attended.loaded() == [f"{FOLDER}/a.json"]


def test_without_a_dead_letter_queue_garbage_is_told_and_left(house, attended):
    attended.queue = MemoryQueue(visibility_seconds=0.2, rejected=None)
    with attended.begun():
        attended.queue.send("garbage")
        until(lambda: attended.moved("left") >= 2, "it came again")
    assert len(attended.queue) == 1
    assert not attended.of(MessageRejected)[0].dead_lettered


def test_a_queue_that_fails_is_tried_again_and_listing_goes_on(house, queue, attended):
    attended.poll_seconds = 0.2
    queue.faults += [SetupError("No such queue."), TransientError("503"), ValueError("a defect")]
    with attended.begun():
        house.put(f"{FOLDER}/listed.json", [price()])
        until(lambda: attended.loaded() == [f"{FOLDER}/listed.json"])
        attended.put("named.json")
        until(lambda: len(queue) == 0, "the queue is attended to again")
    told = attended.of(Retried)
    assert [event.attempt for event in told] == [1, 2, 3]
    assert ["No such queue" in told[0].detail, "report" in told[2].detail] == [True, True]
    assert {event.dependency for event in told} == {"sqs"}


def test_the_watermark_stays_where_the_last_listing_confirmed_it(house, queue, attended):
    """An object that nobody has told of, older than one that was named, must be found after an outage of any length."""
    house.put(f"{FOLDER}/first.json", [price()])
    with attended.begun():
        house.clock.forward(minutes=1)
        house.put(f"{FOLDER}/untold.json", [price("B")])
        house.clock.forward(minutes=1)
        attended.put("named.json")
        until(lambda: len(queue) == 0)
    assert cursor(house) == NOW
    house.clock.forward(days=9)
    house.restarted()
    assert [line.ref.key for line in house.cycle().receipts[0].objects] == [f"{FOLDER}/untold.json"]


def test_the_watermark_moves_on_with_each_listing_that_leaves_nothing(house, queue, attended):
    attended.poll_seconds = 0.3
    with attended.begun():
        for minute in (1, 2, 3):
            house.clock.forward(minutes=1)
            attended.put(f"{minute}.json")
            until(lambda: len(queue) == 0)
            cycles = len(attended.of(CyclePlanned))
            until(lambda seen=cycles: len(attended.of(CyclePlanned)) > seen + 2, "everything was listed again")
    assert cursor(house) >= NOW + timedelta(minutes=2), "else each listing would begin where the first one did"


def cursor(house: House) -> object:
    ((watermark,),) = house.ask("SELECT WATERMARK FROM ETL_CONTROL.ETL_CURSORS WHERE DATASET = 'price_data'")
    return watermark.replace(tzinfo=NOW.tzinfo)


def test_a_named_key_says_nothing_of_the_keys_before_it(tmp_path, queue):
    """Where keys only grow, a listing begins behind what is settled: but only if a listing has shown that much."""
    dataset = replace(PRICES, immutable_keys=True)
    house = House(tmp_path / "market.duckdb", datasets=(dataset,))
    attended = Attended(house, queue, poll_seconds=0.5)
    house.put(f"{FOLDER}/1.json", [price()])
    with attended.begun():
        house.put(f"{FOLDER}/2.json", [price("B")])
        attended.put("3.json")
        until(lambda: len(attended.loaded()) == 3)
    assert sorted(attended.loaded()) == [f"{FOLDER}/{number}.json" for number in (1, 2, 3)]


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.TRUNCATE_INSERT])
def test_where_the_table_is_replaced_a_message_has_everything_looked_at(tmp_path, queue, mode):
    house = House(tmp_path / "market.duckdb", datasets=(replace(PRICES, mode=mode), INDICATORS))
    attended = Attended(house, queue)
    house.put(f"{FOLDER}/1.json", [price("A")])
    with attended.begun():
        house.clock.forward(minutes=1)
        attended.put("2.json")
        house.source.put("processed/technical_indicators/i.json", b"{}", house.clock.now())
        until(lambda: len(queue) == 0)
    whole = ["1.json", "2.json"] if mode is Mode.FULL else ["2.json"]
    last = attended.of(BatchCommitted)[-1]
    assert [line.ref.key for line in last.receipt.objects] == [f"{FOLDER}/{name}" for name in whole]
    assert not attended.of(ObjectsNamed)
    planned = attended.of(CyclePlanned)
    assert [event.dataset for event in planned] == [PRICES.name, INDICATORS.name, PRICES.name]


def test_the_end_comes_at_once_and_gives_back_what_is_in_hand(house, queue, attended):
    attended.patience = Patience(600, 0.05)
    queue.visibility_seconds = 600
    destination = house.daemon.corridor.destination

    def commit(*_: object) -> object:
        raise TransientError("The destination is down.")

    with attended.begun():
        object.__setattr__(house.daemon.corridor, "destination", Wrapped(destination, commit=commit))
        attended.put("a.json")
        until(lambda: house.source.fetched)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert len(queue.receive(0)) == 1, "another process can have it now"
    assert attended.moved("given_back") >= 1  # a request that was under way may get it once more


class Turns:
    """A lease that comes and goes as it is told."""

    def __init__(self, *, held: bool) -> None:
        self.held = held
        self.waiting = threading.Event()
        self.again = threading.Event()

    def wait(self, stop: threading.Event) -> bool:
        self.waiting.set()
        while not self.again.wait(0.01):
            if stop.is_set():
                return False
        self.held = True
        return True

    def fence(self) -> object:
        return Fence(7, "tester")

    def raise_above(self, _cursors: object) -> None:
        pass


def test_without_the_lease_messages_are_left_to_the_holder(house, queue, attended):
    lease = Turns(held=True)
    house.daemon.lease = lease
    attended.poll_seconds = 0.2
    attended.patience = Patience(600, 0.05)
    queue.visibility_seconds = 600
    with attended.begun():
        lease.held = False
        assert lease.waiting.wait(PATIENCE_SECONDS)
        attended.put("a.json")
        threading.Event().wait(0.3)  # a request that was under way may still get it
        until(queue._visible, "it is there for others")
        lease.again.set()
        until(lambda: len(queue) == 0)
    assert attended.loaded() == [f"{FOLDER}/a.json"]


def test_the_queue_is_attended_to_as_soon_as_the_lease_is_there(house, queue, attended):
    lease = Turns(held=False)
    lease.again.set()
    house.daemon.lease = lease
    with attended.begun():
        attended.put("a.json")
        until(lambda: len(queue) == 0)
    assert attended.loaded() == [f"{FOLDER}/a.json"]


def test_an_idle_queue_costs_the_destination_nothing(house, queue, attended):
    with attended.begun():
        attended.put("a.json")
        until(lambda: len(queue) == 0)
        before = house.file.statements
        polls = len(attended.of(MessagesMoved))
        until(lambda: len(attended.of(MessagesMoved)) >= polls + 20, "the queue was asked again and again")
        assert house.file.statements == before
        assert {event.outcome for event in attended.of(MessagesMoved)[polls + 1 :]} == {"received"}
