"""The only loop: cycle after cycle, dataset after dataset, batch after batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event as Signal

from etl_daemon.core import discovery
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.discovery import Discovery
from etl_daemon.core.events import CycleEnded, CyclePlanned, DatasetFailed, DatasetSettled, LoopTurned
from etl_daemon.core.model import BatchPlan, Cursor, Fence, Known, Outcome, Receipt
from etl_daemon.errors import BusyError, ConfigError, EtlError, LeaseLostError, ObjectChangedError, SetupError
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.pipeline import Corridor, Timed, discover, load
from etl_daemon.ports import Clock

PLANS = 3
"""How often a cycle plans a dataset while others commit to it."""


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What a cycle did for one dataset. ``ignored`` objects are older than the window and were never loaded."""

    dataset: str
    pending: int = 0
    ignored: int = 0
    receipts: tuple[Receipt, ...] = ()
    error: EtlError | None = None

    @property
    def failed(self) -> bool:
        """Whether something was left undone; a refused object is not: the ledger and the quarantine have it."""
        late = [item for receipt in self.receipts for item in receipt.deferrals if not item.changed]
        return self.error is not None or bool(late)


@dataclass(slots=True)
class Daemon:
    """Keeps the destination up with the source. ``holder`` names this process in the fence.

    With a ``lease``, ``run`` works only while it has that, and commits carry the lease's generation; without one each
    process takes the generation after the one that it finds.

    What the ledger says is read once and kept, so that a cycle with nothing to do asks the destination nothing.
    ``again`` has refused objects read again, as after a change of settings. Without ``own_cursor`` the watermark stays
    as it is: for objects that come from elsewhere than the dataset's own prefix. ``force`` has mode FULL read
    everything again although nothing changed.
    """

    corridor: Corridor
    datasets: Sequence[Dataset]
    clock: Clock
    holder: str
    again: bool = False
    own_cursor: bool = True
    force: bool = False
    lease: LeaseKeeper | None = None
    _known: dict[str, Known] = field(default_factory=dict)
    _fences: dict[str, Fence] = field(default_factory=dict)

    def run(self, stop: Signal, every: timedelta) -> None:
        """Cycle until told to stop; neither a failing dataset nor a failing destination ends the loop.

        Raises:
            ConfigError: the datasets do not fit the destination; waiting does not help.
        """
        while not stop.is_set():
            self.corridor.tell(LoopTurned(""))
            try:
                if self._may_work(stop):
                    self.cycle(stop)
            except ConfigError:
                raise
            except EtlError as error:
                self.corridor.tell(DatasetFailed("", error))
                if isinstance(error, LeaseLostError) and self.lease and not self.lease.held:
                    continue  # to stand by at once
            stop.wait(every.total_seconds())

    def _may_work(self, stop: Signal) -> bool:
        """Wait for the lease, if need be, and forget what was known while others may have had it."""
        if self.lease is None or self.lease.held:
            return True
        self._known.clear()
        return self.lease.wait(stop)

    def cycle(self, stop: Signal | None = None) -> list[DatasetReport]:
        """Load what has arrived, for every dataset.

        Raises:
            LeaseLostError, BusyError: someone else is at work; nothing of the batch in hand was committed.
            ConfigError: the datasets do not fit the destination.
        """
        started = time.perf_counter()
        self._recall()
        reports = [self._attempt(dataset, stop) for dataset in self.datasets if not (stop and stop.is_set())]
        self.corridor.tell(CycleEnded("", time.perf_counter() - started))
        return reports

    def _recall(self) -> None:
        if self._known:
            return
        with Timed(self.corridor.tell, "", "recall"):
            found = dict(self.corridor.destination.recall(self.datasets, self.corridor.bucket))
        if self.lease:
            self.lease.raise_above(known.cursor for known in found.values())
        self._fences = {name: Fence(known.cursor.generation + 1, self.holder) for name, known in found.items()}
        self._known = found

    def _fence(self, name: str) -> Fence:
        """What a commit to the dataset carries now."""
        return self.lease.fence() if self.lease else self._fences[name]

    def _attempt(self, dataset: Dataset, stop: Signal | None) -> DatasetReport:
        try:
            return self._replanned(dataset, stop)
        except (LeaseLostError, BusyError, ConfigError):
            self._known.clear()
            raise
        except EtlError as error:
            self.corridor.tell(DatasetFailed(dataset.name, error))
            return DatasetReport(dataset.name, error=error)
        except Exception as error:  # noqa: BLE001 - a defect of ours must cost one dataset, not the others
            self._known.clear()
            defect = EtlError(f"{type(error).__name__}: {error}", hint="this is a defect: please report it")
            self.corridor.tell(DatasetFailed(dataset.name, defect))
            return DatasetReport(dataset.name, error=defect)

    def _replanned(self, dataset: Dataset, stop: Signal | None, plans_left: int = PLANS) -> DatasetReport:
        """Where another run has committed some of the objects meanwhile, plan again by what the ledger says now."""
        try:
            return self._bring_up(dataset, stop)
        except ObjectChangedError:
            self._known.clear()
            if plans_left == 1:
                raise
            return self._replanned(dataset, stop, plans_left - 1)

    def _bring_up(self, dataset: Dataset, stop: Signal | None) -> DatasetReport:
        self._recall()  # a dataset before this one may have found that another run has committed
        now = self.clock.now()
        known = self._known[dataset.name]
        sweep = self.own_cursor and discovery.sweep_due(known.cursor, now, self.corridor.reach.sweep_every)
        found = self._discover(dataset, known, now, sweep=sweep)
        receipts: list[Receipt] = []
        for plan in discovery.plan_batches(dataset, found, self.corridor.reach.batch, known.cursor, now):
            if stop and stop.is_set():
                break
            receipts.append(self._load(_held(plan, receipts, known.cursor)))
        if sweep and sum(len(receipt.objects) for receipt in receipts) == len(found.pending) + len(found.superseded):
            self._swept(dataset, now)
        if not (stop and stop.is_set()):
            self.corridor.tell(_settled(dataset, receipts))
        return DatasetReport(dataset.name, len(found.pending), found.ignored, tuple(receipts))

    def _discover(self, dataset: Dataset, known: Known, now: datetime, *, sweep: bool) -> Discovery:
        source = self.corridor.intake.source
        before = source.list_requests
        found = discover(dataset, self._seen(dataset, known), self.corridor, now, sweep=sweep)
        self.corridor.tell(
            CyclePlanned(
                dataset.name,
                len(found.pending),
                sum(ref.size for ref in found.pending),
                found.ignored,
                found.pending[0].modified if found.pending else None,
                sweep,
                known.cursor.watermark,
                source.list_requests - before,
            )
        )
        return found

    def _seen(self, dataset: Dataset, known: Known) -> Known:
        """What counts as seen in this cycle."""
        if self.force and dataset.mode is Mode.FULL:
            return replace(known, versions=dict.fromkeys(known.versions, ""))
        if not self.again:
            return known
        return replace(known, versions={key: of for key, of in known.versions.items() if key not in known.refused})

    def _load(self, plan: BatchPlan) -> Receipt:
        name = plan.dataset.name
        plan = plan if self.own_cursor else replace(plan, watermark=None)
        try:
            receipt = load(plan, self.corridor, lambda: self._fence(name), self.clock.now())
        except SetupError:
            self._known.clear()  # tables may be gone, and with them what the ledger said
            raise
        known = self._known[name]
        _enter(known, receipt, plan.dataset.mode)
        marks = [mark for mark in (known.cursor.watermark, receipt.watermark) if mark]
        watermark = max(marks, default=None)
        keys = [line.ref.key for line in receipt.objects if watermark and line.ref.modified <= watermark]
        self._known[name] = replace(
            known,
            cursor=replace(known.cursor, watermark=watermark),
            settled_key=max([known.settled_key, *keys]),
        )
        return receipt

    def _swept(self, dataset: Dataset, at: datetime) -> None:
        self.corridor.destination.mark_swept(dataset, self._fence(dataset.name), at)
        known = self._known[dataset.name]
        self._known[dataset.name] = replace(known, cursor=replace(known.cursor, swept_at=at))


def _enter(known: Known, receipt: Receipt, mode: Mode) -> None:
    """Keep what is known as the ledger now has it."""
    outcomes = {line.outcome for line in receipt.objects}
    if mode is Mode.FULL and Outcome.LOADED in outcomes:
        known.versions.clear()  # the ledger holds what was committed last, and nothing else
        known.refused.clear()
    for line in receipt.objects:
        known.versions[line.ref.key] = line.ref.version
        known.refused.discard(line.ref.key)
        if line.outcome is Outcome.REFUSED:
            known.refused.add(line.ref.key)
        if mode is Mode.TRUNCATE_INSERT:
            known.modified[line.ref.key] = line.ref.modified


def _settled(dataset: Dataset, receipts: Sequence[Receipt]) -> DatasetSettled:
    """What was put off is what is left."""
    left = [item.ref for receipt in receipts for item in receipt.deferrals]
    oldest = min((ref.modified for ref in left), default=None)
    return DatasetSettled(dataset.name, len(left), sum(ref.size for ref in left), oldest)


def _held(plan: BatchPlan, receipts: Sequence[Receipt], cursor: Cursor) -> BatchPlan:
    """An object that an earlier batch of the cycle put off holds the watermark of the later ones too."""
    late = [item.ref for receipt in receipts for item in receipt.deferrals]
    return replace(plan, watermark=discovery.held_back(plan.watermark, late, cursor))
