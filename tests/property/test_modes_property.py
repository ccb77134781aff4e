"""In every mode SQL and plain Python agree, whatever arrives in whatever order, cut into whatever batches."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef, Refusal
from etl_daemon.core.planning.discovery import BatchLimits
from etl_daemon.errors import ObjectChangedError
from tests.support.corridor import House
from tests.support.rows import NOW, PRICES, cleaned, price, ref
from tests.support.targets import DuckDBTarget, MemoryTarget, Target, of

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
FEW = settings(max_examples=6, suppress_health_check=SLOW)
MANY = settings(max_examples=40, suppress_health_check=SLOW)
MODES = ["UPSERT", "APPEND", "INCREMENTAL", "INCREMENTAL by timestamp", "FULL", "TRUNCATE_INSERT"]

ROWS = st.lists(
    st.builds(
        lambda symbol, day, cents, more: price(symbol, f"2026-01-0{day}", 10 + cents / 100, **more),
        st.sampled_from(["A", "B", "C", "bad one"]),
        st.integers(1, 2),
        st.integers(0, 90),
        st.sampled_from([{}, {}, {"open": 16.0, "high": 17.0}]),
    ),
    max_size=4,
)
OBJECT = st.tuples(st.sampled_from("abcd"), st.sampled_from(["v1", "v2", "v3"]), st.integers(0, 3), ROWS, st.booleans())
"""(key, version, minute, rows, whether refused): rows belong to a version of a key only within one example."""
COMMITS = st.lists(st.tuples(st.lists(OBJECT, min_size=1, max_size=3), st.booleans()), min_size=1, max_size=5)


def dataset_of(mode: str) -> Dataset:
    name, _, by = mode.partition(" by ")
    return of(PRICES, name, incremental_by="timestamp_column" if by else "")


def state(target: Target) -> dict[str, list]:
    """Everything that destinations must agree on."""
    prices = [
        tuple(row[name] for name in row if name not in {"_BATCH_ID", "_LOADED_AT"})
        for row in ({name: row[name] for name in sorted(row)} for row in target.table(PRICES.table))
    ]
    ways = ["READ", "LOADED", "QUARANTINED", "SUPERSEDED", "FILTERED", "REPLACED"]
    return {
        "prices": sorted(prices, key=repr),
        "anomalies": target.anomalies(),
        "quarantine": target.quarantine(),
        "ledger": [
            (line["KEY"], line["VERSION"], str(line["OUTCOME"]), line["REASON"], *(line[f"ROWS_{way}"] for way in ways))
            for line in target.lines()
        ],
        "batches": sorted(tuple(line[f"ROWS_{way}"] for way in ways) for line in target.control("ETL_BATCHES")),
    }


def results(objects: Sequence[tuple], dataset: Dataset, contents: dict) -> list:
    """A batch's slices and refusals; each key once, and each version with the content that it had first."""
    made = {}
    for key, version, *drawn, refused in objects:
        minute, rows = contents.setdefault((key, version), drawn)
        of_ref = ref(key, version, minute)
        kept = rows or [price("no rows!")]
        made[key] = Refusal(of_ref, "undecodable", "cut") if refused else cleaned(of_ref, kept, dataset)
    return list(made.values())


@pytest.mark.parametrize("mode", MODES)
@FEW
@given(commits=COMMITS, before=st.sampled_from(MODES))
def test_sql_does_what_plain_python_does(mode, commits, before):
    """Some commits are in another mode: what one mode leaves behind, the others must take."""
    targets = [MemoryTarget(), DuckDBTarget(Path(tempfile.mkdtemp()) / "market.duckdb")]
    contents: dict = {}
    for objects, in_mode in commits:
        dataset = dataset_of(mode if in_mode else before)
        given_results = results(objects, dataset, contents)
        receipts = [attempt(target, given_results, dataset) for target in targets]

        assert receipts[0] == receipts[1]
        assert state(targets[0]) == state(targets[1])


def attempt(target: Target, given_results: list, dataset: Dataset) -> object:
    """The parts of the receipt that all destinations must give; an error counts as an answer."""
    try:
        receipt = target.load(*given_results, dataset=dataset)
    except ObjectChangedError as error:
        return str(error)
    return receipt.objects, receipt.replaced, dict(receipt.anomalies), dict(receipt.reasons), receipt.batch_id


# ---------------------------------------------------------------- batches

ARRIVALS = st.lists(st.tuples(st.integers(0, 5), ROWS), min_size=1, max_size=6)


def arrived(target: Target, dataset: Dataset, arrivals: Sequence[tuple], size: int, slice_rows: int = 2**20) -> Target:
    """Objects of these ages and rows, loaded by cycles with batches of this size."""
    house = House(
        datasets=(dataset,), destination=target.destination, limits=BatchLimits(2**30, size), slice_rows=slice_rows
    )
    for number, (minute, rows) in enumerate(arrivals):
        house.put(f"processed/price_data/{number}.json", rows, modified=ref("", minutes=minute).modified)
    house.clock.forward(hours=1)
    report = house.cycle()
    assert not report.failed
    target.audit(dataset)
    return target


def without_places(target: Target) -> dict[str, list]:
    found = state(target)
    found["ledger"] = sorted((line[:1] + line[2:3], line[4] - line[6], line[5] - line[9]) for line in found["ledger"])
    return {name: found[name] for name in ("prices", "anomalies", "quarantine", "ledger")}


@pytest.mark.parametrize("mode", ["UPSERT", "APPEND", "INCREMENTAL", "FULL"])
@MANY
@given(arrivals=ARRIVALS, size=st.integers(1, 3), slice_rows=st.integers(1, 3))
def test_batches_make_no_difference(mode, arrivals, size, slice_rows):
    dataset = dataset_of(mode)
    together = arrived(MemoryTarget(), dataset, arrivals, 1000)
    apart = arrived(MemoryTarget(), dataset, arrivals, size)
    assert without_places(apart) == without_places(together)
    sliced = arrived(MemoryTarget(), dataset, arrivals, size, slice_rows)
    assert sorted(sliced.prices()) == sorted(together.prices())


@pytest.mark.parametrize("mode", ["UPSERT", "APPEND", "INCREMENTAL", "FULL"])
@FEW
@given(arrivals=ARRIVALS, size=st.integers(1, 3))
def test_batches_make_no_difference_in_sql(mode, arrivals, size):
    dataset = dataset_of(mode)
    together = arrived(DuckDBTarget(Path(tempfile.mkdtemp()) / "m.duckdb"), dataset, arrivals, 1000)
    apart = arrived(DuckDBTarget(Path(tempfile.mkdtemp()) / "m.duckdb"), dataset, arrivals, size, slice_rows=2)
    assert without_places(apart) == without_places(together)
    if mode == "INCREMENTAL":
        counted = [[line[4:9] for line in sorted(state(each)["ledger"])] for each in (together, apart)]
        assert counted[0] == counted[1], "filtered or superseded: batches make no difference to that either"


@FEW
@given(arrivals=ARRIVALS, order=st.permutations(range(6)))
def test_upsert_does_not_depend_on_the_order_of_arrival(arrivals, order):
    """The greatest row of each key stays, whichever object is committed first."""
    target = DuckDBTarget(Path(tempfile.mkdtemp()) / "m.duckdb")
    refs = [ref(f"k{number}", minutes=minute) for number, (minute, _) in enumerate(arrivals)]
    for number in [number for number in order if number < len(arrivals)]:
        target.load(cleaned(refs[number], arrivals[number][1] or [price("no rows!")]))
    rivals: dict[tuple, list] = defaultdict(list)
    for of_ref, (_, rows) in zip(refs, arrivals, strict=True):
        for place, row in enumerate(rows, 1):
            if row["symbol"] != "bad one":
                rivals[row["symbol"], row["timestamp"]].append((of_ref.modified, of_ref.key, place))
    assert sorted(row[2:] for row in target.prices()) == sorted(max(each)[1:] for each in rivals.values())


# ---------------------------------------------------------------- archives that overlap


def archives() -> list[tuple[ObjectRef, list[dict[str, object]]]]:
    """26 daily archives of 20 days each: every one restates what the nine before it say of their common days."""
    made = []
    for number in range(26):
        days = range(number, number + 20)
        rows = [
            price(symbol, f"2025-{1 + day // 28:02}-{1 + day % 28:02}", round(10 + number / 100 + day % 3 / 10, 2))
            for day in days
            for symbol in ("A", "B")
        ]
        made.append((ref(f"daily/{number:02}.json", minutes=number), rows))
    return made


@pytest.mark.parametrize("size", [1, 5, 26])
@pytest.mark.parametrize(("mode", "says"), [("UPSERT", "last"), ("INCREMENTAL", "first")])
def test_overlapping_archives_leave_the_last_values_or_the_first(mode, says, size):
    dataset, given_archives = dataset_of(mode), archives()
    target = DuckDBTarget(Path(tempfile.mkdtemp()) / "market.duckdb")
    parts = [cleaned(of_ref, rows, dataset) for of_ref, rows in given_archives]
    read = loaded = lost = 0
    for start in range(0, 26, size):
        receipt = target.load(*parts[start : start + size], dataset=dataset)
        read, loaded = read + receipt.counts.read, loaded + receipt.counts.loaded
        lost += receipt.counts.superseded + receipt.counts.filtered + receipt.replaced

    expected: dict[tuple, str] = {}
    for of_ref, rows in given_archives if says == "last" else reversed(given_archives):
        expected |= {(row["symbol"], row["timestamp"]): of_ref.key for row in rows}
    there = {(row["SYMBOL"], f"{row['TIMESTAMP']:%Y-%m-%d}"): row["_OBJECT_KEY"] for row in target.table(PRICES.table)}
    assert there == expected
    assert len(there) == 2 * 45
    assert read == 26 * 40 == len(there) + lost


def test_archives_that_come_again_change_nothing_but_what_they_say():
    target = DuckDBTarget(Path(tempfile.mkdtemp()) / "market.duckdb")
    given_archives = archives()
    target.load(*[cleaned(of_ref, rows) for of_ref, rows in given_archives])
    before = target.prices()
    of_ref, rows = given_archives[-1]
    target.load(cleaned(replace(of_ref, version="v2", modified=NOW.replace(hour=23)), rows))

    assert target.prices() == before
