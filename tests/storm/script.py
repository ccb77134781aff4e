"""What happens when in a storm, all of it from a seed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

OLD_ENOUGH_SECONDS = 5.0
"""Between two versions of an object: stores date them, some to the second."""

SYMBOLS = ("AAPL", "MSFT", "NA", "NAN", "TRUE", "INF", "NAT", "IBM", "F", "GOOGL")
FIRST = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
MINUTES = 400
PREFIXES = {"price_data": "processed/price_data", "ticks": "vendor/ticks", "roster": "vendor/roster"}
LATE = "late-"
"""Names of objects begin so that no listing shows for a while."""

FRESH, RESTATED, GARBAGE, LATE_KIND, LARGE = "fresh", "restated", "garbage", "late", "large"
_WEIGHTS = {FRESH: 48, RESTATED: 25, GARBAGE: 7, LATE_KIND: 12, LARGE: 8}
_DATASETS = {"price_data": 55, "ticks": 41, "roster": 4}
_ROSTERS = 5
_BAD = (
    {"symbol": "not a symbol"},
    {"close": -1},
    {"timestamp": "2026-02-31T00:00:00+00:00"},
    {"volume": "many"},
    {"open": None},
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens. ``amount`` from 0 to 1 says how much of it, ``actor`` to whom of two."""

    at_seconds: float
    kind: str
    actor: int
    amount: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """An object that is written; of its lines some are fit to be loaded."""

    at_seconds: float
    kind: str
    dataset: str
    key: str
    lines: tuple[tuple[str, bool], ...]

    @property
    def refused(self) -> bool:
        return self.kind == GARBAGE

    @property
    def body(self) -> bytes:
        """What is written."""
        text = "\n".join(line for line, _ in self.lines) + "\n"
        return b"PAR1" + text.encode() if self.refused else text.encode()


def acts(seed: int, seconds: float, every_seconds: Mapping[str, float]) -> list[Act]:
    """What happens, in order; of each kind something every so many seconds, on average.

    Kinds do not depend on each other: another one changes nothing of the rest.
    """
    made = []
    for kind, pause in every_seconds.items():
        random = Random(f"{seed} {kind}")
        at = random.expovariate(1 / pause)
        while at < seconds:
            made.append(Act(at, kind, random.randrange(2), random.random()))
            at += random.expovariate(1 / pause)
    return sorted(made, key=lambda act: act.at_seconds)


def deliveries(seed: int, seconds: float, every_seconds: float) -> list[Delivery]:
    """What is written, in order: something of each dataset at once, then until the end."""
    written = _Author(Random(f"{seed} deliveries")).write(seconds, every_seconds)
    return sorted((each for each in written if each.at_seconds < seconds), key=lambda each: each.at_seconds)


@dataclass
class _Author:
    random: Random
    places: dict[str, tuple[float, list[tuple[str, str]]]] = field(default_factory=dict)
    """Of each key that can be restated: when it was written last, and symbols with timestamps."""

    def write(self, seconds: float, every_seconds: float) -> Iterator[Delivery]:
        for dataset in PREFIXES:
            yield self._delivery(0, FRESH, dataset, 0)
        at, number = self.random.expovariate(1 / every_seconds), 1
        while at < seconds:
            (kind,) = self.random.choices([*_WEIGHTS], [*_WEIGHTS.values()])
            (dataset,) = self.random.choices([*_DATASETS], [*_DATASETS.values()])
            yield self._delivery(at, kind, dataset, number)
            at += self.random.expovariate(1 / every_seconds)
            number += 1

    def _delivery(self, at: float, kind: str, dataset: str, number: int) -> Delivery:
        random = self.random
        if dataset == "roster":
            return self._again(at, FRESH, dataset, f"{PREFIXES[dataset]}/{random.randrange(_ROSTERS)}.json")
        rested = [
            key
            for key, (when, _) in self.places.items()
            if key.startswith(PREFIXES[dataset]) and at - when > OLD_ENOUGH_SECONDS
        ]
        if kind == RESTATED and rested:
            return self._again(at, kind, dataset, random.choice(rested))
        if kind == GARBAGE:
            key = f"{PREFIXES[dataset]}/{number:06}.parquet"
            return Delivery(at, kind, dataset, key, ((f"garbage {random.random()}", False),))
        name = f"{LATE if kind == LATE_KIND else ''}{number:06}.json"
        return self._again(at, kind if kind != RESTATED else FRESH, dataset, f"{PREFIXES[dataset]}/{name}")

    def _again(self, at: float, kind: str, dataset: str, key: str) -> Delivery:
        """A version of an object: what restates one has all its symbols and timestamps, with other values."""
        when, places = self.places.get(key, (-OLD_ENOUGH_SECONDS, []))
        at = max(at, when + OLD_ENOUGH_SECONDS)
        kind = RESTATED if places else kind
        if not places or dataset == "ticks":
            count = self.random.randint(400, 900) if kind == LARGE else self.random.randint(1, 12)
            places = [self._place() for _ in range(count)]
        self.places[key] = at, places
        lines = [(json.dumps(self._row(*place)), True) for place in places]
        for _ in range(self.random.randint(0, 3) * (self.random.random() < 0.5)):
            lines.insert(self.random.randint(0, len(lines)), (self._bad(), False))
        return Delivery(at, kind, dataset, key, tuple(lines))

    def _place(self) -> tuple[str, str]:
        minute = timedelta(minutes=self.random.randrange(MINUTES))
        return self.random.choice(SYMBOLS), (FIRST + minute).isoformat()

    def _row(self, symbol: str, timestamp: str) -> dict[str, object]:
        opened = self.random.randint(5_000, 9_000)
        jumps = self.random.random() < 0.1
        closed = opened + (self.random.randint(1_500, 3_000) if jumps else self.random.randint(-300, 300))
        high, low = max(opened, closed) + self.random.randint(0, 90), min(opened, closed) - self.random.randint(0, 90)
        prices = {"open": opened / 100, "high": high / 100, "low": low / 100, "close": closed / 100}
        return {"symbol": symbol, "timestamp": timestamp, **prices, "volume": self.random.randint(0, 10**9)}

    def _bad(self) -> str:
        if self.random.random() < 0.3:
            return f'{{"symbol": "AAPL", "broken": {self.random.randint(0, 10**9)}'
        return json.dumps({**self._row(*self._place()), **self.random.choice(_BAD)})
