"""Which values count as the same, whatever types a database gives them in."""

# ruff: noqa: DTZ001 - naive on purpose

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from etl_daemon.core.sameness import same

EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("held", "loaded"),
    [
        (None, None),
        (1, Decimal("1.00")),
        (0.1, Decimal("0.1")),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 1, 2, 3)),
        (datetime(2026, 1, 2, 3, tzinfo=EAST), datetime(2026, 1, 2, 1)),
        (date(2026, 1, 2), datetime(2026, 1, 2)),
        ('{"a": 1, "b": [2]}', {"b": [2], "a": 1}),
        ("[1,  2]", "[1, 2]"),
        ("text", "text"),
        (float("nan"), Decimal("NaN")),
        (float("inf"), Decimal("Infinity")),
        (True, "True"),
    ],
)
def test_the_same(held, loaded):
    assert same(held, loaded) is True
    assert same(loaded, held) is True


@pytest.mark.parametrize(
    ("held", "loaded"),
    [
        (None, 0),
        (None, ""),
        (None, "None"),
        (1, Decimal("1.01")),
        (1, "1.0"),
        (Decimal(10**37), Decimal(10**37 + 1)),
        (10**37, Decimal(10**37 + 1)),
        (datetime(2026, 1, 2, 3, tzinfo=EAST), datetime(2026, 1, 2, 3)),
        (date(2026, 1, 2), datetime(2026, 1, 2, 0, 0, 1)),
        (date(2026, 1, 2), date(2026, 1, 3)),
        (date(2026, 1, 2), date(2026, 2, 2)),
        (date(2026, 1, 2), date(2025, 1, 2)),
        ('{"a": 1}', {"a": 2}),
        ("{", {"a": 2}),
        ("text", "Text"),
        (float("nan"), 0.0),
        ("[" * 100_000, [1]),
    ],
)
def test_not_the_same(held, loaded):
    assert same(held, loaded) is False
    assert same(loaded, held) is False


def test_what_is_no_json_is_compared_as_it_is_written():
    assert same("Infinity ", float("inf")) is False
    assert same("{", "{ ") is False
