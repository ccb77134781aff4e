"""Other machines that read batches and apply the rules to them, and where they leave what they made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from etl_daemon.core.model import BatchPlan, CleanBatch, Receipt, Refusal


class Fleet(Protocol):
    """Machines that do for this one what lies between a plan and a clean batch."""

    def ahead(self, plans: Iterable[BatchPlan]) -> Iterator[BatchPlan]:
        """The plans; while one is in hand, the fleet is at work on the next."""

    def cleaned(self, plan: BatchPlan) -> AbstractContextManager[CleanBatch]:
        """What ``transform`` would give of the plan; what lies in the depot for it goes when the context ends.

        Raises:
            TransientError: the fleet failed; nothing of the batch is visible.
            AbandonedError: the process is to end, and the fleet is not done.
        """


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a batch that went to files, and why objects of it were left out."""

    receipt: Receipt
    refusals: tuple[Refusal, ...] = ()


class Outlet(Protocol):
    """A fleet that leaves rows where they are to stay, as files."""

    def ahead(self, plans: Iterable[BatchPlan]) -> Iterator[BatchPlan]:
        """As ``Fleet``."""

    def delivered(self, plan: BatchPlan) -> Delivered:
        """Have the files of a batch in their place, those of all loaded objects.

        Raises:
            TransientError, AbandonedError: as ``Fleet``; SetupError: the place cannot be written.
        """

    def holds(self, dataset: str) -> bool:
        """Whether there are files of the dataset."""

    def finish(self, dataset: str) -> None:
        """Note beside the files that all of them are there."""


class Depot(Protocol):
    """Where files lie until their batch is committed. No listing of objects shows them."""

    def put(self, name: str, file: Path) -> None:
        """Keep a copy of the file under a name that nothing has yet.

        Raises:
            TransientError: the store did not answer, or the disk is full.
            SetupError: it cannot be written.
        """

    def fetch(self, name: str) -> memoryview:
        """The file's bytes, mapped where they are many.

        Raises:
            TransientError: the store did not answer, or there is no such file any more.
        """

    def move(self, name: str, to: str) -> None:
        """Have the file under another name from now on; at no moment is there a part of it under that.

        Raises:
            TransientError, SetupError: as ``put``.
        """

    def holds(self, folder: str) -> bool:
        """Whether there are files whose names begin with ``folder`` and a slash.

        Raises:
            TransientError, SetupError: as ``put``.
        """

    def clear(self, folder: str) -> None:
        """Remove all files whose names begin with ``folder`` and a slash.

        Raises:
            TransientError, SetupError: as ``put``.
        """

    def close(self) -> None:
        """Let go of connections."""
