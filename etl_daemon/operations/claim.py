"""Who works on a dataset beside its daemon, and by which cursor: the daemon's own is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event as Signal

from etl_daemon.core.datasets import BESIDE, Dataset
from etl_daemon.core.model import Fence, Known
from etl_daemon.core.review import AuditLine
from etl_daemon.errors import LeaseLostError
from etl_daemon.pipeline import Corridor
from etl_daemon.ports import Clock, Review, unheard


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, the name of this process in the fence, and the control tables to look into.

    ``stop`` ends the work after the batch in hand. ``heard`` hears how many more rows, or objects, are done with.
    """

    who: str
    holder: str
    review: Review
    clock: Clock
    stop: Signal = field(default_factory=Signal)
    heard: Callable[[int], None] = unheard

    def line(self, what: str, dataset: str, detail: str) -> AuditLine:
        """A line for the audit log."""
        return AuditLine(self.who, self.clock.now(), what, dataset, detail)

    def log(self, what: str, dataset: str, detail: str) -> None:
        """Leave a line in the audit log."""
        self.review.log(self.line(what, dataset, detail))


@dataclass(frozen=True, slots=True)
class Claim:
    """A dataset with the cursor of an operation, the fence for its commits, and what the ledger has of the dataset."""

    dataset: Dataset
    fence: Fence
    known: Known


def claim(dataset: Dataset, operation: str, corridor: Corridor, operator: Operator) -> Claim:
    """Take the operation's cursor; another process with the same operation on the same dataset is fenced."""
    apart = replace(dataset, cursor=f"{dataset.cursor_name}{BESIDE}{operation}")
    known = corridor.destination.recall([apart], corridor.bucket)[dataset.name]
    return Claim(apart, Fence(known.cursor.generation + 1, operator.holder), known)


@contextmanager
def fenced(operation: str, dataset: Dataset) -> Iterator[None]:
    """Say what was shut out by whom, where another process with the same operation has taken over."""
    try:
        yield
    except LeaseLostError as error:
        raise LeaseLostError(
            f"Another {operation} of {dataset.name} has begun. {error.detail}",
            hint="let that one end, then run this again: nothing is loaded twice",
        ) from error
