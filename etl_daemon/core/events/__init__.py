"""What the corridor announces. Observers turn events into log lines, metrics and alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from etl_daemon.core.alerting.alert import Alert
from etl_daemon.core.events.examples import Example
from etl_daemon.core.events.sample import Sample
from etl_daemon.core.model import BatchPlan, ObjectRef, Receipt
from etl_daemon.errors import EtlError


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a dataset."""

    dataset: str


@dataclass(frozen=True, slots=True)
class CycleBegan(Event):
    """A look at all datasets begins."""

    cycle_id: str


@dataclass(frozen=True, slots=True)
class CyclePlanned(Event):
    """Discovery finished. ``ignored`` objects are older than the window and were never loaded.

    ``watermark`` is how far the dataset had come before; ``list_requests`` is what the listing took.
    """

    pending: int
    pending_bytes: int
    ignored: int
    oldest_pending: datetime | None
    swept: bool
    watermark: datetime | None = None
    list_requests: int = 0


@dataclass(frozen=True, slots=True)
class ObjectsNamed(CyclePlanned):
    """Objects that messages of the queue name were looked at; what else there is was not listed."""


@dataclass(frozen=True, slots=True)
class StageEnded(Event):
    """One piece of a step is over: a listing, one object fetched, one slice decoded or cleaned, a batch staged, ..."""

    stage: str
    seconds: float
    error: EtlError | None = None


@dataclass(frozen=True, slots=True)
class DatasetSettled(Event):
    """A dataset's cycle ended well; what is left was put off."""

    pending: int = 0
    pending_bytes: int = 0
    oldest_pending: datetime | None = None


@dataclass(frozen=True, slots=True)
class CycleEnded(Event):
    """All datasets had their turn."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LoopTurned(Event):
    """The loop goes round, be it only to wait for the lease; ``resting``: nothing is done until a pause is over."""

    resting: bool = False


@dataclass(frozen=True, slots=True)
class ExtraColumns(Event):
    """A batch has columns that the dataset does not know; they are not loaded."""

    batch_id: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectRefused(Event):
    """An object as a whole cannot be loaded; the ledger keeps the reason."""

    ref: ObjectRef
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ObjectExtracted(Event):
    """What a source gave is in the bucket, put there in ``seconds``; ``size`` in bytes, ``rows`` where counted."""

    key: str
    rows: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ObjectDeferred(Event):
    """An object could not be read now; it stays pending. ``changed``: it was only replaced after it was listed."""

    ref: ObjectRef
    detail: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class RejectShareHigh(Event):
    """More than the tolerated share of an object's rows was quarantined."""

    ref: ObjectRef
    share: float


@dataclass(frozen=True, slots=True)
class RowsFiltered(Event):
    """INCREMENTAL left rows out that the target has already, or that are not beyond its latest timestamp."""

    batch_id: str
    rows: int


@dataclass(frozen=True, slots=True)
class BatchBegan(Event):
    """A batch is taken from the source to the destination; ``BatchCommitted`` or ``BatchAbandoned`` follows."""

    plan: BatchPlan


@dataclass(frozen=True, slots=True)
class FetchBegan(Event):
    """An object of a batch is fetched, perhaps before the batch has begun; told by the thread that fetches it."""

    plan: BatchPlan


@dataclass(frozen=True, slots=True)
class BatchCommitted(Event):
    """A batch is in the destination. ``columns`` are those of its rows in the target, without the system's.

    ``examples`` are a few of its rejected rows, ``sample`` a few of its values.
    """

    receipt: Receipt
    seconds: float
    columns: pa.Schema | None = None
    examples: tuple[Example, ...] = ()
    sample: Sample | None = None


@dataclass(frozen=True, slots=True)
class BatchAbandoned(Event):
    """Nothing of a batch was committed: because of the error, or because all of its objects were put off."""

    batch_id: str
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class DatasetFailed(Event):
    """A dataset's cycle ended with an error; what was committed before stays."""

    error: Exception


@dataclass(frozen=True, slots=True)
class DatasetPaused(Event):
    """A dataset, or with no name all of them, has failed several times in a row and is left alone for so long."""

    failures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkFailed(DatasetFailed):
    """The work of this process has ended with an error."""


@dataclass(frozen=True, slots=True)
class Retried(Event):
    """A call to a dependency is made again."""

    dependency: str
    attempt: int
    detail: str


@dataclass(frozen=True, slots=True)
class SettingDiscouraged(Event):
    """A setting works and should be another; the hint says which."""

    setting: str
    hint: str


@dataclass(frozen=True, slots=True)
class HistoryUnwritten(Event):
    """What happened cannot be kept in the state file; work goes on. Told once, until it can be kept again."""

    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Checked(Event):
    """A check of the monitor: what it looked at, and what is wrong with it."""

    name: str
    state: str  # ok | warn | fail
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class StateRebuilt(Event):
    """The state file was damaged or of another version; a new one took its place."""

    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class LeaseAwaited(Event):
    """Another process has the lease, or seems to; this one stands by."""

    holder: str
    detail: str


@dataclass(frozen=True, slots=True)
class LeaseTaken(Event):
    """The lease is ours; ``why`` it could be had."""

    generation: int
    why: str


@dataclass(frozen=True, slots=True)
class LeaseRenewed(Event):
    """The lease is renewed again, after attempts that failed."""

    generation: int


@dataclass(frozen=True, slots=True)
class LeaseReleased(Event):
    """The lease was given back."""

    generation: int


@dataclass(frozen=True, slots=True)
class LeaseLost(Event):
    """The lease could not be renewed in time, or another process has taken it."""

    detail: str


@dataclass(frozen=True, slots=True)
class SettingsRefused(Event):
    """Settings that were read again are wrong; those before stay in force."""

    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Alerted(Event):
    """Operators are told of trouble, or that it is over."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertFailed(Event):
    """An alert did not get through a channel, or what was told could not be kept in the state file."""

    channel: str
    key: str
    detail: str
    hint: str = ""
