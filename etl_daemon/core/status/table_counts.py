"""Events become counts per table, for whoever draws them over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from etl_daemon.core.events import BatchCommitted, DatasetFailed, DatasetSettled, Event, ObjectRefused

COUNT, SECONDS = "Count", "Seconds"


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is counted of a table; ``means`` says what, for people."""

    name: str
    unit: str
    means: str


SOURCE = Measure("SourceRecordCount", COUNT, "Rows read from the objects of a batch.")
FILTERED = Measure("FilteredRecordCount", COUNT, "Rows of these that INCREMENTAL left out.")
DESTINATION = Measure("DestinationRecordCount", COUNT, "Rows of these that are in the table after the commit.")
DIFFERENCE = Measure(
    "RowDifference",
    COUNT,
    "Source less filtered less destination: quarantined rows, and rows that lost to one with their key.",
)
DURATION = Measure("BatchDuration", SECONDS, "From the first object fetched to the commit.")
ERRORS = Measure(
    "Errors",
    COUNT,
    "1 for each failed cycle of the dataset and each refused object; 0 for each cycle that went well.",
)
MEASURES = (SOURCE, FILTERED, DESTINATION, DIFFERENCE, DURATION, ERRORS)


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a measure at a moment, UTC."""

    measure: Measure
    value: float
    dataset: str
    table: str
    at: datetime


def points(event: Event, tables: Mapping[str, str], at: datetime) -> list[Point]:
    """What the event counts for; ``tables`` are those of the datasets. A cycle that failed whole counts for each."""
    if isinstance(event, BatchCommitted):
        values = _committed(event)
    elif isinstance(event, DatasetFailed | ObjectRefused):
        values = {ERRORS: 1.0}
    elif isinstance(event, DatasetSettled):
        values = {ERRORS: 0.0}
    else:
        return []
    of = {event.dataset: tables.get(event.dataset, "unknown")} if event.dataset else tables
    return [
        Point(measure, value, dataset, table, at) for dataset, table in of.items() for measure, value in values.items()
    ]


def _committed(event: BatchCommitted) -> dict[Measure, float]:
    counts = event.receipt.counts
    return {
        SOURCE: counts.read,
        FILTERED: counts.filtered,
        DESTINATION: counts.loaded,
        DIFFERENCE: counts.read - counts.filtered - counts.loaded,
        DURATION: event.seconds,
    }


def fitting(sizes: Sequence[int], most: int, most_bytes: int) -> int:
    """How many of the first go into one call, at least one; ``sizes`` in bytes."""
    total = 0
    for place, size in enumerate(sizes[:most]):
        total += size
        if total > most_bytes:
            return max(place, 1)
    return min(len(sizes), most)
