"""A hold on the lease: taken, renewed, lost, raised, given back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from etl_daemon.adapters.memory.lease import MemoryDocument, MemoryLeaser
from etl_daemon.core.events import LeaseLost, LeaseReleased, LeaseTaken
from etl_daemon.core.lease import Verdict
from etl_daemon.core.model import Cursor, Fence
from etl_daemon.errors import LeaseLostError, TransientError
from tests.support.leases import SECONDS, Actor, Elapsed

SILENCE = TransientError("no answer")


@pytest.fixture
def time():
    return Elapsed()


@pytest.fixture
def document():
    return MemoryDocument()


@pytest.fixture
def first(time, document):
    actor = Actor("a", time, MemoryLeaser(document))
    assert actor.tenure.acquire() is Verdict.FREE
    return actor


@pytest.fixture
def second(time, document):
    return Actor("b", time, MemoryLeaser(document))


def test_the_fence_carries_generation_and_holder(first):
    assert first.tenure.fence() == Fence(1, "a")
    assert first.told == [LeaseTaken("", 1, "free")]
    assert not first.tenure.lost.is_set()


def test_a_renewed_lease_stays_and_is_seen_to_live(first, second, time):
    verdicts = []
    for _ in range(10):
        verdicts.append(second.tenure.acquire())
        time.seconds += SECONDS / 3
        first.tenure.renew()
    assert verdicts == [Verdict.HELD, *[Verdict.ALIVE] * 9]
    assert first.tenure.fence() == Fence(1, "a")
    assert second.tenure.rival.claim.holder == "a"


def test_a_silent_holder_is_out_before_the_lease_is_free(first, second, time):
    second.tenure.acquire()
    time.seconds = SECONDS * 0.8
    assert first.tenure.held
    time.seconds += 0.1
    assert not first.tenure.held
    assert first.tenure.lost.is_set()
    assert second.tenure.acquire() is Verdict.HELD

    time.seconds = SECONDS + 0.1
    assert second.tenure.acquire() is Verdict.EXPIRED
    assert second.tenure.fence() == Fence(2, "b")
    with pytest.raises(LeaseLostError, match="etl-daemon is lost"):
        first.tenure.fence()
    assert len(first.heard(LeaseLost)) == 1


def test_waking_up_too_late_nothing_is_renewed(first, time, document):
    before = document.stored
    time.seconds = SECONDS * 5
    with pytest.raises(LeaseLostError):
        first.tenure.renew()
    assert document.stored == before
    assert first.tenure.acquire() is Verdict.MINE
    assert first.tenure.fence() == Fence(1, "a")
    assert not first.tenure.lost.is_set()


@dataclass(slots=True)
class SlowLeaser(MemoryLeaser):
    """Its writes are done at once, and answered after the lease is over."""

    time: Elapsed = field(default_factory=Elapsed)

    def write(self, lease, over):
        done = MemoryLeaser.write(self, lease, over)
        self.time.seconds += SECONDS
        return done


def test_a_write_that_took_too_long_gives_no_hold(time):
    actor = Actor("a", time, SlowLeaser(time=time))
    assert actor.tenure.acquire() is Verdict.FREE
    assert not actor.tenure.held


def test_a_slow_read_takes_nothing_off_the_lease(first, time):
    first.leaser.after_read = lambda: setattr(time, "seconds", time.seconds + SECONDS)
    first.tenure.renew()
    assert first.tenure.held


def test_found_lost_while_a_renewal_is_under_way_it_stays_lost(first, time):
    def too_late():
        time.seconds += SECONDS
        assert not first.tenure.held

    first.leaser.after_read = too_late
    first.tenure.renew()
    assert not first.tenure.held
    assert first.tenure.lost.is_set()


def test_the_age_counts_from_the_begin_of_the_last_write_that_is_known_to_have_worked(first, time):
    first.leaser.late_faults.append(SILENCE)
    time.seconds = 4
    with pytest.raises(TransientError):
        first.tenure.renew()
    time.seconds = 8.1
    assert not first.tenure.held


def test_a_renewal_whose_answer_was_lost_is_recognised(first, time, document):
    first.leaser.late_faults.append(SILENCE)
    with pytest.raises(TransientError):
        first.tenure.renew()
    time.seconds = 4
    first.tenure.renew()
    time.seconds = 11
    assert first.tenure.held
    assert document.generations == [1, 1, 1]


def test_taking_over_with_the_answer_lost_is_recognised(first, second, time, document):
    second.tenure.acquire()
    time.seconds = SECONDS + 1
    second.leaser.late_faults.append(SILENCE)
    with pytest.raises(TransientError):
        second.tenure.acquire()
    assert not second.tenure.held
    assert second.tenure.acquire() is Verdict.MINE
    assert second.tenure.fence() == Fence(2, "b")
    assert document.generations == [1, 2, 2]


def test_who_writes_in_between_wins(first, second, time):
    third = Actor("c", time, MemoryLeaser(first.leaser.document))
    for actor in (second, third):
        actor.tenure.acquire()
    time.seconds = SECONDS + 1
    second.leaser.after_read = third.tenure.acquire
    assert second.tenure.acquire() is Verdict.HELD
    assert third.tenure.fence() == Fence(2, "c")
    second.leaser.after_read = None
    assert second.tenure.acquire() is Verdict.ALIVE


def test_a_lease_that_another_took_is_lost_at_the_next_renewal(first, document):
    document.put(replace(document.stored.lease, claim=replace(document.stored.lease.claim, holder="thief"), nonce="t"))
    with pytest.raises(LeaseLostError):
        first.tenure.renew()
    assert first.heard(LeaseLost) == [LeaseLost("", "thief has it")]
    assert not first.tenure.held


def test_a_released_lease_is_free_at_once_and_its_generation_stays(first, second, document):
    first.tenure.release()
    assert first.told[-1] == LeaseReleased("", 1)
    assert document.stored.lease.released
    with pytest.raises(LeaseLostError):
        first.tenure.fence()
    assert second.tenure.acquire() is Verdict.RELEASED
    assert second.tenure.fence() == Fence(2, "b")
    first.tenure.release()
    assert second.tenure.held
    assert document.generations == [1, 1, 2]


def test_a_store_that_is_away_does_not_fail_the_release(first):
    first.leaser.faults.append(SILENCE)
    first.tenure.release()
    assert first.told[-1] == LeaseLost("", "not given back, so it has to run out: no answer")


def test_a_predecessor_that_had_the_same_lock_on_the_same_host_is_dead(time, document):
    before = Actor("a", time, MemoryLeaser(document))
    after = Actor("b", time, MemoryLeaser(document))
    for actor in (before, after):
        actor.lock.identity = "the lock"
        actor.tenure.claim = replace(actor.tenure.claim, host="here")
    before.tenure.acquire()
    after.lock.free = False
    assert after.tenure.acquire() is Verdict.ALIVE
    after.lock.free = True
    assert after.tenure.acquire() is Verdict.DEAD
    assert after.tenure.fence().generation == 2


def test_the_generation_is_raised_above_the_cursors_and_recorded(first, document):
    first.tenure.raise_above([Cursor(generation=0), Cursor(generation=6, holder="earlier")])
    assert first.tenure.fence() == Fence(7, "a")
    assert document.stored.lease.generation == 7
    first.tenure.raise_above([Cursor(generation=7, holder="a")])
    assert document.generations == [1, 7]


def test_raising_needs_the_store(first):
    first.leaser.faults.append(SILENCE)
    with pytest.raises(TransientError):
        first.tenure.raise_above([Cursor(generation=6)])
    assert first.tenure.fence() == Fence(1, "a")
