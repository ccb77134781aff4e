"""Each piece of a step tells how long it took itself, and whether it failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event as Signal

import pytest

from etl_daemon.core.events import Event, StageEnded
from etl_daemon.errors import DataError
from etl_daemon.pipeline.timing import Grace, Timed, timed_each


@dataclass
class Hand:
    """A clock that moves when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_time_spent_getting_the_items_is_not_the_stages() -> None:
    told: list[Event] = []
    hand = Hand()

    def slices() -> Iterator[int]:
        for number in (1, 2):
            hand.seconds += 100
            yield number

    with Timed(told.append, "p", "stage", hand) as timed:
        for _ in timed.without(slices()):
            hand.seconds += 1
        hand.seconds += 3
    assert told == [StageEnded("p", "stage", 5)]


def test_a_failure_is_told_with_its_error_and_goes_on() -> None:
    told: list[Event] = []
    error = DataError("undecodable", "cut")
    with pytest.raises(DataError), Timed(told.append, "p", "decode", Hand()):
        raise error
    with pytest.raises(ZeroDivisionError), Timed(told.append, "p", "decode", Hand()):
        raise ZeroDivisionError
    assert told == [StageEnded("p", "decode", 0, error), StageEnded("p", "decode", 0)]


def test_each_item_is_a_piece_and_so_is_the_one_that_fails() -> None:
    told: list[Event] = []

    def slices() -> Iterator[int]:
        yield 1
        raise DataError("undecodable", "cut")

    coming = timed_each(slices(), told.append, "p", "decode")
    assert next(coming) == 1
    with pytest.raises(DataError):
        next(coming)
    assert [type(event.error) for event in told if isinstance(event, StageEnded)] == [type(None), DataError]


def test_the_batch_in_hand_has_its_time_from_when_the_end_was_seen() -> None:
    stop, hand = Signal(), Hand()
    grace = Grace(stop, 10.0, hand)
    hand.seconds = 100.0
    assert not grace.over()
    stop.set()
    assert not grace.over()
    hand.seconds = 109.0
    assert not grace.over()
    hand.seconds = 110.0
    assert grace.over()
