"""When the loop looks again, how long a dataset that fails is left alone, and how long one may keep others waiting."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

LONGEST_BACKOFF_SECONDS, LONGEST_BACKOFF_CYCLES = 600.0, 10
"""However often a dataset has failed, it is tried again after so long: an outage that is over must show."""


@dataclass(frozen=True, slots=True)
class Setback:
    """Failures in a row, and until when (monotonic seconds) there is no other attempt."""

    failures: int
    until: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What a cycle goes by.

    ``paused`` datasets are left alone; of ``wary`` ones, which failed last time, nothing is read before the destination
    answers; each may go on with batch after batch for so many ``seconds`` before it is the next one's turn. Where keys
    are ``named``, by dataset, those are looked at and nothing else; None: everything is listed.
    """

    paused: frozenset[str] = frozenset()
    wary: frozenset[str] = frozenset()
    seconds: float = math.inf
    named: Mapping[str, Collection[str]] | None = None

    def has(self, dataset: str) -> bool:
        """Whether it is this dataset's turn too."""
        return dataset not in self.paused and (self.named is None or dataset in self.named)

    def keys(self, dataset: str) -> Collection[str]:
        """The keys of it that are named."""
        return (self.named or {}).get(dataset, ())


@dataclass(frozen=True, slots=True)
class Pacing:
    """How the loop spends its time. ``jitter`` is the share of ``poll_seconds`` that a pause may be off, both ways.

    Cycles begin ``poll_seconds`` after each other, not after each other's end, so that a loop that is behind catches up
    without pauses.
    """

    poll_seconds: float
    jitter: float = 0.1

    @property
    def longest_seconds(self) -> float:
        """The longest pause that there is."""
        return self.poll_seconds * (1 + self.jitter)

    def pause_seconds(self, worked_seconds: float, chance: float) -> float:
        """How long to sleep after a cycle that took so long; ``chance`` is a random number from 0 to 1.

        Daemons that were started together do not ask together for ever.
        """
        return max(self.poll_seconds * (1 + self.jitter * (2 * chance - 1)) - worked_seconds, 0.0)

    def backoff_seconds(self, failures: int) -> float:
        """How long to leave a dataset alone after so many failures in a row, the first of which costs it no cycle.

        It is half an interval less than the cycles take that are left out, since pauses differ.
        """
        cycles = min(1 << min(failures - 1, LONGEST_BACKOFF_CYCLES), LONGEST_BACKOFF_CYCLES)
        return min((cycles - 0.5) * self.poll_seconds, LONGEST_BACKOFF_SECONDS)

    def set_back(self, before: Setback | None, now: float) -> Setback:
        """The setback after another failure at that time."""
        failures = before.failures + 1 if before else 1
        return Setback(failures, now + self.backoff_seconds(failures))

    def turn(self, setbacks: Mapping[str, Setback], now: float) -> Turn:
        """The turn that begins at that time, after these setbacks by dataset."""
        paused = frozenset(name for name, each in setbacks.items() if now < each.until)
        return Turn(paused, frozenset(setbacks) - paused, self.poll_seconds)
