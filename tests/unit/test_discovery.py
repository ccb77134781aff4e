"""How far back to look, what to list, what is new, how it is cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import Cursor, Known, ObjectRef
from etl_daemon.core.planning.discovery import (
    MAX_PARTITIONS,
    BatchLimits,
    held_back,
    listing_prefixes,
    lower_bound,
    pending,
    plan_batches,
    settled,
    starting_watermark,
    static_prefix,
    sweep_bound,
    sweep_due,
)

NOW = datetime(2025, 6, 1, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PRICES = Dataset("price_data", Kind.PRICES, "processed/price_data", "D.S.T", window_hours=1)
TICK = timedelta(microseconds=1)
NEVER = Cursor()


def ref(key: str, minutes: float, version: str = "1", size: int = 1) -> ObjectRef:
    """An object modified that many minutes ago."""
    return ObjectRef(NOW - timedelta(minutes=minutes), key, version, size=size)


def test_growing_keys_are_listed_from_the_last_one_of_their_own_prefix() -> None:
    growing = replace(PRICES, immutable_keys=True)
    known = Known({}, NEVER, settled_key="processed/price_data/2.json")
    assert settled(growing, known) == "processed/price_data/2.json"
    assert settled(PRICES, known) == ""
    assert settled(growing, Known({}, NEVER)) == ""
    for elsewhere in ("archive/2024", "processed/price_data_2"):
        assert settled(replace(growing, prefix=elsewhere), known) == ""


def test_without_a_watermark_the_window_bounds() -> None:
    assert lower_bound(PRICES, Cursor(), NOW, HOUR) == NOW - HOUR


@pytest.mark.parametrize(("behind", "bound"), [(timedelta(0), 2 * HOUR), (9 * DAY, 9 * DAY + 2 * HOUR)])
def test_the_lower_bound_goes_back_to_where_loading_stopped(behind: timedelta, bound: timedelta) -> None:
    assert lower_bound(PRICES, Cursor(NOW - behind), NOW, 2 * HOUR) == NOW - bound


def test_where_nothing_was_loaded_yet_the_last_sweep_is_where_loading_stopped() -> None:
    assert lower_bound(PRICES, Cursor(swept_at=NOW - DAY), NOW, 2 * HOUR) == NOW - DAY - 2 * HOUR
    assert lower_bound(PRICES, Cursor(NOW - HOUR, swept_at=NOW - DAY), NOW, 2 * HOUR) == NOW - 3 * HOUR


def test_a_fresh_watermark_does_not_shorten_the_window() -> None:
    daily = Dataset("a", Kind.PRICES, "p", "D.S.T", window_hours=24)
    assert lower_bound(daily, Cursor(NOW), NOW, HOUR) == NOW - DAY


@pytest.mark.parametrize("hours", [1e6, 1e10])
def test_a_window_of_everything_reaches_back_to_the_epoch(hours: float) -> None:
    everything = Dataset("a", Kind.PRICES, "p", "D.S.T", window_hours=hours)
    assert lower_bound(everything, Cursor(), NOW, HOUR) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("ago", "due"), [(None, True), (DAY, True), (DAY - TICK, False)])
def test_a_sweep_is_due_when_never_made_or_long_ago(ago: timedelta | None, *, due: bool) -> None:
    assert sweep_due(Cursor(swept_at=None if ago is None else NOW - ago), NOW, DAY) is due


def test_a_sweep_takes_up_where_the_previous_one_left_off() -> None:
    assert sweep_bound(Cursor(), NOW - HOUR, HOUR) == NOW - HOUR
    assert sweep_bound(Cursor(swept_at=NOW - DAY), NOW - HOUR, HOUR) == NOW - DAY - HOUR
    assert sweep_bound(Cursor(swept_at=NOW - DAY), NOW - 9 * DAY, HOUR) == NOW - 9 * DAY


@pytest.mark.parametrize(
    ("template", "prefixes"),
    [
        ("processed/price_data", ["processed/price_data/"]),
        ("processed/price_data/", ["processed/price_data/"]),
        ("processed/price-", ["processed/price-"]),
        ("processed/price*", ["processed/price"]),
        ("", [""]),
        ("p/{year}/{month}/{day}", ["p/2025/05/31/", "p/2025/06/01/", "p/2025/06/02/"]),
        ("p/year={year}/month={month}", ["p/year=2025/month=05/", "p/year=2025/month=06/", "p/year=2025/month=07/"]),
        ("p/{year}{month}{day}.csv", ["p/20250531.csv", "p/20250601.csv", "p/20250602.csv"]),
        ("p/dt={year}-{month}-{day}*", ["p/dt=2025-05-31", "p/dt=2025-06-01", "p/dt=2025-06-02"]),
        ("p/{year}/", ["p/2025/", "p/2026/"]),
        ("p/{day}.{month}.{year}/x", ["p/01.06.2025/x/", "p/02.06.2025/x/", "p/31.05.2025/x/"]),
        ("p/{symbol}/a", ["p/{symbol}/a/"]),
    ],
)
def test_a_template_lists_the_partitions_since_then_and_one_ahead(template: str, prefixes: list[str]) -> None:
    assert listing_prefixes(template, NOW - DAY, NOW) == prefixes


def test_hours_are_those_of_the_partitions_time_zone() -> None:
    prefixes = listing_prefixes("p/{day}/{hour}", NOW - HOUR, NOW, ZoneInfo("Asia/Kolkata"))
    assert prefixes == ["p/01/17/", "p/01/18/", "p/01/19/"]


def test_no_hour_is_lost_where_the_clock_moves_by_half_an_hour() -> None:
    since = datetime(2025, 10, 4, 14, 45, tzinfo=UTC)  # 01:15 on Lord Howe Island, where 02:00 becomes 02:30
    prefixes = listing_prefixes("{hour}", since, since + 2 * HOUR, ZoneInfo("Australia/Lord_Howe"))
    assert prefixes == ["01/", "02/", "03/", "04/"]


@pytest.mark.parametrize(
    ("days", "first", "count"),
    [(16, "p/2025/05/16/12/", 386), (17, "p/2025/05/15/", 19), (500, "p/2024/01/", 19), (13_000, "p/1989/", 38)],
)
def test_long_ranges_are_listed_by_coarser_units(days: int, first: str, count: int) -> None:
    prefixes = listing_prefixes("p/{year}/{month}/{day}/{hour}", NOW - days * DAY, NOW)
    assert (prefixes[0], len(prefixes)) == (first, count)
    assert count <= MAX_PARTITIONS


def test_what_precedes_a_dropped_unit_is_kept() -> None:
    prefixes = listing_prefixes("p/{year}/hour={hour}", NOW - 100 * DAY, NOW)
    assert prefixes == ["p/2025/hour=", "p/2026/hour="]


@pytest.mark.parametrize(
    ("template", "prefix"),
    [("p/a", "p/a/"), ("p/a/{year}/{month}", "p/a/"), ("p/y={year}", "p/y="), ("p/a*", "p/a")],
)
def test_a_sweep_lists_what_is_before_the_first_placeholder(template: str, prefix: str) -> None:
    assert static_prefix(template) == prefix


def test_only_the_latest_version_in_the_ledger_counts_as_loaded() -> None:
    listing = [ref("new", 1), ref("same", 2), ref("changed", 3, "2"), ref("old", 99), ref("put back", 98, "2")]
    found = pending(listing, {"same": "1", "changed": "1", "put back": "3"}, NOW - HOUR)
    assert [item.key for item in found.pending] == ["put back", "changed", "new"]
    assert (found.listed, found.ignored, found.settled) == (5, 1, (NOW - timedelta(minutes=2),))


def test_the_bound_itself_is_within() -> None:
    found = pending([ref("at", 60), ref("before", 61)], {}, NOW - HOUR)
    assert [item.key for item in found.pending] == ["at"]
    assert found.ignored == 1


def test_the_daemons_own_keys_are_no_data() -> None:
    found = pending([ref("_etl_daemon/lease/a.json", 1), ref("a/_etl_daemon/b", 1)], {}, NOW - HOUR)
    assert [item.key for item in found.pending] == ["a/_etl_daemon/b"]
    assert found.listed == 1


def plans(listing: list[ObjectRef], known: dict[str, str], limits: BatchLimits, cursor: Cursor = NEVER) -> list[tuple]:
    found = pending(listing, known, NOW - HOUR)
    made = plan_batches(PRICES, found, limits, cursor, NOW)
    return [([item.key for item in plan.objects], plan.watermark) for plan in made]


def test_batches_are_cut_by_count_and_bytes_oldest_first() -> None:
    listing = [ref("a", 5, size=4), ref("b", 4, size=4), ref("c", 3, size=9), ref("d", 2, size=1), ref("e", 1, size=1)]
    by_bytes = [keys for keys, _ in plans(listing[::-1], {}, BatchLimits(8, 99))]
    assert by_bytes == [["a", "b"], ["c"], ["d", "e"]]
    assert [keys for keys, _ in plans(listing, {}, BatchLimits(99, 2))] == [["a", "b"], ["c", "d"], ["e"]]
    dense = [ref("a.json.gz", 3, size=2), ref("b.json", 2, size=2), ref("c.parquet", 1, size=2)]
    assert [keys for keys, _ in plans(dense, {}, BatchLimits(10, 99))] == [["a.json.gz", "b.json"], ["c.parquet"]]


def test_the_watermark_does_not_pass_an_equal_time_behind_the_cut() -> None:
    listing = [ref("a", 5), ref("b", 4), ref("c", 4), ref("d", 4), ref("e", 3)]
    assert plans(listing, {"d": "1"}, BatchLimits(99, 2)) == [
        (["a", "b"], NOW - timedelta(minutes=5)),
        (["c", "e"], NOW - timedelta(minutes=3)),
    ]


def test_the_watermark_counts_objects_that_were_loaded_before() -> None:
    listing = [ref("a", 5), ref("b", 4), ref("c", 3), ref("d", 2)]
    assert plans(listing, {"b": "1", "d": "1"}, BatchLimits(99, 1)) == [
        (["a"], NOW - timedelta(minutes=4)),
        (["c"], NOW - timedelta(minutes=2)),
    ]


def test_the_watermark_starts_below_the_bound_and_never_moves_back() -> None:
    twins = [ref("a", 5), ref("b", 5)]
    one = BatchLimits(99, 1)
    assert starting_watermark(NOW - HOUR) < NOW - HOUR  # an object at the very bound is not settled
    assert plans(twins, {}, one)[0] == (["a"], starting_watermark(NOW - HOUR))
    assert [mark for _, mark in plans(twins, {}, one, Cursor(NOW - timedelta(minutes=1)))] == [ref("", 1).modified] * 2


def test_a_time_ahead_of_our_clock_does_not_carry_the_watermark_along() -> None:
    assert plans([ref("a", -9999)], {}, BatchLimits(9, 9)) == [(["a"], NOW)]


def test_nothing_pending_is_nothing_planned() -> None:
    assert plans([ref("a", 5)], {"a": "1"}, BatchLimits(9, 9)) == []


def test_deferred_objects_hold_a_plans_watermark_back_but_not_behind_the_cursors() -> None:
    late = ref("late", 5)
    assert held_back(NOW, [late, ref("later", 4)], Cursor()) == late.modified - TICK
    assert held_back(NOW, [late], Cursor(NOW - timedelta(minutes=4))) == NOW - timedelta(minutes=4)
    assert held_back(NOW, [], Cursor()) == NOW
    assert held_back(late.modified - HOUR, [late], Cursor()) == late.modified - HOUR
    assert held_back(None, [late], Cursor()) is None
