"""What a running daemon has come to: one frozen value, replaced at each event and read by whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from etl_daemon import errors
from etl_daemon.core.model import Outcome
from etl_daemon.core.rules.reasons import CODES

SEVERITIES = ("low", "medium", "high", "critical")
OBJECT_OUTCOMES = (*(str(outcome) for outcome in Outcome), "deferred")
ROW_OUTCOMES = ("loaded", "quarantined", "superseded", "filtered")
BATCH_OUTCOMES = ("committed", "failed")
RUN_OUTCOMES = ("made", "failed")
STAGES = ("extract", "recall", "list", "get", "decode", "transform", "stage", "commit", "sweep")
ERROR_KINDS = tuple(
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.EtlError)
)
MESSAGE_OUTCOMES = ("received", "ignored", "deleted", "extended", "given_back", "dead_lettered", "left")
LEASE = "lease"
QUEUE = "sqs"
API = "api"
"""All APIs together: each is one dataset's, which fails with it."""

Tally = Mapping[str, int]
"""Counts by name; every known name is in it from the start."""


def zeros(names: Iterable[str]) -> Tally:
    """Nothing of each yet."""
    return dict.fromkeys(names, 0)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The last error: its class, what it said, what to type, and when it was."""

    kind: str
    detail: str
    hint: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """Objects that are listed and not settled; ``oldest`` is the LastModified of the oldest, as of the last listing."""

    objects: int = 0
    bytes: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastBatch:
    """The last commit."""

    batch_id: str
    at: datetime
    seconds: float
    objects: int
    rows_loaded: int


@dataclass(frozen=True, slots=True)
class DatasetProgress:
    """How far a dataset is, and what became of its objects and rows since the start. ``failing``: its last cycle."""

    watermark: datetime | None = None
    backlog: Backlog = Backlog()
    failing: bool = False
    last_error: Trouble | None = None
    last_batch: LastBatch | None = None
    last_success: datetime | None = None
    list_requests: int = 0
    objects: Tally = field(default_factory=lambda: zeros(OBJECT_OUTCOMES))
    rows: Tally = field(default_factory=lambda: zeros(ROW_OUTCOMES))
    batches: Tally = field(default_factory=lambda: zeros(BATCH_OUTCOMES))
    reasons: Tally = field(default_factory=lambda: zeros(CODES))
    anomalies: Tally = field(default_factory=lambda: zeros(SEVERITIES))


@dataclass(frozen=True, slots=True)
class ModelsProgress:
    """Runs of the models of a kind since the start, and of the last one: failed models, seconds; when one went well."""

    runs: Tally
    failed: int = 0
    seconds: float = 0.0
    last_success: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the whole daemon is.

    ``source`` and ``destination`` are the names of these dependencies; ``up`` says of each whether its last call went
    well, False before there was one. ``models`` is by kind, for those that were run. ``generation`` is that of the
    lease while it is held, ``waiting`` why it is not. ``planned``: source and destination have answered once.
    ``trouble`` is why the last cycle as a whole failed.
    """

    source: str
    destination: str
    datasets: Mapping[str, DatasetProgress]
    up: Mapping[str, bool]
    retries: Tally
    errors: Tally
    messages: Tally
    models: Mapping[str, ModelsProgress] = field(default_factory=dict)
    generation: int | None = None
    waiting: str = ""
    planned: bool = False
    trouble: Trouble | None = None


def begun(source: str, destination: str, datasets: Iterable[str], more: Iterable[str] = (LEASE,)) -> Progress:
    """Where a daemon over these datasets begins; ``more`` names what else it depends on."""
    dependencies = (source, destination, *more)
    return Progress(
        source,
        destination,
        {name: DatasetProgress() for name in datasets},
        dict.fromkeys(dependencies, False),
        zeros(dependencies),
        zeros(ERROR_KINDS),
        zeros(MESSAGE_OUTCOMES),
    )
