"""Every line of a cycle and of a batch says so, from whatever thread it comes, and no other line does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import clear_contextvars

from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.adapters.observers.log import LogObserver, configure_logging
from etl_daemon.core.events import Event, LoopTurned, Retried
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.planning.discovery import BatchLimits
from etl_daemon.errors import BusyError, ObjectChangedError, SetupError, TransientError
from tests.support.corridor import House
from tests.support.rows import INDICATORS, PRICES, price

Entry = dict[str, Any]
LIBRARY = logging.getLogger("a.library")
FOLDER = "processed/price_data"


class Heard(list[Event]):
    """Events that are logged as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.observer = LogObserver()

    def append(self, event: Event) -> None:
        super().append(event)
        self.observer.notice(event)


class Talkative(MemorySource):
    """Each fetch has a library complain and is retried; one key is never had."""

    tell: Any = None

    def fetch(self, ref: ObjectRef) -> memoryview:
        LIBRARY.warning("fetching %s", ref.key)
        self.tell(Retried("", "memory", 1, ref.key))
        if ref.key.endswith("never"):
            raise TransientError("not now")
        return super().fetch(ref)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    root, own = logging.getLogger(), logging.getLogger("etl_daemon")
    before = root.handlers[:], root.level, own.level
    path = tmp_path / "etl.log"
    configure_logging("DEBUG", file=path)
    yield path
    root.handlers[0].close()
    root.handlers[:], root.level, own.level = before
    logging.captureWarnings(capture=False)
    clear_contextvars()


@pytest.fixture
def house(file: Path) -> House:
    heard = Heard()
    source = Talkative()
    source.tell = heard.append
    one_each = BatchLimits(2**30, 1)
    return House(
        file.with_name("etl.duckdb"), (PRICES, INDICATORS), source, events=heard, limits=one_each, holder="host:1:abcd"
    )


def lines(file: Path) -> list[Entry]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def of(entries: list[Entry], **fields: object) -> list[Entry]:
    return [entry for entry in entries if {name: entry.get(name) for name in fields} == fields]


def test_lines_of_threads_and_libraries_are_a_batch_s(house: House, file: Path) -> None:
    for name in ("a", "b", "never"):
        house.put(f"{FOLDER}/{name}", [price(), price("BAD1")])
    house.cycle()
    entries = lines(file)
    assert {entry["cycle_id"] for entry in entries} == {f"{house.clock.now():%Y%m%dT%H%M%S.%f}-abcd"}

    began = of(entries, event="batch_began")
    assert len({entry["batch_id"] for entry in began}) == 3
    in_corridor = {"get", "decode", "transform", "stage", "commit"}
    for entry in began:
        mine = of(entries, batch_id=entry["batch_id"])
        stages = {each["stage"] for each in of(mine, event="stage_ended")}
        (fetching,) = of(mine, logger="a.library")
        (retried,) = of(mine, event="retried")
        assert fetching["event"] == f"fetching {retried['detail']}"
        if retried["detail"].endswith("never"):
            assert [each["key"] for each in of(mine, event="object_deferred")] == [retried["detail"]]
            assert of(mine, event="batch_abandoned")
        else:
            assert stages == in_corridor
            assert of(mine, event="reject_share_high")
            assert of(mine, event="batch_committed", rows_loaded=1)
    outside = [entry for entry in entries if "batch_id" not in entry]
    assert {entry["stage"] for entry in of(outside, event="stage_ended")} == {"recall", "list", "sweep"}
    names = {entry["event"] for entry in outside}
    assert names == {"cycle_began", "cycle_planned", "dataset_settled", "cycle_ended", "stage_ended"}


def test_a_failure_is_its_batch_s_and_what_comes_then_is_not(house: House, file: Path) -> None:
    house.put(f"{FOLDER}/a", [price()])
    commit = house.daemon.corridor.destination.commit

    def full(*_: object) -> None:
        raise SetupError("disk full")

    house.daemon.corridor.destination.commit = full
    house.cycle()
    entries = lines(file)
    (failed,) = of(entries, event="dataset_failed")
    assert failed["batch_id"] == of(entries, event="batch_began")[0]["batch_id"]
    after = entries[entries.index(failed) + 1 :]
    assert [entry for entry in after if "batch_id" in entry] == []
    assert {entry["dataset"] for entry in of(after, event="cycle_planned")} == {INDICATORS.name}
    house.daemon.corridor.destination.commit = commit


def test_planned_again_it_is_another_batch(house: House, file: Path) -> None:
    house.put(f"{FOLDER}/a", [price()])
    commit, changed = house.daemon.corridor.destination.commit, [ObjectChangedError("committed by another run")]

    def once_changed(*given: Any) -> Any:
        if changed:
            raise changed.pop()
        return commit(*given)

    house.daemon.corridor.destination.commit = once_changed
    house.cycle()
    entries = lines(file)
    assert len(of(entries, event="batch_began")) == 2
    assert len(of(entries, event="cycle_planned", dataset=PRICES.name)) == 2
    assert [entry for entry in of(entries, event="cycle_planned") if "batch_id" in entry] == []
    assert [entry for entry in of(entries, event="stage_ended", stage="list") if "batch_id" in entry] == []


def test_other_threads_and_the_time_between_cycles_belong_to_none(house: House, file: Path) -> None:
    house.put(f"{FOLDER}/a", [price()])
    source = house.source
    fetch = source.fetch

    def beside(ref: ObjectRef) -> memoryview:
        thread = threading.Thread(target=house.events.append, args=(Retried("", "lease", 1, "503"),))
        thread.start()
        thread.join()
        return fetch(ref)

    source.fetch = beside

    def busy(*_: object) -> None:
        raise BusyError("held")

    house.daemon.corridor.destination.commit = busy
    with pytest.raises(BusyError):
        house.cycle()
    house.events.append(LoopTurned(""))
    house.events.append(Retried("", "lease", 2, "503"))
    first, turned, second = (
        of(lines(file), **each) for each in (LEASE | {"attempt": 1}, TURNED, LEASE | {"attempt": 2})
    )
    assert [{"cycle_id", "batch_id"} & set(entry) for entry in (*first, *turned, *second)] == [set()] * 3


LEASE = {"event": "retried", "dependency": "lease"}
TURNED = {"event": "loop_turned"}
