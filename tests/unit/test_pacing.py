"""How long the loop sleeps, and how long a dataset that fails is left alone."""

from __future__ import annotations

import math

import pytest

from etl_daemon.core.planning.pacing import LONGEST_BACKOFF_SECONDS, Pacing, Setback, Turn

PACING = Pacing(60.0)


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 54.0), (0.5, 60.0), (1.0, 66.0)])
def test_a_pause_is_a_tenth_off_at_most(chance, seconds):
    assert PACING.pause_seconds(0.0, chance) == pytest.approx(seconds)


def test_cycles_begin_an_interval_after_each_other_and_a_loop_that_is_behind_does_not_pause():
    assert PACING.pause_seconds(45.0, 0.5) == pytest.approx(15.0)
    assert PACING.pause_seconds(61.0, 0.5) == 0.0


def test_the_first_failure_costs_no_cycle_the_next_ones_ever_more_up_to_a_limit():
    seconds = [PACING.backoff_seconds(failures) for failures in (1, 2, 3, 4, 5, 1000)]
    assert seconds == [30.0, 90.0, 210.0, 450.0, 570.0, 570.0]
    assert all(first < Pacing(60.0).pause_seconds(0, 0.0) for first in seconds[:1])


@pytest.mark.parametrize("poll", [0.2, 60, 300, 3600])
def test_an_outage_that_is_over_shows_soon(poll):
    assert Pacing(poll).backoff_seconds(10**6) <= min(10 * poll, LONGEST_BACKOFF_SECONDS)


def test_who_failed_is_left_alone_and_then_asked_with_care():
    once = PACING.set_back(None, 1000.0)
    twice = PACING.set_back(once, 1060.0)
    assert (once, twice) == (Setback(1, 1030.0), Setback(2, 1150.0))
    assert PACING.turn({"a": once, "b": twice}, 1060.0) == Turn(frozenset("b"), frozenset("a"), 60.0)
    assert PACING.turn({"b": twice}, 1150.0) == Turn(frozenset(), frozenset("b"), 60.0)
    assert Turn().seconds == math.inf
