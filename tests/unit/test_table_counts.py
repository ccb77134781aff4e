"""What is counted per table, and how much goes into one call."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from etl_daemon.core.events import BatchCommitted, CycleEnded, DatasetFailed, DatasetSettled, Event, ObjectRefused
from etl_daemon.core.model import Counts, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.core.status.table_counts import MEASURES, fitting, points
from etl_daemon.errors import TransientError

AT = datetime(2026, 1, 2, tzinfo=UTC)
TABLES = {"prices": "D.S.PRICES", "trades": "D.S.TRADES"}
REF = ObjectRef(AT, "a.csv", "v1")


def counted(event: Event) -> dict[tuple[str, str], float]:
    found = points(event, TABLES, AT)
    assert all((point.at, TABLES.get(point.dataset, "unknown")) == (AT, point.table) for point in found)
    return {(point.dataset, point.measure.name): point.value for point in found}


def test_a_commit_counts_its_rows_by_where_they_went() -> None:
    objects = (
        ObjectReceipt(REF, Outcome.LOADED, "", Counts(read=100, loaded=60, quarantined=5, superseded=3, filtered=32)),
        ObjectReceipt(REF, Outcome.LOADED, "", Counts(read=10, loaded=10)),
    )
    assert counted(BatchCommitted("prices", Receipt("b", "prices", objects), 1.5)) == {
        ("prices", "SourceRecordCount"): 110,
        ("prices", "FilteredRecordCount"): 32,
        ("prices", "DestinationRecordCount"): 70,
        ("prices", "RowDifference"): 8,
        ("prices", "BatchDuration"): 1.5,
    }


def test_errors_are_ones_and_good_cycles_are_zeros() -> None:
    assert counted(DatasetFailed("prices", TransientError("x"))) == {("prices", "Errors"): 1}
    assert counted(ObjectRefused("trades", REF, "undecodable", "x")) == {("trades", "Errors"): 1}
    assert counted(DatasetSettled("trades")) == {("trades", "Errors"): 0}
    assert counted(CycleEnded("", 1.0)) == {}


def test_a_cycle_that_failed_as_a_whole_failed_for_each_table() -> None:
    assert counted(DatasetFailed("", TransientError("x"))) == {("prices", "Errors"): 1, ("trades", "Errors"): 1}


def test_measures_have_one_name_each() -> None:
    assert len({measure.name for measure in MEASURES}) == len(MEASURES) == 6


@pytest.mark.parametrize(
    ("sizes", "fit"),
    [([], 0), ([10], 1), ([10, 10, 10], 3), ([10] * 9, 4), ([60, 50, 1], 1), ([500, 1], 1), ([40, 60, 1], 2)],
)
def test_a_call_has_room_for_so_many(sizes: list[int], fit: int) -> None:
    assert fitting(sizes, 4, 100) == fit
