"""What a contest is, and how it is run: all contenders in turn, several times over."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

OURS = "etl_daemon"


def nothing() -> None:
    """What needs no preparation and no check."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and seconds that processors worked for it; the latter hold on a machine that is busy."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to do the work. What ``work`` says that it took counts, if it says so; else what the call takes.

    ``before`` prepares each run and is not timed. ``rows`` is how many rows the work goes through.
    """

    name: str
    rows: int
    work: Callable[[], Took | None]
    before: Callable[[], object] = nothing


@dataclass(frozen=True, slots=True)
class Bound:
    """How many times as many rows per second ``ours`` has to do as the contender ``against``; 0: it is only shown."""

    against: str
    at_least: float
    ours: str = OURS


@dataclass(frozen=True, slots=True)
class Heat:
    """Contenders who do the same work on the same data. ``check`` raises where they have not; it sees a first run."""

    work: str
    contenders: tuple[Contender, ...]
    bounds: tuple[Bound, ...]
    check: Callable[[], object] = nothing


@dataclass(frozen=True, slots=True)
class Given:
    """What a contest is given: a folder of its own, cores to use, and whether to take its short form."""

    folder: Path
    threads: int
    short: bool = False
    rows: int | None = None

    def size(self, full: int, short: int) -> int:
        """How many rows: as asked for, else by the form."""
        return self.rows or (short if self.short else full)


Heats = Callable[[Given], Iterator[Heat]]


@dataclass(frozen=True, slots=True)
class Spread:
    """Of several runs."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast ``ours`` was as ``against``, and what is asked for; ``cpu`` counts processors' time."""

    ours: str
    against: str
    times: Spread
    cpu: float
    at_least: float

    @property
    def met(self) -> bool:
        """Whether the median keeps the bound."""
        return self.times.median >= self.at_least


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a heat brought: seconds per contender, and ratios."""

    contest: str
    work: str
    runs: int
    rows: dict[str, int]
    seconds: dict[str, Spread]
    ratios: tuple[Ratio, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outcome:
        """What ``to_json`` gave."""
        ratios = tuple(Ratio(**{**each, "times": Spread(**each["times"])}) for each in value["ratios"])
        seconds = {name: Spread(**each) for name, each in value["seconds"].items()}
        return cls(**{**value, "seconds": seconds, "ratios": ratios})


def run(contest: str, heat: Heat, runs: int) -> Outcome:
    """One run to warm up and to be checked, then ``runs`` that count.

    Who begins changes from run to run, so that a change of the machine's speed meets all alike.
    """
    for contender in heat.contenders:
        _timed(contender)
    heat.check()
    took: dict[str, list[Took]] = {contender.name: [] for contender in heat.contenders}
    for number in range(runs):
        for contender in heat.contenders[:: -1 if number % 2 else 1]:
            took[contender.name].append(_timed(contender))
    rows = {contender.name: contender.rows for contender in heat.contenders}
    seconds = {name: _spread([each.wall for each in taken]) for name, taken in took.items()}
    return Outcome(contest, heat.work, runs, rows, seconds, tuple(_ratio(bound, took, rows) for bound in heat.bounds))


def _timed(contender: Contender) -> Took:
    contender.before()
    started, computed = time.perf_counter(), _processors()
    own = contender.work()
    return own or Took(time.perf_counter() - started, _processors() - computed)


def _processors() -> float:
    """Seconds that processors worked for this process and those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _ratio(bound: Bound, took: dict[str, list[Took]], rows: dict[str, int]) -> Ratio:
    share = rows[bound.ours] / rows[bound.against]
    pairs = list(zip(took[bound.ours], took[bound.against], strict=True))
    times = _spread([share * theirs.wall / ours.wall for ours, theirs in pairs])
    cpu = _spread([share * theirs.cpu / max(ours.cpu, 1e-3) for ours, theirs in pairs])
    return Ratio(bound.ours, bound.against, times, cpu.median, bound.at_least)


def _spread(values: list[float]) -> Spread:
    return Spread(*(float(f"{each:.4g}") for each in (min(values), statistics.median(values), max(values))))
