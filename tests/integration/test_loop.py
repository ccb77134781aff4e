"""The loop: when it works, when it rests, and what it does with a dataset that fails or takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest

from etl_daemon.core.events import (
    BatchAbandoned,
    BatchCommitted,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    DatasetPaused,
    DatasetSettled,
    ObjectsNamed,
)
from etl_daemon.core.planning.discovery import BatchLimits
from etl_daemon.core.planning.pacing import Pacing
from etl_daemon.errors import ConfigError, TransientError
from etl_daemon.loop import Loop
from etl_daemon.pipeline import Grace
from tests.support.corridor import House
from tests.support.rows import INDICATORS, PRICES, price

POLL = 60.0
ROW = {"symbol": "A", "timestamp": "2026-01-02", "rsi": 50, "macd": 1, "sma_20": 1, "sma_50": 1}


@dataclass
class Hours(Signal):
    """Monotonic time that passes only while the loop rests; the loop ends when the time is over."""

    end: float
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    between: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        super().__init__()

    def elapsed(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        self.now += timeout or 0.0
        self.between()
        return self.is_set()

    def is_set(self) -> bool:
        return self.now >= self.end or super().is_set()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "market.duckdb", datasets=(PRICES, INDICATORS))


def looped(house: House, hours: Hours) -> Loop:
    house.daemon.elapsed = hours.elapsed
    return Loop(house.daemon, Pacing(POLL), chance=lambda: 0.5, elapsed=hours.elapsed)


def of(house: House, kind: type, dataset: str) -> list[Any]:
    return [event for event in house.events if isinstance(event, kind) and event.dataset == dataset]


def failing_on(monkeypatch: pytest.MonkeyPatch, house: House, prefix: str) -> list[str]:
    """Listings of the prefix fail; those that were tried."""
    tried: list[str] = []
    real = house.source.list

    def listing(bucket: str, asked: str, start_after: str = "") -> Iterator[Any]:
        if asked.startswith(prefix):
            tried.append(asked)
            raise TransientError("no route")
        return real(bucket, asked, start_after)

    monkeypatch.setattr(house.source, "list", listing)
    return tried


def test_a_dataset_that_fails_is_left_alone_longer_and_longer_while_the_others_go_on(house, monkeypatch):
    tried = failing_on(monkeypatch, house, PRICES.prefix)
    house.put("processed/technical_indicators/i.json", [ROW])
    hours = Hours(60 * POLL)
    looped(house, hours).run(hours)

    assert len(of(house, CycleEnded, "")) == 60
    assert len(of(house, DatasetSettled, INDICATORS.name)) == 60
    assert sum(event.receipt.counts.loaded for event in of(house, BatchCommitted, INDICATORS.name)) == 1
    assert len(tried) == len(of(house, DatasetFailed, PRICES.name)) == 9  # minutes 0 1 3 7 15 25 35 45 55
    assert [event.failures for event in of(house, DatasetPaused, PRICES.name)] == list(range(2, 10))


def test_a_dataset_that_works_again_is_tried_every_cycle(house, monkeypatch):
    with monkeypatch.context() as patch:
        failing_on(patch, house, PRICES.prefix)
        hours = Hours(10 * POLL)
        loop = looped(house, hours)
        loop.run(hours)
    hours.end = 40 * POLL
    house.put("processed/price_data/a.json", [price()])
    loop.run(hours)
    assert sum(event.receipt.counts.loaded for event in of(house, BatchCommitted, PRICES.name)) == 1
    assert len(of(house, DatasetSettled, PRICES.name)) == 25  # from minute 15 on


def test_nothing_is_read_for_a_destination_that_is_down(house, monkeypatch):
    house.daemon.cycle()
    house.put("processed/price_data/a.json", [price()])
    hours = Hours(30 * POLL)
    loop = looped(house, hours)
    with monkeypatch.context() as patch:

        def down(*_: object) -> None:
            raise TransientError("The destination is down.")

        for call in ("commit", "recall"):
            patch.setattr(house.daemon.corridor.destination, call, down)
        loop.run(hours)
    assert house.source.fetched == ["processed/price_data/a.json"], "read once, and never again"
    assert not of(house, BatchCommitted, PRICES.name)
    assert len(of(house, DatasetFailed, PRICES.name)) == 6

    hours.end = 41 * POLL
    loop.run(hours)
    assert sum(event.receipt.counts.loaded for event in of(house, BatchCommitted, PRICES.name)) == 1


def test_a_cycle_that_fails_as_a_whole_is_tried_again_at_leisure(house, monkeypatch):
    def down(*_: object) -> None:
        raise TransientError("The destination is down.")

    hours = Hours(30 * POLL)
    with monkeypatch.context() as patch:
        patch.setattr(house.daemon.corridor.destination, "recall", down)
        looped(house, hours).run(hours)
    assert len(of(house, DatasetFailed, "")) == 6
    assert len(hours.pauses) == 30, "no pause is left out: the loop shows that it lives"


def test_a_dataset_with_much_to_do_lets_the_others_have_their_turn(tmp_path):
    house = House(tmp_path / "market.duckdb", datasets=(PRICES, INDICATORS), limits=BatchLimits(1, 1))
    for number in range(5):
        house.put(f"processed/price_data/{number}.json", [price()])
    house.put("processed/technical_indicators/i.json", [ROW])
    hours = Hours(POLL * 4)
    loop = looped(house, hours)
    seen: list[str] = []

    def told(event: object) -> None:
        house.events.append(event)
        if isinstance(event, BatchCommitted):
            seen.append(event.dataset)
            hours.now += POLL / 2  # what the batch took

    object.__setattr__(house.daemon.corridor, "tell", told)
    loop.run(hours)
    assert seen == [PRICES.name, PRICES.name, INDICATORS.name, *[PRICES.name] * 3]
    assert [event.pending for event in of(house, DatasetSettled, PRICES.name)][:3] == [3, 1, 0]
    assert hours.pauses[0] < POLL, "it went on without a pause until everything was loaded"


def test_settings_that_do_not_fit_end_the_loop(house, monkeypatch):
    def wrong(*_: object) -> None:
        raise ConfigError("The table is another's.")

    monkeypatch.setattr(house.daemon.corridor.destination, "recall", wrong)
    hours = Hours(POLL)
    with pytest.raises(ConfigError):
        looped(house, hours).run(hours)


def test_a_batch_that_takes_too_long_is_let_go_when_the_end_has_come(tmp_path):
    house = House(tmp_path / "market.duckdb", slice_rows=10)
    rows = [price(chr(65 + number // 26) + chr(65 + number % 26)) for number in range(100)]
    house.put("processed/price_data/a.json", rows)
    stop = Signal()
    asked = []

    def after_some_slices() -> bool:
        asked.append(len(asked))
        if len(asked) == 3:
            stop.set()
        return Grace(stop, 0.0).over()

    object.__setattr__(house.daemon.corridor.intake, "enough", after_some_slices)
    (report,) = house.daemon.cycle(stop)
    assert (len(asked), report.receipts, report.error) == (3, (), None)
    (event,) = of(house, BatchAbandoned, PRICES.name)
    assert event.batch_id
    assert not of(house, DatasetFailed, PRICES.name)

    assert house.restarted().cycle()[0].receipts[0].counts.loaded == 100


@dataclass
class Steady:
    """In place of an inbox: there is always something to take, and a second goes by until it is loaded."""

    hours: Hours

    def wait(self, _seconds: float) -> bool:
        self.hours.now += 1.0
        return not self.hours.is_set()

    def take(self) -> dict[str, frozenset[str]]:
        return {PRICES.name: frozenset({f"{PRICES.prefix}/x.json"})}

    def settle(self, _dataset: str, _keys: object) -> None: ...

    def ring(self) -> None: ...

    def open(self) -> None: ...


def test_a_stream_of_messages_does_not_put_the_listing_off(house: House) -> None:
    """Listings find what no message told of, move the watermark, and have other sources asked."""
    hours = Hours(end=10 * POLL)
    loop = looped(house, hours)
    loop.inbox = Steady(hours)
    loop.run(hours)
    planned = [type(event) for event in of(house, CyclePlanned, PRICES.name)]
    assert planned.count(CyclePlanned) == 10
    assert planned.count(ObjectsNamed) > 500
