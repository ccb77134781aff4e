"""Whether a batch has many more bad rows than the batches before it had."""

from __future__ import annotations

from dataclasses import dataclass

REMEMBERED = 50
"""The average is that of about so many batches."""

LEARNING = 10
"""Before so many batches nothing is usual yet."""

TIMES = 3.0
POINTS = 0.05
LEAST_ROWS = 100
"""The share of fewer rows than that says little."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The share of quarantined rows that a dataset's batches have on average, and how many batches it is of."""

    share: float = 0.0
    batches: int = 0


@dataclass(frozen=True, slots=True)
class Weight:
    """A batch of a dataset: its rows, and the share of them that was quarantined (0 to 1)."""

    dataset: str
    rows: int
    share: float


def spikes(usual: Usual, batch: Weight) -> bool:
    """Whether its share is over three times the average, and five points above it."""
    if batch.rows < LEAST_ROWS or usual.batches < LEARNING:
        return False
    return batch.share > TIMES * usual.share and batch.share > usual.share + POINTS


def learnt(usual: Usual, batch: Weight) -> Usual:
    """The average with this batch in it."""
    if batch.rows < LEAST_ROWS:
        return usual
    batches = min(usual.batches + 1, REMEMBERED)
    return Usual(usual.share + (batch.share - usual.share) / batches, batches)
