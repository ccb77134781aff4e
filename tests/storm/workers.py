"""Processes of etl-daemon with a host and a clock of their own, that are killed, stopped and started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.chaos.runs import ROOT
from tests.support.command import Shell
from tests.support.s3_servers import require

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
RESTART_SECONDS = 1.0
ORDERLY_SECONDS = 60.0
DEFECT = (b"Traceback", b"please report it")
"""What no log line says, whatever befell it."""

_SHARED_MEMORY = Path("/dev/shm")


@dataclass
class Worker:
    """``etl-daemon WORD`` on a host of its own: one process after the other. Its log goes to a file."""

    shell: Shell
    host: str
    word: str
    ends: Counter[str]
    """What becomes of all workers: how they ended by themselves."""

    process: subprocess.Popen[bytes] | None = None
    crashes: list[str] = field(default_factory=list)
    _rests_until: float = 0.0
    _ending: bool = False
    _readers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        require(FAKETIME is not None, "libfaketime", "apt-get install faketime")
        self._clock = self.shell.folder / f"{self.host}.clock"
        self.set_clock(0)

    @property
    def pid(self) -> int:
        """Of the running process; 0: there is none."""
        return self.process.pid if self.process and self.process.poll() is None else 0

    def start(self) -> None:
        environment = self.shell.environment(
            PYTHONPATH=ROOT,
            CHAOS_HOST=self.host,
            ETL_STATE_DIR=self.shell.folder / self.host,
            LD_PRELOAD=FAKETIME,
            FAKETIME_TIMESTAMP_FILE=self._clock,
            FAKETIME_CACHE_DURATION=1,
            FAKETIME_DONT_FAKE_MONOTONIC=1,
            NO_FAKE_STAT=1,
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.chaos.kills", json.dumps(None), self.word],
            cwd=self.shell.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._readers.append(threading.Thread(target=self._read, args=(self.process,), daemon=True))
        self._readers[-1].start()

    def look(self) -> None:
        """Start the next one, a moment after the last has ended."""
        if self.process and self.process.poll() is not None:
            self.note()
            self._rests_until = time.monotonic() + RESTART_SECONDS
        if self.process is None and time.monotonic() > self._rests_until:
            self.start()

    def note(self) -> None:
        """Note how the process ended, if it has."""
        if self.process and (code := self.process.poll()) is not None:
            if code != -signal.SIGKILL:
                self.ends[f"{self.word} ended with {code}"] += 1
            _forget(self.process.pid)
            self.process = None

    def set_clock(self, seconds: int) -> None:
        """Put the clock that far off."""
        self._clock.write_text(f"{seconds:+}s\n")

    def send(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self.process:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        if self.process:
            self.process.wait()
            self.note()

    def end(self) -> None:
        """End it in good order, which has to take less than ``ORDERLY_SECONDS``."""
        self.send(signal.SIGTERM)
        if self.process:
            try:
                self.process.wait(ORDERLY_SECONDS)
            except subprocess.TimeoutExpired:
                self.crashes.append(f"{self.host} did not end within {ORDERLY_SECONDS:g} s")
                self.kill()
            self.note()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr
        with (self.shell.folder / f"{self.host}.log").open("ab") as log, process.stderr:
            for line in process.stderr:
                log.write(line)
                if any(words in line for words in DEFECT):
                    self.crashes.append(f"{self.host}: {line.decode(errors='replace').strip()[:400]}")


def _forget(process: int) -> None:
    """Remove what libfaketime leaves behind of a process that was killed."""
    for name in (f"faketime_shm_{process}", f"sem.faketime_sem_{process}"):
        (_SHARED_MEMORY / name).unlink(missing_ok=True)
