"""A storm from its first object to the report."""

from __future__ import annotations

import heapq
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.request import Request, urlopen

from tests.storm import script, store_faults
from tests.storm.destinations import DESTINATIONS, LONGEST_SECONDS, Destination
from tests.storm.script import Act
from tests.storm.store_faults import StoreFaults
from tests.storm.workers import Worker
from tests.storm.writer import Writer
from tests.support.command import Shell
from tests.support.faultproxy import fault_proxy
from tests.support.s3_servers import ceph_gateway, moto_server

CHECKER = Path(__file__).with_name("checker.py")
BUCKET = "storm"
DELIVERY_EVERY_SECONDS = 1.0
DRAIN_SECONDS, LOOK_EVERY_SECONDS = 600.0, 5.0
MOST_CLOCK_SECONDS = 600
"""Stores refuse what is signed with a clock that is 15 minutes off."""

KILL, STOP, CLOCK, ONCE, RESTART = "kill -9", "SIGSTOP", "clock set", "once", "SIGTERM"
WORKERS_EVERY_SECONDS = {KILL: 40.0, STOP: 50.0, CLOCK: 30.0, ONCE: 30.0, RESTART: 100.0}
DATASETS = """
[datasets.technical_indicators]
enabled = false
[datasets.anomalies]
enabled = false
[datasets.ticks]
kind = "price_data"
prefix = "vendor/ticks"
table = "MARKET_DATA.TICKS"
mode = "APPEND"
window_hours = 0.05
[datasets.roster]
kind = "price_data"
prefix = "vendor/roster"
table = "MARKET_DATA.ROSTER"
mode = "FULL"
"""
SETTINGS = {
    "S3_BUCKET": BUCKET,
    "PRICE_DATA_WINDOW": 0.05,
    "ETL_LOOKBACK_HOURS": 0.05,
    "ETL_POLL_INTERVAL_SECONDS": 1,
    "ETL_LEASE_SECONDS": 6,
    "ETL_TIMEOUT": 10,
    "ETL_MAX_RETRIES": 2,
    "ETL_RETRY_DELAY": 0.2,
    "ETL_STOP_SECONDS": 5,
    "ETL_BATCH_SIZE": 1000,
    "LOG_LEVEL": "INFO",
}


@dataclass(frozen=True, slots=True)
class Storm:
    """Which one: the destination and the store by name, how long it lasts, and what it is made from."""

    destination: str
    store: str
    seconds: float
    seed: int

    def __str__(self) -> str:
        return f"{self.destination} and {self.store}"


@dataclass
class Run:
    """All who take part. What is to happen lies in ``_agenda``."""

    storm: Storm
    folder: Path
    destination: Destination
    store_faults: StoreFaults
    writer: Writer
    workers: list[Worker]
    cron: Worker
    done: Counter[str] = field(default_factory=Counter)
    _agenda: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _pause: threading.Event = field(default_factory=threading.Event)

    def go(self) -> str:
        """Through it, and until everything is there; the report.

        Raises:
            AssertionError: it is not there in the end, or a process did not behave.
        """
        self._write_down()
        self._play(self.storm.seconds)
        self._cease()
        self._drain()
        for each in self.workers:
            each.end()
        code, report = self._judge()
        crashes = [line for each in (*self.workers, self.cron) for line in each.crashes]
        assert not code, report
        assert not crashes, "\n".join([report, *crashes])
        return report

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Have something done that many seconds from now."""
        heapq.heappush(self._agenda, (time.monotonic() + seconds, next(self._numbers), act))

    # ------------------------------------------------------------ the storm

    def _write_down(self) -> None:
        seed, seconds = self.storm.seed, self.storm.seconds
        for delivery in script.deliveries(seed, seconds, DELIVERY_EVERY_SECONDS):
            self.later(delivery.at_seconds, lambda delivery=delivery: self.writer.write(delivery))
        for kinds, do in (
            (store_faults.EVERY_SECONDS, self._store),
            (self.destination.every_seconds, self._destination),
            (WORKERS_EVERY_SECONDS, self._workers),
        ):
            for act in script.acts(seed, seconds, kinds):
                self.later(act.at_seconds, lambda act=act, do=do: do(act))

    def _play(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while self._agenda and self._agenda[0][0] <= time.monotonic():
                heapq.heappop(self._agenda)[2]()
            for each in self.workers:
                each.look()
            self.cron.note()
            self._pause.wait(0.05)

    def _store(self, act: Act) -> None:
        self.store_faults.strike(act)
        if act.kind == store_faults.OUTAGE:
            self.later(5 + act.amount * 2 * LONGEST_SECONDS, self.store_faults.recover)

    def _destination(self, act: Act) -> None:
        try:
            undo = self.destination.strike(act, [each.pid for each in (*self.workers, self.cron) if each.pid])
        except BlockingIOError:
            self.later(0.2, lambda: self._destination(act))
            return
        self.done[f"{act.kind} (destination)"] += 1
        if undo:
            self.later(1 + act.amount * LONGEST_SECONDS, undo)

    def _workers(self, act: Act) -> None:
        worker = self.workers[act.actor]
        self.done[act.kind] += 1
        if act.kind == ONCE:
            if not self.cron.process:
                self.cron.start()
        elif act.kind == KILL:
            worker.kill()
        elif act.kind == STOP:
            worker.send(signal.SIGSTOP)
            self.later(1 + act.amount * LONGEST_SECONDS, lambda: worker.send(signal.SIGCONT))
        elif act.kind == CLOCK:
            worker.set_clock(int((2 * act.amount - 1) * MOST_CLOCK_SECONDS))
        else:
            worker.send(signal.SIGTERM)

    # ------------------------------------------------------------ the calm

    def _cease(self) -> None:
        """Undo what is to be undone, and let everybody work."""
        while self._agenda:
            heapq.heappop(self._agenda)[2]()
        self.store_faults.cease()
        self.destination.cease()
        for each in (*self.workers, self.cron):
            each.set_clock(0)
            each.send(signal.SIGCONT)

    def _drain(self) -> None:
        end = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < end:
            self._play(LOOK_EVERY_SECONDS)
            if not self.cron.process and not self._judge()[0]:
                return

    def _judge(self) -> tuple[int, str]:
        """What the checker says."""
        manifest, *documents = self.writer.manifest, self.folder / "destination.json", self.folder / "story.json"
        for path, document in zip(documents, (self.destination.address(), self._story()), strict=True):
            path.write_text(json.dumps(document))
        told = subprocess.run(
            [sys.executable, CHECKER, manifest, *documents], capture_output=True, text=True, timeout=300, check=False
        )
        return told.returncode, told.stdout + told.stderr

    def _story(self) -> dict[str, object]:
        return {
            "world": str(self.storm),
            "seed": self.storm.seed,
            "seconds": self.storm.seconds,
            "counts": {
                "requests": self.store_faults.proxy.befallen,
                "acts": self.done,
                "ends": self.cron.ends,
                "versions": self.writer.counts,
            },
        }


def play(storm: Storm, folder: Path) -> str:
    """Play a storm, all of it below ``folder``; the report.

    Raises:
        AssertionError: something is lost, doubled or wrong in the end.
    """
    with ExitStack() as stack:
        store = moto_server() if storm.store == "moto" else ceph_gateway(folder / "ceph")
        url = stack.enter_context(store)
        if storm.store == "moto":  # whose servers of one process have their objects in common
            urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
        proxy = stack.enter_context(fault_proxy(url))
        destination: Destination = DESTINATIONS[storm.destination](folder)
        stack.callback(destination.close)
        (folder / "datasets.toml").write_text(DATASETS)
        settings = {**SETTINGS, **destination.settings(), "ETL_DATASETS_FILE": folder / "datasets.toml"}
        shell = Shell(folder, {**settings, "AWS_ENDPOINT_URL": proxy.url})
        writer = Writer(url, BUCKET, folder / "manifest.jsonl")
        with _workers(shell) as (*workers, cron):
            return Run(storm, folder, destination, StoreFaults(proxy), writer, workers, cron).go()


@contextmanager
def _workers(shell: Shell) -> Iterator[list[Worker]]:
    """Two daemons and cron; the tables are there already."""
    begun = shell.run("init")
    assert not begun.code, begun.err
    ends: Counter[str] = Counter()
    workers = [Worker(shell, f"{name}.example", "run", ends) for name in ("one", "two")]
    workers.append(Worker(shell, "cron.example", "once", ends))
    try:
        yield workers
    finally:
        for each in workers:
            each.kill()
