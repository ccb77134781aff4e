"""Snowflake does not answer, or not what was hoped for: in the end everything is there, once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.config import settings_from
from etl_daemon.errors import EtlError
from tests.support.chaos import world
from tests.support.chaos.kills import SNOWFLAKE
from tests.support.chaos.order import batches, first_word, misplaced
from tests.support.chaos.runs import ALONE, Scenes, compare, cycle
from tests.support.chaos.sites import SnowflakeSite, contents
from tests.support.rows import price
from tests.support.snowflake import Emulator

INTO_TARGET = "^INSERT INTO .*PRICE_DATA"
SESSION_GONE = 390111
IMPATIENT = {"ETL_TIMEOUT": "2", "SNOWFLAKE_STATEMENT_TIMEOUT": "1"}
"""A statement is given up after three seconds, a lock after two, a call that is not answered after two."""


@dataclass(frozen=True, slots=True)
class Corridor:
    """A bucket, a database, and the settings between them; what arrives before the fault is there."""

    folder: Path
    site: SnowflakeSite
    settings: Mapping[str, str]
    scenes: Scenes

    def runtime(self, **more: str) -> Runtime:
        return build(settings_from({**self.settings, **self.site.settings(), **ALONE, **more}))

    def try_cycle(self, **more: str) -> None:
        """A cycle that may fail."""
        with suppress(EtlError), self.runtime(**more) as runtime:
            runtime.daemon().cycle()

    def ends_well(self, undisturbed) -> None:
        """Let the rest arrive, and compare."""
        self.site.emulator.clear_faults()
        world.arrive(self.folder / "bucket", 2)
        assert cycle(self.settings, self.site)
        assert not cycle(self.settings, self.site)
        compare(contents(self.site), undisturbed)


def corridor_in(folder: Path, site: SnowflakeSite, scenes: Scenes) -> Corridor:
    settings = world.settings(folder, "UPSERT")
    for phase in (0, 1):
        world.arrive(folder / "bucket", phase)
    return Corridor(folder, site, settings, scenes)


@pytest.fixture
def undisturbed(scenes):
    return scenes.of("UPSERT", SNOWFLAKE)[1]


@pytest.fixture
def corridor(tmp_path, scenes):
    """On the shared stand-in; whatever a test does, no statement may be out of place."""
    site = scenes.of("UPSERT", SNOWFLAKE)[0].copy(tmp_path)
    scenes.log()
    corridor = corridor_in(tmp_path, site, scenes)
    yield corridor
    site.emulator.clear_faults()


FAULTS: dict[str, dict[str, object]] = {
    "no answer to COMMIT comes": {"match": "^COMMIT", "action": "drop", "when": "after", "times": 99},
    "503 once in the publish": {"match": INTO_TARGET, "action": "503"},
    "COMMIT takes effect after it was given up": {"match": "^COMMIT", "action": "hang", "seconds": 4},
    "lock not got": {"match": "^UPDATE .*ETL_CURSORS", "action": "error", "errno": 625, "sqlstate": "57014"},
    "session gone within the transaction": {"match": INTO_TARGET, "action": "error", "errno": SESSION_GONE},
    "login refused once": {"match": "^LOGIN$", "action": "error", "errno": 390422, "sqlstate": "08001"},
}
MORE_FAULTS: dict[str, dict[str, object]] = {
    "the answer to COMMIT is lost once": {"match": "^COMMIT", "action": "drop", "when": "after"},
    "COMMIT is lost once": {"match": "^COMMIT", "action": "drop"},
    "no COMMIT comes through": {"match": "^COMMIT", "action": "drop", "times": 99},
    "503 after COMMIT": {"match": "^COMMIT", "action": "503", "when": "after", "times": 99},
    "503 before COMMIT": {"match": "^COMMIT", "action": "503", "times": 99},
    "503 for all of the publish": {"match": INTO_TARGET, "action": "503", "times": 99},
    "the publish hangs once": {"match": INTO_TARGET, "action": "hang", "seconds": 4},
    "the publish is given up and arrives late": {"match": INTO_TARGET, "action": "hang", "seconds": 4, "times": 99},
    "all COMMITs are given up and arrive late": {"match": "^COMMIT", "action": "hang", "seconds": 4, "times": 99},
    "session gone at COMMIT": {"match": "^COMMIT", "action": "error", "errno": SESSION_GONE},
    "session gone at the mark": {"match": "^ALTER SESSION", "action": "error", "errno": SESSION_GONE},
    "COPY fails": {"match": "^COPY", "action": "error", "errno": 370001},
    "login answered with 503": {"match": "^LOGIN$", "action": "503", "times": 99},
}
"""For `make chaos`."""


@pytest.mark.parametrize("fault", [*FAULTS, *(pytest.param(name, marks=pytest.mark.chaos) for name in MORE_FAULTS)])
def test_every_row_is_there_once_whatever_befell(corridor, undisturbed, fault):
    corridor.site.emulator.fault(**{**FAULTS, **MORE_FAULTS}[fault])
    corridor.try_cycle(**IMPATIENT)
    corridor.ends_well(undisturbed)
    statements = corridor.scenes.log()
    assert not misplaced(statements)
    assert any(first_word(each) == "COMMIT" for each in statements)


def test_a_lock_of_another_transaction_is_waited_for(corridor, undisturbed):
    cursors = f"{corridor.site.database}.ETL_CONTROL.ETL_CURSORS"
    with corridor.site.emulator.connect(autocommit=False) as other:
        other.cursor().execute("BEGIN")
        other.cursor().execute(f"UPDATE {cursors} SET HOLDER = 'another' WHERE FALSE")
        release = threading.Timer(1.0, other.rollback)
        release.start()
        receipts = cycle(corridor.settings, corridor.site)
        release.join()
    assert len(receipts) == 3
    corridor.ends_well(undisturbed)


def test_a_lock_that_is_kept_fails_the_cycle_and_nothing_else(corridor, undisturbed):
    cursors = f"{corridor.site.database}.ETL_CONTROL.ETL_CURSORS"
    with corridor.site.emulator.connect(autocommit=False) as other:
        other.cursor().execute("BEGIN")
        other.cursor().execute(f"UPDATE {cursors} SET HOLDER = 'another' WHERE FALSE")
        keeping = threading.Event()
        keeper = threading.Thread(target=_keep, args=(other, keeping))
        keeper.start()
        with corridor.runtime(**IMPATIENT) as runtime:
            (report,) = runtime.daemon().cycle()
        keeping.set()
        keeper.join()
        assert "625" in str(report.error)
        other.rollback()
    corridor.ends_well(undisturbed)


def _keep(connection, until: threading.Event) -> None:
    """Keep a session from being taken for a vanished one."""
    while not until.wait(0.3):
        connection.cursor().execute("SELECT 1")


@pytest.mark.parametrize(
    ("match", "when"),
    [
        (INTO_TARGET, "before"),
        ("^COMMIT", "after"),
        pytest.param("^COMMIT", "before", marks=pytest.mark.chaos),
        pytest.param("^BEGIN", "after", marks=pytest.mark.chaos),
        pytest.param("^COPY", "before", marks=pytest.mark.chaos),
    ],
)
def test_the_server_is_killed_and_started_again(tmp_path, scenes, undisturbed, match, when):
    with Emulator(tmp_path / "databases", detached_after_seconds=1.5) as emulator:
        corridor = corridor_in(tmp_path, SnowflakeSite(emulator), scenes)
        _load_first(corridor)
        emulator.fault(match, action="kill", when=when)
        corridor.try_cycle(**IMPATIENT)
        assert emulator.wait() == 137
        emulator.start()
        corridor.ends_well(undisturbed)


def _load_first(corridor: Corridor) -> None:
    """What the scenes have loaded already."""
    later = corridor.folder / "bucket" / "processed" / "price_data" / "new"
    later.rename(corridor.folder / "later")
    world.arrive(corridor.folder / "bucket", 0)
    assert cycle(corridor.settings, corridor.site)
    (corridor.folder / "later").rename(later)
    world.arrive(corridor.folder / "bucket", 1)


# ---------------------------------------------------------------- how many statements


def test_a_daemon_with_nothing_to_do_sends_nothing(corridor):
    with corridor.runtime(ETL_SWEEP_HOURS="24") as runtime:
        daemon = runtime.daemon()
        (first,) = daemon.cycle()
        assert first.receipts
        corridor.scenes.log()
        assert not any(report.receipts for _ in range(3) for report in daemon.cycle())
        assert corridor.scenes.log() == []


def test_an_idle_daemon_sends_nothing_from_its_second_cycle_on(corridor):
    cycle({**corridor.settings, "ETL_SWEEP_HOURS": "24"}, corridor.site)
    corridor.scenes.log()
    with corridor.runtime(ETL_SWEEP_HOURS="24") as runtime:
        daemon = runtime.daemon()
        daemon.cycle()
        assert len(corridor.scenes.log()) <= 2
        daemon.cycle()
        assert corridor.scenes.log() == []


def test_a_plain_batch_takes_14_statements_at_most(corridor):
    corridor.try_cycle()
    corridor.scenes.log()
    plain = corridor.folder / "bucket"
    world.put(plain, "new/plain.json", [price("PPP", world.FIRST)], world.BASE + timedelta(hours=1))
    assert cycle(corridor.settings, corridor.site)
    (batch,) = batches(corridor.scenes.log())
    assert len(batch) <= 14, [each.sql for each in batch]


def test_a_batch_with_all_that_can_be_takes_24_statements_at_most(corridor):
    """The first batch before the kill: bad rows, anomalies, a restatement, and rows that beat others."""
    cycle(corridor.settings, corridor.site)
    first, *_ = batches(corridor.scenes.log())
    words = [each.sql for each in first]
    assert any("ETL_QUARANTINE" in sql for sql in words)
    assert any("DELETE FROM" in sql and "ANOMALIES" in sql for sql in words)
    assert len(first) <= 24, words
