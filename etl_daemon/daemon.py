"""A cycle: dataset after dataset, batch after batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Event as Signal

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import CycleBegan, CycleEnded, CyclePlanned, DatasetFailed, DatasetSettled, ObjectsNamed
from etl_daemon.core.model import BatchPlan, Cursor, Fence, Known, ObjectRef, Receipt
from etl_daemon.core.planning import discovery
from etl_daemon.core.planning.discovery import Discovery
from etl_daemon.core.planning.knowledge import learned, seen
from etl_daemon.core.planning.pacing import Turn
from etl_daemon.errors import (
    AbandonedError,
    BusyError,
    ConfigError,
    EtlError,
    LeaseLostError,
    ObjectChangedError,
    SetupError,
)
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.pipeline import Corridor, Fetching, Look, Timed, discover, fetching, load, look_up
from etl_daemon.ports import Clock, Upstream

PLANS = 3
"""How often a cycle plans a dataset while others commit to it."""

UNHURRIED = Turn()


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What a cycle did for one dataset. ``ignored`` objects are older than the window and were never loaded.

    ``left`` objects had to wait, because the dataset had had its share of the loop's time. Of the keys that were named
    those are ``done`` whose objects are in the ledger as they are, or are nothing to load.
    """

    dataset: str
    pending: int = 0
    ignored: int = 0
    receipts: tuple[Receipt, ...] = ()
    error: EtlError | None = None
    left: int = 0
    done: frozenset[str] = frozenset()

    @property
    def failed(self) -> bool:
        """Whether something was left undone; a refused object is not: the ledger and the quarantine have it."""
        late = [item for receipt in self.receipts for item in receipt.deferrals if not item.changed]
        return self.error is not None or bool(late)

    @property
    def settled(self) -> int:
        """How many objects were loaded or refused."""
        return sum(len(receipt.objects) for receipt in self.receipts)


@dataclass(slots=True)
class Daemon:
    """Keeps the destination up with the source. ``holder`` names this process in the fence.

    An ``upstream`` makes new objects before they are looked for.

    With a ``lease`` commits carry the lease's generation; without one each process takes the generation after the one
    that it finds.

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
    upstream: Upstream | None = None
    elapsed: Callable[[], float] = time.monotonic
    _known: dict[str, Known] = field(default_factory=dict)
    _fences: dict[str, Fence] = field(default_factory=dict)

    def forget(self) -> None:
        """Ask the ledger again: others may have committed since."""
        self._known.clear()

    def cycle(self, stop: Signal | None = None, turn: Turn = UNHURRIED) -> list[DatasetReport]:
        """Load what has arrived, or what the turn names, for every dataset whose turn it is.

        Raises:
            LeaseLostError, BusyError: someone else is at work; nothing of the batch in hand was committed.
            ConfigError: the datasets do not fit the destination.
        """
        started = time.perf_counter()
        self.corridor.tell(CycleBegan("", _cycle_id(self.clock.now(), self.holder)))
        self._recall()
        due = [dataset for dataset in self.datasets if turn.has(dataset.name)]
        reports = [self._attempt(dataset, stop, turn) for dataset in due if not (stop and stop.is_set())]
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

    def _attempt(self, dataset: Dataset, stop: Signal | None, turn: Turn) -> DatasetReport:
        try:
            return self._replanned(dataset, stop, turn)
        except (LeaseLostError, BusyError, ConfigError):
            self._known.clear()
            raise
        except AbandonedError:
            return DatasetReport(dataset.name)
        except EtlError as error:
            return self._failed(dataset, error)
        except Exception as error:  # noqa: BLE001 - a defect of ours must cost one dataset, not the others
            self._known.clear()
            defect = EtlError(f"{type(error).__name__}: {error}", hint="this is a defect: please report it")
            return self._failed(dataset, defect)

    def _failed(self, dataset: Dataset, error: EtlError) -> DatasetReport:
        self.corridor.tell(DatasetFailed(dataset.name, error))
        return DatasetReport(dataset.name, error=error)

    def _replanned(self, dataset: Dataset, stop: Signal | None, turn: Turn, plans_left: int = PLANS) -> DatasetReport:
        """Where another run has committed some of the objects meanwhile, plan again by what the ledger says now."""
        try:
            return self._bring_up(dataset, stop, turn)
        except ObjectChangedError:
            self._known.clear()
            if plans_left == 1:
                raise
            return self._replanned(dataset, stop, turn, plans_left - 1)

    def _bring_up(self, dataset: Dataset, stop: Signal | None, turn: Turn) -> DatasetReport:
        dataset = self.upstream.pull(dataset) if self.upstream else dataset
        self._recall()  # a dataset before this one may have found that another run has committed
        began, look = self.elapsed(), self._look(dataset, turn)
        found = self._discover(look) if look.listed else self._look_up(look)
        receipts: list[Receipt] = []
        plans = look.plans(found, self.corridor.reach.batch)
        if plans and dataset.name in turn.wary:
            with Timed(self.corridor.tell, dataset.name, "recall"):  # no use reading for a destination that is down
                self.corridor.destination.recall([dataset], self.corridor.bucket)
        fleet, coming = self.corridor.fleet, iter(tuple(plans))
        coming = fleet.ahead(coming) if fleet else coming
        with fetching(plans, self.corridor.intake) as fetched:
            while plans and not (stop and stop.is_set()) and not (receipts and self.elapsed() - began >= turn.seconds):
                receipts.append(self._load(_held(next(coming), receipts, look.known.cursor), look, fetched))
                plans.pop(0)
        left = [ref for plan in plans for ref in plan.objects]
        if look.listed:
            self._note(look, found, receipts)
            if not (stop and stop.is_set()):
                self.corridor.tell(_settled(dataset, receipts, left))
        done = frozenset(turn.keys(dataset.name)) - _open(found, receipts)
        return DatasetReport(
            dataset.name, len(found.pending), found.ignored, tuple(receipts), left=len(left), done=done
        )

    def _look(self, dataset: Dataset, turn: Turn) -> Look:
        """Where the table is replaced, a key that is named means no more than that it is time to look."""
        known, now = self._known[dataset.name], self.clock.now()
        if turn.named is not None and not dataset.mode.replaces:
            return Look(dataset, known, now, tuple(turn.keys(dataset.name)), listed=False)
        sweep = self.own_cursor and discovery.sweep_due(known.cursor, now, self.corridor.reach.sweep_every)
        return Look(dataset, known, now, sweep=sweep)

    def _discover(self, look: Look) -> Discovery:
        source = self.corridor.intake.source
        before = source.list_requests
        found = discover(look.dataset, self._seen(look), self.corridor, look.now, sweep=look.sweep)
        self.corridor.tell(look.told(CyclePlanned, found, source.list_requests - before))
        return found

    def _look_up(self, look: Look) -> Discovery:
        found = look_up(look, self._seen(look), self.corridor)
        self.corridor.tell(look.told(ObjectsNamed, found, len(look.keys)))
        return found

    def _seen(self, look: Look) -> Known:
        return seen(look.known, look.dataset.mode, again=self.again, force=self.force)

    def _load(self, plan: BatchPlan, look: Look, fetched: Fetching) -> Receipt:
        name = plan.dataset.name
        plan = plan if self.own_cursor else replace(plan, watermark=None)
        try:
            receipt = load(plan, self.corridor, lambda: self._fence(name), self.clock.now(), fetched)
        except SetupError:
            self._known.clear()  # tables may be gone, and with them what the ledger said
            raise
        self._known[name] = learned(self._known[name], receipt, plan.dataset.mode, listed=look.listed)
        return receipt

    def _note(self, look: Look, found: Discovery, receipts: Sequence[Receipt]) -> None:
        """If nothing of a listing is left, say how far it confirms the dataset, and after a sweep when it began."""
        complete = sum(len(receipt.objects) for receipt in receipts) == len(found.pending) + len(found.superseded)
        if complete and look.sweep:
            with Timed(self.corridor.tell, look.dataset.name, "sweep"):
                self.corridor.destination.mark_swept(look.dataset, self._fence(look.dataset.name), look.now)
        known = self._known[look.dataset.name]
        self._known[look.dataset.name] = replace(
            known,
            confirmed=discovery.confirmed(found, known.cursor, look.now) if complete else None,
            cursor=replace(known.cursor, swept_at=look.now) if complete and look.sweep else known.cursor,
            settled_key=max(known.settled_key, found.last_key) if complete else known.settled_key,
        )


def _cycle_id(at: datetime, holder: str) -> str:
    """When it began, in microseconds, and the last part of who works: unique, and in the order of time."""
    return f"{at:%Y%m%dT%H%M%S.%f}-{holder.rpartition(':')[2]}"


def _settled(dataset: Dataset, receipts: Sequence[Receipt], waiting: Sequence[ObjectRef]) -> DatasetSettled:
    """What was put off, and what has to wait, is what is left."""
    left = [*waiting, *(item.ref for receipt in receipts for item in receipt.deferrals)]
    oldest = min((ref.modified for ref in left), default=None)
    return DatasetSettled(dataset.name, len(left), sum(ref.size for ref in left), oldest)


def _held(plan: BatchPlan, receipts: Sequence[Receipt], cursor: Cursor) -> BatchPlan:
    """An object that an earlier batch of the cycle put off holds the watermark of the later ones too."""
    late = [item.ref for receipt in receipts for item in receipt.deferrals]
    return replace(plan, watermark=discovery.held_back(plan.watermark, late, cursor))


def _open(found: Discovery, receipts: Sequence[Receipt]) -> set[str]:
    """Keys of what is still to be loaded."""
    return {ref.key for ref in found.pending} - {line.ref.key for receipt in receipts for line in receipt.objects}
