"""One run: a process is killed at a step, another takes over, and nobody can tell from what is there."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from signal import SIGKILL

from etl_daemon.bootstrap.runtime import build
from etl_daemon.config import Settings, settings_from
from etl_daemon.core.model import Receipt
from tests.support.chaos import world
from tests.support.chaos.kills import AFTER, BATCH, BEFORE, CYCLE, DURING, SNOWFLAKE, STEPS, Death, Step
from tests.support.chaos.order import misplaced
from tests.support.chaos.sites import Contents, DuckDBSite, Site, SnowflakeSite, audited, contents, without_faults
from tests.support.command import Ended, Shell
from tests.support.snowflake import Emulator, Statement

ROOT = Path(__file__).resolve().parents[3]
MODES = ("UPSERT", "APPEND", "INCREMENTAL", "FULL", "TRUNCATE_INSERT")
REPLACING = {"FULL", "TRUNCATE_INSERT"}
SAME, RIVAL = "same daemon", "rival"
BATCHES, OBJECTS = 3, 4
"""How many of them every mode comes to between the kill's start and its end; one batch where the table is replaced."""

TRIES = 4
HUNG_SECONDS = 1.0
IMPATIENT = {"ETL_TIMEOUT": "4"}
"""How soon a process gives up on a COMMIT that is not answered."""

ALONE = {"ETL_LEASE_URL": "none"} if "etl_lease_url" in Settings.model_fields else {}
"""Fence and ledger only: nothing else keeps two processes apart."""


@dataclass(frozen=True, slots=True)
class Case:
    """A kill, and who takes over."""

    mode: str
    death: Death
    heir: str

    def __str__(self) -> str:
        death = self.death
        return f"{self.mode} {death.destination} {death.step} {death.moment} {self.heir}"


def cases(destination: str) -> Iterator[Case]:
    """The whole matrix of a destination. Which of several batches or objects it is goes by a checksum of the case."""
    for mode in MODES:
        for step in STEPS:
            for moment in step.moments if destination in step.destinations else ():
                for heir in (SAME, RIVAL):
                    yield case(mode, step, moment, destination, heir)


def case(mode: str, step: Step, moment: str, destination: str, heir: str) -> Case:
    """A kill with its place in the cycle."""
    chosen = Case(mode, Death(step.name, moment, destination), heir)
    times = 1 if step.each == CYCLE or (step.each == BATCH and mode in REPLACING) else OBJECTS
    times = min(times, BATCHES) if step.each == BATCH else times
    nth = zlib.crc32(str(chosen).encode()) % times
    return Case(mode, Death(step.name, moment, destination, nth), heir)


class Scenes:
    """Where runs begin and how they should end, made once per mode and destination."""

    def __init__(self, folder: Path, emulator: Callable[[], Emulator]) -> None:
        self._folder = folder
        self._emulator = emulator
        self._made: dict[tuple[str, str], tuple[Site, Contents]] = {}
        self._logged = 0

    def of(self, mode: str, destination: str) -> tuple[Site, Contents]:
        """A site with what was loaded before, and what an undisturbed run leaves."""
        if (mode, destination) not in self._made:
            self._made[mode, destination] = self._play(mode, destination)
        return self._made[mode, destination]

    def log(self) -> list[Statement]:
        """What the emulator was sent since the last call."""
        statements = self._emulator().statements(self._logged)
        self._logged += len(statements)
        return statements

    def _play(self, mode: str, destination: str) -> tuple[Site, Contents]:
        folder = self._folder / f"{mode}-{destination}"
        (folder / "copy").mkdir(parents=True)
        start = SnowflakeSite(self._emulator()) if destination == SNOWFLAKE else DuckDBSite(folder)
        settings = world.settings(folder, mode)
        world.arrive(folder / "bucket", 0)
        cycle(settings, start)
        site = start.copy(folder / "copy")
        for phase in (1, 2):
            world.arrive(folder / "bucket", phase, whole=mode == "TRUNCATE_INSERT")
            assert cycle(settings, site), "Nothing had arrived."
        found = contents(site)
        assert audited(found), found
        return start, found


def cycle(settings: Mapping[str, str], site: Site) -> tuple[Receipt, ...]:
    """Load what has arrived, in this process; what was committed."""
    with build(settings_from({**settings, **site.settings(), **ALONE})) as runtime:
        (report,) = runtime.daemon().cycle()
    assert not report.failed, report.error
    return report.receipts


def run(case: Case, folder: Path, scenes: Scenes) -> None:
    """Kill, let more arrive, take over, compare.

    Raises:
        AssertionError: the kill did not happen, nobody could take over, or it shows.
    """
    start, undisturbed = scenes.of(case.mode, case.death.destination)
    site = start.copy(folder)
    settings = {**world.settings(folder, case.mode), **site.settings(), **ALONE}
    for phase in (0, 1):
        world.arrive(folder / "bucket", phase, whole=case.mode == "TRUNCATE_INSERT")
    killed = _killed(case.death, Shell(folder, settings), site)
    assert killed.code == -SIGKILL, f"{case}: not killed, but {killed}"

    world.arrive(folder / "bucket", 2)
    _take_over(case, Shell(folder, settings))
    assert not cycle(settings, site), f"{case}: something was left pending."
    compare(contents(site), undisturbed)
    if isinstance(site, SnowflakeSite):
        assert not misplaced(scenes.log())


def compare(found: Contents, undisturbed: Contents) -> None:
    """Nothing is lost, and nothing is there twice."""
    for what, rows in undisturbed.items():
        assert found[what] == rows, f"{what}: lost {rows - found[what]}, gained {found[what] - rows}"
    assert audited(found)


def _killed(death: Death, shell: Shell, site: Site) -> Ended:
    die = partial(execute, shell, death)
    if death.step != "answer lost" or not isinstance(site, SnowflakeSite):
        return die()
    with without_faults(site.emulator):
        if death.moment == DURING:
            site.emulator.fault("^COMMIT", action="hang", seconds=HUNG_SECONDS)
            return die()
        assert death.moment in {BEFORE, AFTER}
        site.emulator.fault("^COMMIT", action="drop", when=death.moment, times=99)
        return die(**IMPATIENT)


def _take_over(case: Case, shell: Shell) -> None:
    """Until a cycle ends well; a dead process's transaction may be in the way for a moment."""
    ended: list[Ended] = []
    while not ended or (ended[-1].code and len(ended) < TRIES):
        if case.heir == RIVAL:
            ended.append(execute(shell, None, CHAOS_HOST="rival.example", ETL_STATE_DIR=str(shell.folder / "rival")))
        else:
            ended.append(execute(shell, None))
    assert not ended[-1].code, f"{case}: {ended}"


def execute(shell: Shell, death: Death | None, **settings: str) -> Ended:
    """``etl-daemon once`` in a process of its own."""
    words = [json.dumps(asdict(death) if death else None), "once"]
    return shell.run_module("tests.support.chaos.kills", *words, **settings)


@dataclass(slots=True)
class Stopwatch:
    """Seconds since it was made."""

    started: float

    @classmethod
    def start(cls) -> Stopwatch:
        return cls(time.monotonic())

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started
