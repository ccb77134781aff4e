"""Where values are in a picture, and which page is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl_daemon.core.pages.paging import page_of
from etl_daemon.core.pages.plot import EDGE, HEIGHT, WIDTH, plot
from etl_daemon.core.status.history import Flag, Point

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


def corners(*values: float) -> list[tuple[float, float]]:
    made = plot("x", [Point(AT + timedelta(hours=hour), value) for hour, value in enumerate(values)], [])
    return [tuple(map(float, corner.split(","))) for corner in made.line.split()]


def test_the_least_is_below_and_the_last_is_right():
    inside, high = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
    assert corners(1.0, 4.0, 2.0, 3.0) == [
        (EDGE, HEIGHT - EDGE),
        (pytest.approx(EDGE + inside / 3, abs=0.051), EDGE),
        (pytest.approx(EDGE + inside * 2 / 3, abs=0.051), pytest.approx(HEIGHT - EDGE - high / 3, abs=0.051)),
        (WIDTH - EDGE, pytest.approx(EDGE + high / 3, abs=0.051)),
    ]


def test_one_value_is_in_the_corner():
    assert corners(5.0) == [(EDGE, HEIGHT - EDGE)]
    assert corners(5.0, 5.0) == [(EDGE, HEIGHT - EDGE), (WIDTH - EDGE, HEIGHT - EDGE)]


def test_anomalies_without_a_value_are_left_out():
    known, unknown = (Flag(AT, value, "k", "high", "words") for value in (2.0, None))
    made = plot("x", [Point(AT, 1.0)], [known, unknown])
    assert [mark.words for mark in made.marks] == ["2026-01-05 12:00: high, words"]
    assert made.words.endswith("between 1 and 2, and 1 anomaly.")
    assert plot("x", [], [unknown]) is None


@pytest.mark.parametrize(
    ("text", "page"),
    [("", 1), ("3", 3), ("x", 1), ("-3", 1), ("3.5", 1), ("\u0663", 1), ("9" * 9, 999_999_999), ("9" * 10, 1)],
)
def test_what_is_no_page_is_the_first(text, page):
    assert page_of({"page": text}) == page
    assert page_of({}) == 1
