"""The page of a batch: what went in, what came of it, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.pages.paging import Paged, Query, paged
from etl_daemon.core.pages.panel import Rejected, rejected
from etl_daemon.core.pages.words import objects, rows, size
from etl_daemon.core.status.asked import Extent, Found
from etl_daemon.core.status.history import BatchLine, ExampleLine, ObjectLine

EXAMPLES_SHOWN = 3
"""Rows that are shown of each reason."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How long a stage took by itself (seconds), and its share of the longest one, from 0 to 100."""

    name: str
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class BatchSeen:
    """What the history has of a batch: its line, a page of its objects, all of them together, some rejected rows."""

    line: BatchLine
    objects: Found[ObjectLine]
    extent: Extent
    examples: tuple[ExampleLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the way of the rows leads through: what it is, its name, and what happened there."""

    what: str
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Everything on the page. ``unlisted`` objects are in the ledger alone; ``where`` its rows are, in SQL."""

    line: BatchLine
    objects: Paged[ObjectLine]
    unlisted: int
    stages: tuple[Stage, ...]
    rejected: tuple[Rejected, ...]
    lineage: tuple[Origin, ...]
    where: str


def batch_page(seen: BatchSeen, dataset: Dataset | None, query: Query) -> BatchPage:
    """The page; ``dataset`` is None where this daemon has it no more."""
    line = seen.line
    longest = max(line.stages.values(), default=0.0)
    stages = tuple(Stage(name, taken, round(100 * taken / longest, 1)) for name, taken in line.stages.items())
    return BatchPage(
        line,
        paged(seen.objects, query),
        max(line.objects + line.refused - seen.extent.objects, 0),
        stages,
        rejected(line.dataset, line.reasons, seen.examples, EXAMPLES_SHOWN),
        _lineage(line, seen.extent, dataset),
        f"{dataset.table} WHERE _BATCH_ID = '{line.batch_id}'" if dataset else "",
    )


def _lineage(line: BatchLine, extent: Extent, dataset: Dataset | None) -> tuple[Origin, ...]:
    """From objects to tables."""
    counts = line.counts
    times = f", modified from {_when(extent.first)} to {_when(extent.last)}" if extent.first and extent.last else ""
    loaded = f"{rows(counts.loaded)} loaded"
    if line.replaced:
        loaded += f", {line.replaced:,} earlier rows replaced"
    anomalies = ", ".join(f"{rows:,} {severity}" for severity, rows in line.anomalies.items() if rows)
    came = f"{objects(line.objects)} loaded, {line.refused:,} refused, {size(extent.bytes)}{times}"
    gone = f"{counts.quarantined:,} rejected, {counts.superseded:,} superseded, {counts.filtered:,} filtered"
    place = "/".join(filter(None, (line.bucket, dataset.prefix if dataset else "")))
    table = f"{dataset.table}, {dataset.mode}" if dataset else "a table that this daemon has no more"
    steps = [
        Origin("Objects", place, came),
        Origin("Rules", str(dataset.kind) if dataset else line.dataset, f"{rows(counts.read)} read; {gone}"),
        Origin("Table", table, loaded),
    ]
    if anomalies:
        steps.append(Origin("Anomalies", "flagged, and loaded", anomalies))
    if dataset and dataset.silver:
        steps.append(Origin("Silver", dataset.silver.table, "the latest row of each key, once models run"))
    return tuple(steps)


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
