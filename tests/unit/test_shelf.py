"""Slices that memory is not to hold: the same values, from a file that nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_daemon.adapters.destination.shelf import Shelf
from etl_daemon.core.model import CleanSlice, Deferral, Refusal
from etl_daemon.errors import TransientError
from tests.support.rows import cleaned, price, ref

PARTS = [
    cleaned(ref("a"), [price(symbol, close=10 + at / 8) for at in range(40)] + [price(low=12.0)])
    for symbol in ("AAPL", "IBM", "MSFT")
]
RESULTS = [PARTS[0], Refusal(ref("b"), "undecodable", "broken"), PARTS[1], Deferral(ref("c"), "gone"), PARTS[2]]


def same(one: object, other: object) -> bool:
    if not isinstance(one, CleanSlice):
        return one is other
    assert isinstance(other, CleanSlice)
    tables = ("accepted", "quarantined", "anomalies")
    return one.ref == other.ref and all(getattr(one, name).equals(getattr(other, name)) for name in tables)


@pytest.mark.parametrize("room_bytes", [0, 45_000, 2**30])
def test_results_are_the_same_and_in_order_wherever_they_lie(tmp_path: Path, room_bytes: int) -> None:
    shelf = Shelf(room_bytes, tmp_path)
    results = list(shelf.shelved(RESULTS))
    assert shelf.used == (room_bytes < 2**30)
    shelf.let_go()
    assert all(same(one, other) for one, other in zip(results, RESULTS, strict=True))
    assert list(tmp_path.iterdir()) == []


def test_what_is_held_in_memory_stays_below_the_room(tmp_path: Path) -> None:
    taken = []
    coming = Shelf(45_000, tmp_path).shelved(taken.append(part) or part for part in PARTS)
    assert same(next(coming), PARTS[0])
    assert len(taken) == 3, "two of them fit"


def test_the_file_goes_with_its_tables(tmp_path: Path) -> None:
    shelf = Shelf(0, tmp_path)
    results = list(shelf.shelved(RESULTS))
    assert shelf.used
    del results
    assert not shelf.used


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(TransientError, match="Cannot spool to") as raised:
        list(Shelf(0, missing).shelved(PARTS))
    assert str(missing) in raised.value.hint
