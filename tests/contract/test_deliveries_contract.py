"""Modes that replace the table, from the bucket to the rows: what is due, when nothing is, and what stays untouched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etl_daemon.core.events import ObjectRefused
from etl_daemon.errors import SetupError, TransientError
from tests.support.corridor import House
from tests.support.rows import NOW, PRICES, price
from tests.support.targets import Target, of

FULL = of(PRICES, "FULL")
SNAPSHOT = of(PRICES, "TRUNCATE_INSERT")
GROUPED = replace(SNAPSHOT, snapshot_group=r"/(?P<day>\d{8})/")
FOLDER = "processed/price_data"
REPLACING = pytest.mark.parametrize("dataset", [FULL, SNAPSHOT], ids=lambda each: each.mode)


class World:
    """A bucket and a daemon over a target; each object is a minute younger than the one before."""

    def __init__(self, target: Target, dataset) -> None:
        self.target, self.dataset = target, dataset
        self.house = House(datasets=(dataset,), destination=target.destination)

    def put(self, name: str, *symbols: str) -> None:
        self.house.clock.forward(minutes=1)
        rows = b"no records here" if symbols == ("garbage",) else [price(symbol) for symbol in symbols]
        self.house.put(f"{FOLDER}/{name}", rows)

    def delete(self, name: str) -> None:
        self.house.source.delete(f"{FOLDER}/{name}")

    def cycle(self):
        """One cycle; how many objects it entered in the ledger, by outcome."""
        self.house.source.fetched.clear()
        self.report = self.house.cycle()
        self.target.audit(self.dataset)
        lines = [line for receipt in self.report.receipts for line in receipt.objects]
        return " ".join(f"{line.ref.key.removeprefix(FOLDER + '/')}:{line.outcome}" for line in lines)

    def settled(self) -> bool:
        """Whether nothing is left to do, neither for this daemon nor for the next one."""
        return not self.cycle() and not self.house.source.fetched and self.house.restarted() and not self.cycle()

    @property
    def symbols(self) -> str:
        return self.target.symbols(self.dataset)


# ---------------------------------------------------------------- both


@REPLACING
def test_nothing_new_commits_nothing(target, dataset):
    world = World(target, dataset)
    assert world.cycle() == "", "an empty bucket at the start is no delivery"
    world.put("a", "A", "oops!")
    assert world.cycle() == "a:loaded"
    assert world.settled()
    assert world.target.ledger() == [(f"{FOLDER}/a", "v1", "loaded", 1, 0)]


@REPLACING
def test_an_empty_prefix_never_empties_the_table(target, dataset):
    world = World(target, dataset)
    world.put("a", "A")
    world.cycle()
    world.delete("a")

    for _ in range(2):
        world.cycle()
        assert isinstance(world.report.error, SetupError)
        assert "the table stays as it is" in world.report.error.hint
        world.house.restarted().force = True
    assert world.symbols == "A"


@REPLACING
def test_an_object_put_off_puts_the_commit_off(target, dataset):
    grouped = dataset if dataset is FULL else GROUPED
    world = World(target, grouped)
    world.put("20260101/old", "O")
    world.cycle()
    world.put("20260102/a", "A")
    world.put("20260102/b", "garbage")
    world.put("20260102/c", "C")
    before = (target.ledger(), target.cursor())
    faults = [TransientError("reset")] if dataset is SNAPSHOT else [None, TransientError("reset")]
    world.house.source.fetch_faults.extend(faults)

    assert world.cycle() == ""
    assert world.report.failed
    assert (world.symbols, target.ledger(), target.cursor()) == ("O", *before)
    assert [event for event in world.house.events if isinstance(event, ObjectRefused)] == [], "nothing was decided"
    world.cycle()
    assert world.symbols == ("ACO" if dataset is FULL else "O")


@REPLACING
def test_age_does_not_matter(target, dataset):
    world = World(target, dataset)
    world.house.put(f"{FOLDER}/a", [price("A")], modified=NOW - timedelta(days=900))
    assert world.cycle() == "a:loaded"


# ---------------------------------------------------------------- FULL


def test_full_reads_everything_when_anything_changed(target):
    world = World(target, FULL)
    world.put("a", "A", "oops!")
    world.put("b", "B")
    world.cycle()
    world.put("c", "C", "A")
    assert world.cycle() == "a:loaded b:loaded c:loaded"
    assert world.symbols == "ABC"
    assert len(target.quarantine()) == 1, "what is read again is not kept twice"

    world.delete("b")
    assert world.cycle() == "a:loaded c:loaded"
    assert world.symbols == "AC"
    world.put("a", "Z")
    world.cycle()
    assert world.symbols == "ACZ"
    assert world.settled()


def test_full_reads_again_by_force(target):
    world = World(target, FULL)
    world.put("a", "A")
    world.cycle()
    world.house.restarted().force = True

    assert world.cycle() == "a:loaded"
    assert world.report.receipts[0].replaced == 1
    assert world.cycle() == "a:loaded", "as often as it is asked to"


def test_full_without_a_readable_object_is_settled(target):
    world = World(target, FULL)
    world.put("a", "A")
    world.put("b", "B")
    world.cycle()
    world.delete("b")
    world.put("a", "garbage")

    assert world.cycle() == "a:refused"
    assert world.symbols == "AB"
    assert world.settled(), "to read the same garbage again would tell nothing new"
    world.house.restarted().again = True
    assert world.cycle() == "a:refused"
    world.house.restarted()
    world.put("a", "C")
    assert world.cycle() == "a:loaded"
    assert world.symbols == "C"


def test_full_with_a_refused_object_is_settled(target):
    world = World(target, FULL)
    world.put("a", "A")
    world.put("b", "garbage")

    assert world.cycle() == "a:loaded b:refused"
    assert world.settled()
    world.delete("a")
    assert world.cycle() == ""
    assert world.symbols == "A", "what is left is known to be unfit"


def test_full_takes_over_what_another_mode_left(target):
    World(target, PRICES).cycle()
    before = World(target, PRICES)
    for name in "ab":
        before.put(name, name.upper())
        before.cycle()
    after = World(target, FULL)
    after.house.source = before.house.source
    after.house.restarted()
    assert after.cycle() == "", "the table holds what the bucket does"
    after.delete("a")
    assert after.cycle() == "b:loaded"
    assert after.symbols == "B"


# ---------------------------------------------------------------- TRUNCATE_INSERT


def test_the_newest_of_single_objects_is_the_table(target):
    world = World(target, SNAPSHOT)
    for name in "abc":
        world.put(name, name.upper())
    assert world.cycle() == "c:loaded a:superseded b:superseded"
    assert world.symbols == "C"
    assert world.house.source.fetched == [f"{FOLDER}/c"], "older ones are never read"
    assert world.settled()

    world.put("a", "X")
    assert world.cycle() == "a:loaded", "a new version is a delivery of its own"
    assert world.symbols == "X"
    assert [line[2:] for line in target.ledger() if line[0].endswith("/c")] == [("loaded", 1, 1)]


def test_objects_of_one_group_are_one_delivery(target):
    world = World(target, GROUPED)
    world.put("20260101/a", "A")
    world.put("20260101/b", "B")
    world.cycle()
    assert world.symbols == "AB"

    world.put("20260102/a", "C")
    world.put("20260102/b", "D", "C")
    assert world.cycle() == "20260102/a:loaded 20260102/b:loaded"
    assert world.symbols == "CD"
    world.put("20260102/c", "E")
    assert world.cycle() == "20260102/a:loaded 20260102/b:loaded 20260102/c:loaded", "one that joins brings all again"
    assert world.symbols == "CDE"
    world.put("20260102/a", "F")
    world.cycle()
    assert world.symbols == "CDEF"
    assert world.settled()


def test_an_old_delivery_stays_old(target):
    world = World(target, GROUPED)
    world.put("20260101/a", "A")
    world.put("20260102/a", "B")
    world.cycle()
    world.put("20260101/late", "L")
    assert world.cycle() == "20260101/late:superseded"
    assert world.symbols == "B"
    assert world.settled()
    world.put("20260101/late", "M")
    assert world.cycle() == "20260101/late:superseded", "restated it is as old as its group"


def test_a_delivery_stays_the_newest_when_its_objects_are_deleted(target):
    world = World(target, GROUPED)
    world.put("20260101/a", "A")
    world.cycle()
    world.put("20260102/a", "B")
    world.cycle()
    world.delete("20260102/a")
    assert world.settled()
    world.put("20260101/late", "L")
    assert world.cycle() == "20260101/late:superseded"
    world.delete("20260101/a")
    world.put("20260101/later", "L")
    world.house.restarted()
    assert world.cycle() == "20260101/later:superseded", "nor does an old one grow younger"
    assert world.symbols == "B"
    world.put("20260103/a", "C")
    world.cycle()
    assert world.symbols == "C"


def test_a_refused_delivery_that_is_deleted_makes_room(target):
    world = World(target, GROUPED)
    world.put("20260101/a", "A")
    world.cycle()
    world.put("20260102/a", "B")
    world.put("20260102/b", "garbage")
    assert world.cycle() == "20260102/a:refused 20260102/b:refused"
    assert (world.symbols, world.settled()) == ("A", True)
    world.delete("20260102/a")
    world.delete("20260102/b")
    world.put("20260101/b", "C")
    assert world.cycle() == "20260101/a:loaded 20260101/b:loaded"
    assert world.symbols == "AC"


def test_a_refused_delivery_loads_once_it_is_mended(target):
    world = World(target, GROUPED)
    world.put("20260102/a", "B")
    world.put("20260102/b", "garbage")
    world.cycle()
    world.put("20260102/b", "C")
    assert world.cycle() == "20260102/a:loaded 20260102/b:loaded"
    assert world.symbols == "BC"


def test_a_key_outside_the_pattern_is_a_delivery_of_its_own(target):
    world = World(target, GROUPED)
    world.put("20260101/a", "A")
    world.put("odd", "O")
    assert world.cycle() == "odd:loaded 20260101/a:superseded"
