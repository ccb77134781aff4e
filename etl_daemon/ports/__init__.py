"""What the corridor asks of the world. Every adapter of a port passes the port's contract suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from etl_daemon.core.alerting.alert import Alert
from etl_daemon.core.alerting.board import Board
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Event
from etl_daemon.core.model import CleanBatch, Fence, Known, ObjectRef, RawSlice, Receipt, StagedBatch
from etl_daemon.core.review import AuditLine, Balance, LedgerLine, QuarantinedRow, RejectedIn, Selection
from etl_daemon.core.secret import Secrets
from etl_daemon.ports.dividing import Divider as Divider
from etl_daemon.ports.dividing import PortionReading as PortionReading
from etl_daemon.ports.dividing import Portions as Portions
from etl_daemon.ports.fleet import Depot as Depot
from etl_daemon.ports.fleet import Fleet as Fleet
from etl_daemon.ports.fleet import Outlet as Outlet
from etl_daemon.ports.lease import HostLock as HostLock
from etl_daemon.ports.lease import Leaser as Leaser
from etl_daemon.ports.queue import EventQueue as EventQueue

Ints = np.ndarray[Any, Any]
T = TypeVar("T")
Sent = Callable[[int], None]
"""Hears how many more bytes were sent; less than none where a part is sent again."""


def unheard(_size: int) -> None:
    """Nobody wants to hear of it."""


class Source(Protocol):
    """Where objects lie. It only reads: no object is changed, moved or deleted."""

    @property
    def list_requests(self) -> int:
        """How many requests listings have taken so far."""

    def list(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """All objects whose key begins with ``prefix`` and sorts after ``start_after``, in key order.

        Directory markers are left out.

        Raises:
            TransientError: the store did not answer.
            SetupError: no such bucket, or access denied.
        """

    def fetch(self, ref: ObjectRef) -> memoryview:
        """The object's bytes, exactly the listed version and whole.

        Raises:
            ObjectChangedError: the object is gone or another version by now.
            TransientError: the store did not answer, or the body was cut short more often than attempts allow.
        """

    def part(self, ref: ObjectRef, begin: int, end: int) -> memoryview:
        """The object's bytes from ``begin`` up to ``end``, of exactly the listed version.

        Raises:
            ObjectChangedError, TransientError: as ``fetch``.
        """

    def peek(self, ref: ObjectRef) -> None:
        """Read the first byte of the object, if it has one, only to find out whether that is allowed.

        Raises:
            ObjectChangedError, TransientError: as ``fetch``.
            SetupError: access denied.
        """

    def close(self) -> None:
        """Let go of connections and files."""


class Store(Protocol):
    """Where extraction and uploads put objects, whole or not at all. It deletes nothing."""

    def find(self, key: str) -> ObjectRef | None:
        """The object as a listing would show it; None: there is none.

        Raises:
            TransientError: the store did not answer.
            SetupError: no such bucket or folder, or access denied.
        """

    def put(self, key: str, file: Path, *, replace: bool = False, sent: Sent = unheard) -> bool:
        """Make the file the object of that key; False: there is one, and it is not to be replaced.

        ``sent`` hears of bytes under way as they go, from any thread.

        Raises:
            TransientError: the store did not answer; there is no object, or the one before.
            SetupError: no such bucket or folder, access denied, or the key can be none.
        """

    def close(self) -> None:
        """Let go of connections and files."""


class Upstream(Protocol):
    """Where objects are made of rows that lie elsewhere, before they are discovered."""

    def pull(self, dataset: Dataset) -> Dataset:
        """Put what is new into the bucket, if it is time; the dataset with the types that its source has.

        Raises:
            EtlError: the source or the bucket did not answer, or the process is to end; the dataset has to wait.
        """


class Decoder(Protocol):
    """How bytes become rows."""

    @property
    def portions(self) -> Portions:
        """How it divides objects."""

    def decode(self, ref: ObjectRef, body: memoryview, dataset: Dataset) -> Iterator[RawSlice]:
        """The object's rows in order, in slices of ``SLICE_ROWS``; an object without rows has none.

        Raises:
            DataError: the object as a whole cannot be read; the reason says why.
        """

    def decode_together(
        self, bodies: Sequence[tuple[ObjectRef, memoryview]], dataset: Dataset
    ) -> Mapping[ObjectRef, list[RawSlice]]:
        """The slices of those small objects that can be read at one go, the same as ``decode`` gives; no others."""

    def close(self) -> None:
        """Let go of threads and files."""


class Destination(Protocol):
    """Where rows go. Only ``commit`` makes anything visible, all of it at once."""

    def prepare(self, datasets: Sequence[Dataset]) -> None:
        """Create the control tables, the targets and the cursors that do not exist yet."""

    def recall(self, datasets: Sequence[Dataset], bucket: str) -> Mapping[str, Known]:
        """What the ledger says of each dataset, by name."""

    def stage(self, batch: CleanBatch) -> StagedBatch:
        """Take the batch to the doorstep; rows of a refused or deferred object are let go."""

    def commit(self, batch: StagedBatch, fence: Fence, now: datetime) -> Receipt:
        """Rows, quarantine, anomalies, ledger, cursor and fence in one transaction.

        Raises:
            LeaseLostError: a later generation has committed.
            ObjectChangedError: another run has committed one of the objects meanwhile.
            BusyError: another process holds the destination.
        """

    def replay(self, batch: StagedBatch, fence: Fence, line: AuditLine, *, delivered: bool = False) -> Receipt:
        """Bring rows of loaded objects in, under the identity that they had.

        ``quarantined`` of the slices holds the rows that leave the quarantine, those that lost to others included.
        With ``delivered`` only objects of the last commit may take part: the table holds nothing else.

        Raises:
            LeaseLostError, BusyError: as ``commit``.
            ObjectChangedError: another version or delivery was loaded, or the rows left the quarantine, meanwhile.
        """

    def mark_swept(self, dataset: Dataset, fence: Fence, swept_at: datetime) -> None:
        """Note that everything under the dataset's prefix was compared with the ledger at that time."""

    def close(self) -> None:
        """Let go of connections and files."""


class Review(Protocol):
    """What operators ask of the control tables, and mark there."""

    def quarantined(self, selection: Selection, limit: int | None = None) -> list[QuarantinedRow]:
        """The selected rows, the latest first."""

    def pages(self, selection: Selection) -> Iterator[list[QuarantinedRow]]:
        """The selected rows by id, some thousand at a time."""

    def rejected_in(self, selection: Selection) -> list[RejectedIn]:
        """The object versions that the selected rows are of."""

    def counted(self, selection: Selection) -> list[tuple[str, str, int]]:
        """How many rows are selected: (dataset, reasons, rows)."""

    def places(self, selection: Selection, keys: Sequence[str]) -> Mapping[tuple[str, str], Ints]:
        """Ordinals (int64) of the selected rows of some objects, by key and version."""

    def discard(self, selection: Selection, line: AuditLine) -> int:
        """Mark the selected rows as done with; how many there were, which the line says too."""

    def log(self, line: AuditLine) -> None:
        """Leave a line in the audit log."""

    def lines(self, dataset: Dataset, keys: Sequence[str]) -> list[LedgerLine]:
        """What the ledger says of these keys, in whatever bucket; nothing of those that it does not know."""

    def refused(self, dataset: Dataset) -> list[LedgerLine]:
        """Objects whose latest version was refused."""

    def delivered(self, dataset: Dataset, bucket: str) -> set[str]:
        """Keys of the objects that the last commit loaded."""

    def balanced(self, dataset: Dataset) -> list[Balance]:
        """All keys that the ledger or the target has, at one moment."""


class SecretStore(Protocol):
    """Where secrets are kept. It only reads."""

    def get(self, name: str) -> Secrets:
        """The texts under the name as they are now, by names of small letters, digits and ``_``; at least one.

        Raises:
            SecretMissingError: there is nothing of that name; the hint says what to add.
            SetupError: no access, and the hint says what to grant; or what is there is no text.
            TransientError: the store did not answer.
            ConfigError: the settings of the store's own client are wrong.
        """

    def close(self) -> None:
        """Let go of connections."""


class Observer(Protocol):
    """Who hears of events: logs, metrics, alerts."""

    def notice(self, event: Event) -> None:
        """Take note; never raises into the corridor."""


class Notifier(Protocol):
    """One way to reach people."""

    @property
    def channel(self) -> str:
        """What it is called in logs; it gives nothing secret away."""

    def send(self, alert: Alert) -> None:
        """Have the alert delivered, within a bounded time.

        Raises:
            TransientError: it was not taken now, and may be later.
            SetupError: it is not taken as things are set up.
        """


class BoardStore(Protocol):
    """Where it is kept which alerts stand, beyond the end of a process."""

    def update(self, change: Callable[[Board], tuple[Board, T]], now: datetime) -> T:
        """Put the board that ``change`` makes in place of the one that is kept, as one act; give what else it makes.

        ``change`` may be called more than once; the last call counts.

        Raises:
            TransientError, SetupError: it cannot be read or written.
        """


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The current time, UTC."""
