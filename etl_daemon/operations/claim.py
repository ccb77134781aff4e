"""Who works on a dataset beside its daemon, and by which cursor: the daemon's own is left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.model import Fence, Known
from etl_daemon.core.review import AuditLine
from etl_daemon.pipeline import Corridor
from etl_daemon.ports import Review


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, the name of this process in the fence, and the control tables to look into."""

    who: str
    holder: str
    review: Review

    def line(self, at: datetime, what: str, dataset: Dataset, detail: str) -> AuditLine:
        """A line for the audit log."""
        return AuditLine(self.who, at, what, dataset.name, detail)


@dataclass(frozen=True, slots=True)
class Claim:
    """A dataset with the cursor of an operation, the fence for its commits, and what the ledger has of the dataset."""

    dataset: Dataset
    fence: Fence
    known: Known


def claim(dataset: Dataset, operation: str, corridor: Corridor, operator: Operator) -> Claim:
    """Take the operation's cursor; another process with the same operation on the same dataset is fenced."""
    apart = replace(dataset, cursor=f"{dataset.name}#{operation}")
    known = corridor.destination.recall([apart], corridor.bucket)[dataset.name]
    return Claim(apart, Fence(known.cursor.generation + 1, operator.holder), known)


def standing(dataset: Dataset) -> Dataset:
    """The dataset as single rows meet its table: without replacing what is there."""
    if not dataset.mode.replaces:
        return dataset
    return replace(dataset, mode=Mode.UPSERT if dataset.key else Mode.APPEND)
