"""The page of a batch: what went in, what came of it, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass

from etl_daemon.core.history import BatchLine, ExampleLine, ObjectLine
from etl_daemon.core.pages.overview import Rejected, meaning


@dataclass(frozen=True, slots=True)
class Stage:
    """How long a stage took by itself (seconds), and its share of the longest one, from 0 to 100."""

    name: str
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Everything on the page. ``unlisted`` objects are in the ledger alone."""

    line: BatchLine
    table: str
    objects: tuple[ObjectLine, ...]
    unlisted: int
    stages: tuple[Stage, ...]
    rejected: tuple[Rejected, ...]


def batch_page(
    line: BatchLine, objects: tuple[ObjectLine, ...], examples: tuple[ExampleLine, ...], table: str
) -> BatchPage:
    """The page; of ``examples`` those of the batch are shown."""
    longest = max(line.stages.values(), default=0.0)
    stages = tuple(Stage(name, taken, round(100 * taken / longest, 1)) for name, taken in line.stages.items())
    own = tuple(each for each in examples if each.batch_id == line.batch_id)
    counted = sorted(line.reasons.items(), key=lambda pair: pair[1], reverse=True)
    rejected = tuple(
        Rejected(reason, rows, meaning(reason), tuple(each for each in own if reason in each.example.reasons))
        for reason, rows in counted
    )
    unlisted = max(line.objects + line.refused - len(objects), 0)
    return BatchPage(line, table, objects, unlisted, stages, rejected)
