"""All metrics in one table: names, kinds, labels, help, and where the values come from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from etl_daemon.core.status.health import REASONS
from etl_daemon.core.status.progress import DatasetProgress, ModelsProgress, Progress, Tally

Sample = tuple[tuple[str, ...], float]
"""Label values, and the value."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a scrape reads: the progress, how many statements went to the destination, and why no work is done."""

    progress: Progress
    statements: int
    version: str
    reasons: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """A metric whose values are read at the scrape."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Reading], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Observed:
    """A histogram, filled as events come; ``buckets`` in seconds."""

    name: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...]
    kind: Literal["histogram"] = "histogram"


def _per_dataset(value: Callable[[DatasetProgress], float]) -> Callable[[Reading], Iterator[Sample]]:
    return lambda reading: (((name,), value(of)) for name, of in reading.progress.datasets.items())


def _per_kind(value: Callable[[ModelsProgress], float]) -> Callable[[Reading], Iterator[Sample]]:
    return lambda reading: (((kind,), value(of)) for kind, of in reading.progress.models.items())


def _tallies(tally: Callable[[DatasetProgress], Tally]) -> Callable[[Reading], Iterator[Sample]]:
    return lambda reading: (
        ((name, label), count) for name, of in reading.progress.datasets.items() for label, count in tally(of).items()
    )


def _tally(tally: Callable[[Progress], Tally]) -> Callable[[Reading], Iterator[Sample]]:
    return lambda reading: (((label,), count) for label, count in tally(reading.progress).items())


def _single(value: Callable[[Reading], float]) -> Callable[[Reading], Iterator[Sample]]:
    return lambda reading: iter([((), value(reading))])


def _epoch(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


READ = (
    Read(
        "etl_build_info",
        "gauge",
        ("version",),
        "1, for the version that runs.",
        lambda reading: [((reading.version,), 1)],
    ),
    Read(
        "etl_not_ready",
        "gauge",
        ("reason",),
        "1 for each reason why it cannot work now, as /readyz and /livez give them.",
        lambda reading: (((reason,), reason in reading.reasons) for reason in REASONS),
    ),
    Read(
        "etl_objects_total",
        "counter",
        ("dataset", "outcome"),
        "Object versions by what became of them; a deferred one stays pending.",
        _tallies(lambda of: of.objects),
    ),
    Read(
        "etl_rows_total",
        "counter",
        ("dataset", "outcome"),
        "Rows by what became of them.",
        _tallies(lambda of: of.rows),
    ),
    Read(
        "etl_quarantined_rows_total",
        "counter",
        ("dataset", "reason"),
        "Rows in the quarantine by reason; a row counts once for each of its reasons.",
        _tallies(lambda of: of.reasons),
    ),
    Read(
        "etl_anomalies_total",
        "counter",
        ("dataset", "severity"),
        "Anomalies found in loaded rows.",
        _tallies(lambda of: of.anomalies),
    ),
    Read(
        "etl_batches_total",
        "counter",
        ("dataset", "outcome"),
        "Batches by how they ended.",
        _tallies(lambda of: of.batches),
    ),
    Read(
        "etl_queue_messages_total",
        "counter",
        ("outcome",),
        "Messages of the queue of S3 events by what was done with them.",
        _tally(lambda progress: progress.messages),
    ),
    Read(
        "etl_retries_total",
        "counter",
        ("dependency",),
        "Calls that were made again.",
        _tally(lambda progress: progress.retries),
    ),
    Read(
        "etl_errors_total",
        "counter",
        ("kind",),
        "Errors that ended the cycle of a dataset or of all, and objects refused, by class.",
        _tally(lambda progress: progress.errors),
    ),
    Read(
        "etl_dependency_up",
        "gauge",
        ("dependency",),
        "1 if the last call went well, 0 if not or if there was none yet.",
        _tally(lambda progress: progress.up),
    ),
    Read(
        "etl_dataset_failing",
        "gauge",
        ("dataset",),
        "1 if the last cycle of the dataset failed.",
        _per_dataset(lambda of: of.failing),
    ),
    Read(
        "etl_pending_objects",
        "gauge",
        ("dataset",),
        "Objects that were listed and are not settled.",
        _per_dataset(lambda of: of.backlog.objects),
    ),
    Read(
        "etl_pending_bytes",
        "gauge",
        ("dataset",),
        "Size of the pending objects.",
        _per_dataset(lambda of: of.backlog.bytes),
    ),
    Read(
        "etl_oldest_pending_timestamp_seconds",
        "gauge",
        ("dataset",),
        "LastModified of the oldest pending object, since the epoch; 0 if none is.",
        _per_dataset(lambda of: _epoch(of.backlog.oldest)),
    ),
    Read(
        "etl_watermark_timestamp_seconds",
        "gauge",
        ("dataset",),
        "Time up to which every object is settled, since the epoch; 0 before the first commit.",
        _per_dataset(lambda of: _epoch(of.watermark)),
    ),
    Read(
        "etl_last_success_timestamp_seconds",
        "gauge",
        ("dataset",),
        "End of the last cycle that went well, since the epoch; 0 before there is one.",
        _per_dataset(lambda of: _epoch(of.last_success)),
    ),
    Read(
        "etl_list_requests_total",
        "counter",
        ("dataset",),
        "Requests that listings took.",
        _per_dataset(lambda of: of.list_requests),
    ),
    Read(
        "etl_destination_statements_total",
        "counter",
        (),
        "Statements sent to the destination.",
        _single(lambda reading: reading.statements),
    ),
    Read(
        "etl_lease_held",
        "gauge",
        (),
        "1 while this process has the lease.",
        _single(lambda reading: reading.progress.generation is not None),
    ),
)

LAST_SUCCESS = "etl_model_last_success_timestamp_seconds"

MODELS = (
    Read(
        "etl_model_runs_total",
        "counter",
        ("kind", "outcome"),
        "Runs of the models of a kind: silver, dbt; failed if any model did.",
        lambda reading: (
            ((kind, outcome), count)
            for kind, of in reading.progress.models.items()
            for outcome, count in of.runs.items()
        ),
    ),
    Read(
        "etl_models_failed",
        "gauge",
        ("kind",),
        "Models and tests that failed in the last run.",
        _per_kind(lambda of: of.failed),
    ),
    Read(
        "etl_model_run_duration_seconds",
        "gauge",
        ("kind",),
        "Time that the last run took.",
        _per_kind(lambda of: of.seconds),
    ),
    Read(
        LAST_SUCCESS,
        "gauge",
        ("kind",),
        "End of the last run in which none failed, since the epoch; 0 before there is one.",
        _per_kind(lambda of: _epoch(of.last_success)),
    ),
)
"""Of models; `models run` leaves them in a file, too."""

STAGE = Observed(
    "etl_stage_duration_seconds",
    ("stage",),
    "Time that the pieces of a step took: a listing, an object, a slice of rows, a batch.",
    (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
CYCLE = Observed(
    "etl_cycle_duration_seconds",
    (),
    "Time that a look at all datasets took, loading included.",
    (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600),
)
TABLE: tuple[Read | Observed, ...] = (*READ, *MODELS, STAGE, CYCLE)
