"""The lease kept in the background, and a daemon that works only while it has it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from etl_daemon.adapters.local.lease import FileLeaser, HostLock
from etl_daemon.adapters.memory.lease import MemoryDocument, MemoryLeaser
from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.core.events import (
    BatchCommitted,
    DatasetFailed,
    LeaseAwaited,
    LeaseLost,
    LeaseRenewed,
    LeaseTaken,
    LoopTurned,
    Retried,
)
from etl_daemon.core.lease import Claim
from etl_daemon.core.model import Fence
from etl_daemon.core.planning.pacing import Pacing
from etl_daemon.errors import BusyError, LeaseLostError, TransientError
from etl_daemon.leasing import LeaseKeeper, Tenure
from etl_daemon.loop import Loop
from tests.support.corridor import HandClock, House
from tests.support.leases import document
from tests.support.rows import price

KEY = "processed/price_data/a.json"
SHORT = 0.3
LONG = 60.0
PATIENCE = 20.0


class Told(list):
    """Events as they come; ``until`` waits for one of a kind."""

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def append(self, event):
        with self._changed:
            super().append(event)
            self._changed.notify_all()

    def of(self, kind):
        return [event for event in self if isinstance(event, kind)]

    def until(self, kind, count=1):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE), list(self)


@pytest.fixture
def keepers(tmp_path):
    """Makes keepers; hosts are told apart by the folder of their lock."""
    made = []

    def make(holder, *, leaser=None, host="", seconds=SHORT, told=None):
        host = host or f"host-{holder}"
        lock = HostLock(tmp_path / host / "x.lock")
        claim = Claim("etl-daemon", holder, host, 7, "", seconds)
        where = leaser or FileLeaser(tmp_path / "lease.json")
        events = Told() if told is None else told
        made.append(LeaseKeeper(Tenure(where, lock, claim, HandClock(), events.append)))
        return made[-1], events

    yield make
    for keeper in made:
        keeper.close()


def test_it_is_renewed_while_others_work_and_given_back_at_the_end(keepers):
    first, _ = keepers("a")
    second, told = keepers("b")
    assert first.wait(threading.Event())
    with pytest.raises(BusyError) as caught:
        second.take(threading.Event())
    assert caught.value.detail == "a has the lease of etl-daemon, in generation 1."
    assert caught.value.hint.startswith("wait for it to end, or stop it on host-a: kill 7; ")
    assert caught.value.exit_code == 75
    assert first.fence() == Fence(1, "a")

    first.close()
    second.take(threading.Event())
    assert told.of(LeaseTaken) == [LeaseTaken("", 2, "released")]


def test_on_the_same_host_nobody_has_to_wait_to_know(keepers):
    first, _ = keepers("a", host="here", seconds=LONG)
    second, _ = keepers("b", host="here", seconds=LONG)
    first.take(threading.Event())
    with pytest.raises(BusyError, match="a has the lease"):
        second.take(threading.Event())


def test_a_holder_that_fell_silent_is_waited_out(keepers, tmp_path):
    silent = replace(document("gone", 4), claim=Claim("etl-daemon", "gone", "there", 7, "l", SHORT))
    FileLeaser(tmp_path / "lease.json").write(silent, None)
    keeper, told = keepers("b")
    keeper.take(threading.Event())
    assert keeper.fence() == Fence(5, "b")
    assert told.of(LeaseTaken) == [LeaseTaken("", 5, "expired")]


def test_standing_by_is_said_once_and_ends_when_told(keepers):
    first, _ = keepers("a")
    second, told = keepers("b")
    first.take(threading.Event())
    stop, answers = threading.Event(), []
    waiting = threading.Thread(target=lambda: answers.append(second.wait(stop)))
    waiting.start()
    told.until(LeaseAwaited)
    stop.set()
    waiting.join(PATIENCE)
    assert answers == [False]
    assert [event.holder for event in told.of(LeaseAwaited)] == ["a"]
    assert told.of(LoopTurned), "whoever waits is alive"


def test_standing_by_is_said_again_where_the_store_answers_again(keepers):
    """Or whoever heard that it does not answer would never hear that it does."""
    store = MemoryDocument()
    first, _ = keepers("a", leaser=MemoryLeaser(store))
    leaser = MemoryLeaser(store)
    second, told = keepers("b", leaser=leaser)
    first.take(threading.Event())
    stop = threading.Event()
    leaser.faults.append(TransientError("503"))
    waiting = threading.Thread(target=second.wait, args=[stop])
    waiting.start()
    told.until(LeaseAwaited, 2)
    leaser.faults.append(TransientError("503"))
    told.until(LeaseAwaited, 4)
    stop.set()
    waiting.join(PATIENCE)
    heard = [event for event in told if not isinstance(event, LoopTurned)]
    assert [type(event) for event in heard] == [Retried, LeaseAwaited, LeaseAwaited] * 2
    assert [(event.holder, event.detail[:19]) for event in told.of(LeaseAwaited)[:2]] == [
        ("", "The store of the le"),
        ("a", "a has the lease of "),
    ]


def test_a_store_that_stays_away_loses_the_lease_and_says_so_at_once(keepers):
    leaser = MemoryLeaser()
    keeper, told = keepers("a", leaser=leaser)
    keeper.take(threading.Event())
    leaser.faults.extend([TransientError("no answer")] * 1000)
    assert keeper.lost.wait(PATIENCE)
    with pytest.raises(LeaseLostError):
        keeper.fence()
    told.until(LeaseLost)
    assert told.of(Retried)[0].dependency == "lease"
    leaser.faults.clear()
    assert keeper.wait(threading.Event())
    assert not keeper.lost.is_set()


def test_a_renewal_that_works_again_is_told(keepers):
    leaser = MemoryLeaser()
    keeper, told = keepers("a", leaser=leaser, seconds=3.0)
    keeper.take(threading.Event())
    leaser.faults.append(TransientError("no answer"))
    told.until(LeaseRenewed)
    kinds = [type(event) for event in told]
    assert kinds[kinds.index(Retried) :] == [Retried, LeaseRenewed]
    assert told.of(LeaseRenewed) == [LeaseRenewed("", 1)]
    assert told.of(LeaseLost) == []


def test_one_shot_gives_up_on_a_store_that_never_answers(keepers):
    leaser = MemoryLeaser()
    leaser.faults.extend([TransientError("no answer")] * 1000)
    keeper, _ = keepers("a", leaser=leaser)
    with pytest.raises(TransientError, match="no answer"):
        keeper.take(threading.Event())


# ---------------------------------------------------------------- the daemon


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "market.duckdb")


def test_commits_carry_the_generation_of_the_lease_and_the_document_that_of_the_cursor(house, keepers):
    house.put(KEY, [price()])
    for _ in range(3):  # without a lease each process takes the cursor's generation and one
        house.restarted().cycle()
        house.clock.forward(minutes=1)
        house.put(KEY, [price(close=10.25)])
    house.holder = "b"
    keeper, _ = keepers("b", seconds=LONG)
    keeper.take(threading.Event())
    house.restarted().lease = keeper
    house.cycle()
    assert house.ask("SELECT DISTINCT LEASE_GENERATION, HOLDER FROM ETL_CONTROL.ETL_CURSORS") == [(4, "b")]
    assert keeper.tenure.leaser.read().lease.generation == 4

    keeper.close()
    house.put("processed/price_data/b.json", [price("MSFT")])
    house.holder = "c"
    after, _ = keepers("c", seconds=LONG)
    after.take(threading.Event())
    house.restarted().lease = after
    house.cycle()
    assert house.ask("SELECT LEASE_GENERATION, HOLDER FROM ETL_CONTROL.ETL_CURSORS") == [(5, "c")]


def test_a_lease_lost_while_a_batch_is_read_keeps_it_from_being_committed(house, keepers):
    house.put(KEY, [price()])
    keeper, told = keepers("a", leaser=MemoryLeaser(), seconds=LONG)
    keeper.take(threading.Event())
    house.restarted().lease = keeper
    fetch = house.source.fetch

    def slow(ref):
        keeper.tenure.elapsed = lambda: 1e12
        return fetch(ref)

    house.source.fetch = slow
    with pytest.raises(LeaseLostError):
        house.cycle()
    assert told.of(LeaseLost)
    assert house.ask("SELECT count(*) FROM ETL_CONTROL.ETL_OBJECTS") == [(0,)]


def test_run_stands_by_takes_over_and_stands_by_again(tmp_path, keepers):
    shared, source, stop = MemoryDocument(), MemorySource(), threading.Event()
    rival, _ = keepers("rival", leaser=MemoryLeaser(shared))
    rival.take(stop)
    told = Told()
    house = House(tmp_path / "market.duckdb", source=source, events=told, holder="a")
    house.put(KEY, [price()])
    house.daemon.lease, _ = keepers("a", leaser=MemoryLeaser(shared), told=told)
    running = threading.Thread(target=Loop(house.daemon, Pacing(0.05)).run, args=(stop,))
    running.start()
    try:
        told.until(LeaseAwaited)
        assert told.of(BatchCommitted) == []
        rival.close()
        told.until(BatchCommitted)

        thief = replace(shared.stored.lease, generation=9, nonce="t")
        shared.put(replace(thief, claim=Claim("etl-daemon", "thief", "there", 7, "", SHORT)))
        told.until(LeaseLost)
        told.until(LeaseAwaited, 2)
        told.until(LeaseTaken, 2)
        house.put("processed/price_data/b.json", [price("MSFT")])
        told.until(BatchCommitted, 2)
    finally:
        stop.set()
        running.join(PATIENCE)
    assert [event.generation for event in told.of(LeaseTaken)] == [2, 10]
    assert all(isinstance(event.error, LeaseLostError) for event in told.of(DatasetFailed))
    assert house.ask("SELECT LEASE_GENERATION FROM ETL_CONTROL.ETL_CURSORS") == [(10,)]
