"""Files put into the bucket, and what became of them, by the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Event as Signal

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.review import LedgerLine
from etl_daemon.errors import BusyError, TransientError
from etl_daemon.ports import Review, Sent, Store, unheard

AT_A_TIME = 4
"""Files under way; large ones go in parts, several at a time each."""

FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.5, 15.0
"""Between two looks at the ledger: each opens the file, or wakes the warehouse."""


class Result(StrEnum):
    """What became of a file."""

    PUT = "put"
    EXISTS = "exists"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file and the key that it is to have."""

    file: Path
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a parcel; ``ref`` is the object as listings show it, where it was put."""

    parcel: Parcel
    result: Result
    ref: ObjectRef | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Uploader:
    """How parcels are put; ``stop`` leaves those that have not begun."""

    store: Store
    replace: bool = False
    sent: Sent = unheard
    stop: Signal = field(default_factory=Signal)

    def deliver(self, parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        """Put them all, in order, several at a time.

        Raises:
            SetupError, ConfigError: none of them can be put, or this one by that key.
        """
        with ThreadPoolExecutor(AT_A_TIME, "upload") as pool:
            coming = [pool.submit(self._deliver, each) for each in parcels]
            try:
                yield from (each.result() for each in coming)
            finally:
                pool.shutdown(cancel_futures=True)

    def _deliver(self, parcel: Parcel) -> Delivery:
        if self.stop.is_set():
            return Delivery(parcel, Result.LEFT)
        try:
            if not self.store.put(parcel.key, parcel.file, replace=self.replace, sent=self.sent):
                return Delivery(parcel, Result.EXISTS)
            return Delivery(parcel, Result.PUT, self.store.find(parcel.key))
        except TransientError as error:
            return Delivery(parcel, Result.FAILED, detail=str(error))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Looks at the ledger until it knows of all objects, or the time is over."""

    review: Review
    seconds: float
    stop: Signal = field(default_factory=Signal)
    elapsed: Callable[[], float] = time.monotonic

    def settled(self, dataset: Dataset, refs: Sequence[ObjectRef]) -> Iterator[Mapping[str, LedgerLine]]:
        """After each look the lines of those that are settled, by key; the last time is the whole of it.

        A destination that another process holds is looked at again.

        Raises:
            SetupError: there is no ledger.
        """
        until, pause = self.elapsed() + self.seconds, FIRST_LOOK_SECONDS
        found: dict[str, LedgerLine] = {}
        while True:
            left = [ref for ref in refs if ref.key not in found]
            found |= self._looked_up(dataset, left)
            yield found
            rest = until - self.elapsed()
            if len(found) == len(refs) or rest <= 0 or self.stop.wait(min(pause, rest)):
                return
            pause = min(2 * pause, LAST_LOOK_SECONDS)

    def _looked_up(self, dataset: Dataset, refs: Sequence[ObjectRef]) -> dict[str, LedgerLine]:
        try:
            lines = self.review.lines(dataset, [ref.key for ref in refs])
        except BusyError:
            return {}
        there = {(line.bucket, line.key): line for line in lines}
        pairs = [(ref, there.get((ref.bucket, ref.key))) for ref in refs]
        return {ref.key: line for ref, line in pairs if line and _covers(line, ref)}


def _covers(line: LedgerLine, ref: ObjectRef) -> bool:
    """Whether the ledger has this version, or a later one that took its place."""
    return line.version == ref.version or line.modified > ref.modified
