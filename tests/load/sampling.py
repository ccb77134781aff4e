"""What a running daemon shows from outside: its process, its files, its answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request; status 0: there was none."""

    status: int
    seconds: float
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Sample:
    """At one moment: bytes, seconds of CPU so far, objects, and the answers by path, without their bodies.

    ``pending_seconds`` is the age of the oldest pending object of all datasets, 0 if none is.
    """

    at: float
    puts: int
    loaded: float
    cycles: float
    pending_seconds: float
    resident: int
    cpu: float
    database: int
    state: int
    answers: Mapping[str, Answer]


@dataclass(frozen=True, slots=True)
class Sampler:
    """Asks one daemon; ``puts`` tells how many objects there are by now."""

    pid: int
    port: int
    database: Path
    state: Path
    paths: tuple[str, ...]
    puts: Callable[[], int]

    def take(self) -> Sample:
        answers = {path: self._ask(path) for path in self.paths}
        metrics = _metrics(answers["/metrics"].body)
        oldest = [value for (name, *_), value in metrics.items() if name == "etl_oldest_pending_timestamp_seconds"]
        return Sample(
            at=time.time(),
            puts=self.puts(),
            loaded=sum(value for name, value in metrics.items() if name[0] == "etl_objects_total" and "loaded" in name),
            cycles=metrics.get(("etl_cycle_duration_seconds_count",), 0),
            pending_seconds=max([time.time() - value for value in oldest if value], default=0.0),
            resident=resident_bytes(self.pid),
            cpu=cpu_seconds(self.pid),
            database=size_of(self.database, self.database.with_name(f"{self.database.name}.wal")),
            state=size_of(*self.state.rglob("*")),
            answers={path: Answer(each.status, each.seconds) for path, each in answers.items()},
        )

    def _ask(self, path: str) -> Answer:
        began, connection = time.monotonic(), HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return Answer(answer.status, time.monotonic() - began, body)
        except (OSError, HTTPException):
            return Answer(0, time.monotonic() - began)
        finally:
            connection.close()


def _metrics(text: bytes) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(text.decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def resident_bytes(pid: int) -> int:
    """What the process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def largest_bytes(pid: int) -> int:
    """What it had at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def cpu_seconds(pid: int) -> float:
    """What it has spent."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def size_of(*paths: Path) -> int:
    """Of the files among them that are there."""
    found = 0
    for path in paths:
        try:
            found += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return found
