"""Two daemons on the same objects, killed at random times and started again, with nothing but fence and ledger."""

from __future__ import annotations

import json
import string
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from signal import SIGKILL, SIGTERM

import duckdb
from snowflake.connector.errors import ProgrammingError

from tests.support.chaos import world
from tests.support.chaos.runs import ALONE, ROOT
from tests.support.chaos.sites import Site, audited, contents
from tests.support.command import Shell
from tests.support.rows import price

LONGEST_LIFE_SECONDS = 2.0
"""From its first log line on; a batch takes a tenth of that, or less."""

BAD_EACH = 7
_PAUSE = threading.Event()


@dataclass(frozen=True, slots=True)
class Load:
    """How many objects there are, how many a batch takes, how often each of the two is killed, and how long it takes.

    Object i holds symbols i and i + 1, so that each of its rows but the first meets that of the next.
    """

    objects: int
    per_batch: int
    kills: int
    bound_seconds: float
    mode: str = "APPEND"

    def settings(self, folder: Path) -> Mapping[str, str]:
        return {
            **world.settings(folder, self.mode),
            "ETL_BATCH_SIZE": str(self.per_batch * world.OBJECT_BYTES // 128),
            "ETL_SWEEP_HOURS": "24",
            "ETL_POLL_INTERVAL_SECONDS": "0.1",
            "LOG_LEVEL": "INFO",
        }

    def arrive(self, folder: Path, start: int, end: int) -> None:
        """Put objects from ``start`` up to ``end`` into the bucket."""
        for number in range(start, min(end, self.objects)):
            rows = [price(symbol(number)), price(symbol(number + 1), close=10.6)]
            rows += [price("bad symbol")] if number % BAD_EACH == 0 else []
            world.put(folder / "bucket", f"{number:04}.json", rows, world.BASE + timedelta(seconds=number))

    def expected(self) -> Counter[tuple[str, int, str]]:
        """What the target must hold in the end: (object key, row, symbol)."""
        rows = {(number, row): symbol(number + row - 1) for number in range(self.objects) for row in (1, 2)}
        if self.mode == "UPSERT":  # the second row of each object gives way to the first of the next
            rows = {place: of for place, of in rows.items() if place[1] == 1 or place[0] == self.objects - 1}
        return Counter((f"processed/price_data/{number:04}.json", row, of) for (number, row), of in rows.items())


def symbol(number: int) -> str:
    """A symbol of three letters."""
    letters = string.ascii_uppercase
    return letters[number // 676] + letters[number // 26 % 26] + letters[number % 26]


@dataclass(slots=True)
class Daemon:
    """One of the two: ``etl-daemon run`` on a host of its own, killed and started again."""

    shell: Shell
    host: str
    random: Random
    kills_left: int
    process: subprocess.Popen[bytes] | None = None
    log: list[bytes] = field(default_factory=list)
    dies_at: float | None = None

    def start(self) -> None:
        settings = {"CHAOS_HOST": self.host, "ETL_STATE_DIR": str(self.shell.folder / self.host)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.chaos.kills", json.dumps(None), "run"],
            cwd=self.shell.folder,
            env=self.shell.environment(PYTHONPATH=str(ROOT), **settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.dies_at = None
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr
        for line in process.stderr:
            self.log.append(line)
            if self.dies_at is None:
                self.dies_at = time.monotonic() + self.random.uniform(0, LONGEST_LIFE_SECONDS)

    def look(self) -> bool:
        """Kill it if its time has come, and start another; whether that was so."""
        assert self.process
        assert self.process.poll() is None, f"{self.host} ended by itself: {self.log[-3:]}"
        if not self.kills_left or self.dies_at is None or time.monotonic() < self.dies_at:
            return False
        self.end(SIGKILL)
        self.kills_left -= 1
        self.start()
        return True

    def end(self, number: int) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)


def hammer(load: Load, site: Site, folder: Path, seed: int) -> int:
    """Let both work until everything is there; how many kills there were.

    Raises:
        AssertionError: something is lost, is there twice, or is not there in time.
    """
    shell = Shell(folder, {**load.settings(folder), **site.settings(), **ALONE})
    random = Random(seed)
    load.arrive(folder, 0, load.objects // 2)
    both = [Daemon(shell, host, Random(random.random()), load.kills) for host in ("one.example", "two.example")]
    end = time.monotonic() + load.bound_seconds
    try:
        _play(load, site, both, end)
    finally:
        ends = [(daemon.end(SIGTERM), daemon) for daemon in both if daemon.process]
    # one that was started a moment ago has said nothing yet, and may not have its handlers
    wrong = [(code, daemon.log[-3:]) for code, daemon in ends if code and (code, daemon.dies_at) != (-SIGTERM, None)]
    assert not wrong, wrong
    judge(load, site)
    return 2 * load.kills


def _play(load: Load, site: Site, both: list[Daemon], end: float) -> None:
    for daemon in both:
        daemon.start()
    arrived, portion = load.objects // 2, -(-load.objects // (4 * load.kills))
    folder = both[0].shell.folder
    while any(daemon.kills_left for daemon in both):
        assert time.monotonic() < end, f"{[daemon.kills_left for daemon in both]} kills to go."
        for daemon in both:
            if daemon.look():
                load.arrive(folder, arrived, arrived + portion)
                arrived += portion
        _PAUSE.wait(0.02)
    load.arrive(folder, arrived, load.objects)
    while (done := _committed(site)) < load.objects:
        assert time.monotonic() < end, f"{done} of {load.objects} objects are there."
        for daemon in both:
            daemon.look()
        _PAUSE.wait(0.3)


def _committed(site: Site) -> int:
    try:
        return int(site.ask("SELECT COUNT(DISTINCT KEY) FROM ETL_CONTROL.ETL_OBJECTS")[0][0][0])
    except (duckdb.Error, ProgrammingError):  # one of the two has the file, or none has made the table yet
        return 0


def judge(load: Load, site: Site) -> None:
    """Nothing is lost and nothing is there twice."""
    found = contents(site)
    prices = Counter({(row[0], int(row[1]), row[3]): times for row, times in found["prices"].items()})
    expected = load.expected()
    assert prices == expected, f"lost {expected - prices}, gained {prices - expected}"
    keys = Counter(line[0] for line in found["ledger"].elements())
    assert set(keys.values()) == {1}
    assert len(keys) == load.objects
    assert found["quarantine"].total() == -(-load.objects // BAD_EACH)
    assert audited(found)
