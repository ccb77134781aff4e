"""Nothing is missed: whatever arrives, fails, is put off, and however long nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import Cursor, ObjectRef
from etl_daemon.core.planning import discovery
from etl_daemon.core.planning.discovery import BatchLimits

START = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOOKBACK = 3 * HOUR
PRICES = Dataset("price_data", Kind.PRICES, "p", "D.S.T", window_hours=2)


@dataclass
class World:
    """A bucket, a ledger and a cursor, with a clock that the steps move."""

    now: datetime = START
    bucket: dict[str, ObjectRef] = field(default_factory=dict)
    ledger: dict[str, str] = field(default_factory=dict)
    cursor: Cursor = field(default_factory=Cursor)
    first_bound: datetime | None = None
    writes: int = 0

    def arrive(self, key: str, late_hours: int) -> None:
        self.writes += 1
        modified = self.now - min(timedelta(hours=late_hours), LOOKBACK)
        self.bucket[key] = ObjectRef(modified, key, f"v{self.writes}", size=late_hours + 3)

    def cycle(self, limits: BatchLimits, draw: Callable[[], str]) -> None:
        """Discover, plan, commit; ``draw`` says what becomes of each object: ``load``, ``defer`` or ``crash``."""
        cursor = self.cursor
        since = discovery.lower_bound(PRICES, cursor, self.now, LOOKBACK)
        found = discovery.pending(self.bucket.values(), self.ledger, since)
        late: list[ObjectRef] = []
        for plan in discovery.plan_batches(PRICES, found, limits, cursor, self.now):
            fates = {ref: draw() for ref in plan.objects}
            if "crash" in fates.values():
                return
            late += [ref for ref, fate in fates.items() if fate == "defer"]
            self.ledger |= {ref.key: ref.version for ref, fate in fates.items() if fate == "load"}
            self.first_bound = self.first_bound or since
            self.move(discovery.held_back(plan.watermark, late, cursor), since)

    def move(self, watermark: datetime | None, since: datetime) -> None:
        before = self.cursor.watermark
        assert watermark is not None
        assert before is None or watermark >= before
        assert watermark <= self.now
        for ref in self.bucket.values():
            beyond = ref.modified >= (since if before is None else max(since, before + timedelta(microseconds=1)))
            assert not (beyond and ref.modified <= watermark and self.ledger.get(ref.key) != ref.version)
        self.cursor = replace(self.cursor, watermark=watermark)


LIMITS = st.builds(BatchLimits, st.integers(1, 12), st.integers(1, 4))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.sampled_from("abcdefgh"), st.integers(-2, 3)),
        st.tuples(st.just("wait"), st.integers(0, 2), st.none()),
        st.tuples(st.just("outage"), st.integers(3, 500), st.none()),
        st.tuples(st.just("cycle"), LIMITS, st.lists(st.sampled_from(["load", "load", "defer", "crash"]), max_size=8)),
    ),
    max_size=25,
)


@given(STEPS)
def test_whatever_was_modified_since_the_first_bound_is_loaded_in_the_end(steps: list[tuple]) -> None:
    world = World()
    for kind, what, detail in steps:
        if kind == "arrive":
            world.arrive(what, detail)
        elif kind == "cycle":
            fates = iter(detail)
            world.cycle(what, lambda fates=fates: next(fates, "load"))
        else:
            world.now += what * HOUR
    world.cycle(BatchLimits(10, 2), lambda: "load")
    for ref in world.bucket.values():
        if world.first_bound and ref.modified >= world.first_bound:
            assert world.ledger.get(ref.key) == ref.version


REFS = st.lists(
    st.builds(
        lambda key, hours, version, size: ObjectRef(START - hours * HOUR, key, version, size=size),
        st.sampled_from("abcdefghij"),
        st.integers(-1, 5),
        st.sampled_from("12"),
        st.integers(0, 9),
    ),
    unique_by=lambda ref: ref.key,
)
LEDGER = st.dictionaries(st.sampled_from("abcdefghij"), st.sampled_from("12"))


@given(REFS, LEDGER, LIMITS, st.randoms(use_true_random=False))
def test_batches_part_the_pending_objects_whatever_the_order_of_the_listing(refs, ledger, limits, random) -> None:
    found = discovery.pending(refs, ledger, START - 3 * HOUR)
    shuffled = list(refs)
    random.shuffle(shuffled)
    assert discovery.pending(shuffled, ledger, START - 3 * HOUR) == found
    plans = list(discovery.plan_batches(PRICES, found, limits, Cursor(), START))
    assert tuple(ref for plan in plans for ref in plan.objects) == found.pending
    for plan in plans:
        assert len(plan.objects) <= limits.max_objects
        assert len(plan.objects) == 1 or sum(ref.size for ref in plan.objects) <= limits.max_bytes


@given(REFS, LEDGER, LIMITS)
def test_a_plans_watermark_is_the_greatest_that_holds_after_it(refs, ledger, limits) -> None:
    since = START - 3 * HOUR
    found = discovery.pending(refs, ledger, since)
    listed = [ref for ref in refs if ref.modified >= since or ref.key in ledger]
    unsettled = list(found.pending)
    for plan in discovery.plan_batches(PRICES, found, limits, Cursor(), START):
        unsettled = unsettled[len(plan.objects) :]
        expected = watermark_after(listed, unsettled)
        floor = discovery.starting_watermark(since)
        assert plan.watermark == max(floor, min(expected or floor, START))


UNITS = {"{year}": "%Y", "{month}": "%m", "{day}": "%d", "{hour}": "%H"}
TEMPLATES = st.sampled_from(
    [
        "p/{year}/{month}/{day}/{hour}",
        "p/year={year}/month={month}/day={day}/",
        "p/{year}{month}{day}-{hour}.json",
        "p/dt={year}-{month}-{day}",
        "p/{day}.{month}.{year}/x",
        "p/{year}/{month}",
        "p/{year}",
        "p",
    ]
)


@given(
    TEMPLATES,
    st.integers(0, 40_000),
    st.floats(0, 1),
    st.integers(-12 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters))),
    st.integers(0, 24 * 366),
)
def test_whatever_is_written_from_then_to_an_hour_ahead_lies_under_a_listed_prefix(
    template: str, hours: int, share: float, zone: timezone, clock: int
) -> None:
    now = START + clock * HOUR / 4
    since = now - hours * HOUR
    written = (since + (now + HOUR - since) * share).astimezone(zone)
    folder = template
    for placeholder, form in UNITS.items():
        folder = folder.replace(placeholder, written.strftime(form))
    prefixes = discovery.listing_prefixes(template, since, now, zone)
    assert len(prefixes) <= discovery.MAX_PARTITIONS
    assert prefixes == sorted(set(prefixes))
    key = folder if folder.endswith(".json") else f"{folder.rstrip('/')}/file.csv"
    assert sum(key.startswith(prefix) for prefix in prefixes) == 1
    assert key.startswith(discovery.static_prefix(template))


def watermark_after(listed: Iterable[ObjectRef], unsettled: Iterable[ObjectRef]) -> datetime | None:
    """What a plan promises, put another way: nothing listed at or below the watermark is left unsettled."""
    first_open = min((ref.modified for ref in unsettled), default=None)
    times = (ref.modified for ref in listed)
    return max((time for time in times if first_open is None or time < first_open), default=None)
