"""Events kept in the state file by a thread of its own: the corridor neither waits for the disk nor fails with it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Self, TypeAlias

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.tables import enter, enter_process
from etl_daemon.core.events import (
    BatchCommitted,
    CycleBegan,
    DatasetFailed,
    DatasetSettled,
    Event,
    HistoryUnwritten,
    LeaseAwaited,
    StageEnded,
)
from etl_daemon.core.status.history import Process
from etl_daemon.core.status.progress import STAGES
from etl_daemon.errors import EtlError
from etl_daemon.ports import Clock

Entry: TypeAlias = Callable[[sqlite3.Connection], None]

KEPT = (BatchCommitted, DatasetFailed, DatasetSettled, LeaseAwaited)
WAITING = 1_000
"""So many events may wait for a disk that is slow; further ones are not kept."""

SAMPLES_WAITING = 100
"""Behind so many, events are kept without their samples, which take most of the memory."""

CLOSE_SECONDS = 5.0
"""How long the end of the process may wait for the disk."""


class HistoryObserver:
    """Keeps what ``daemon`` does, from the first event to ``close``, which writes what is left.

    ``word`` is what started this process: a daemon that was not ended should be there to answer. ``tell`` hears once
    where nothing can be written, and once more where that happens again after it went well.
    """

    def __init__(self, file: StateFile, daemon: str, word: str, clock: Clock, tell: Callable[[Event], None]) -> None:
        self._file, self._daemon, self._clock, self._tell = file, daemon, clock, tell
        self._process = Process(word, os.getpid(), clock.now())
        self._entries: Queue[Entry | None] = Queue(WAITING)
        self._troubled = False
        self._took: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._thread = threading.Thread(target=self._keep, name="history", daemon=True)
        self._lock = threading.Lock()

    def notice(self, event: Event) -> None:
        """Have the event kept, if it is one of those that are."""
        with self._lock:
            if not self._thread.ident:
                self._thread.start()
                self._put(self._presence(self._process))
        if isinstance(event, CycleBegan):
            with self._lock:
                self._took.clear()  # what idle cycles took is no batch's
        if isinstance(event, StageEnded):
            with self._lock:
                self._took[event.dataset, event.stage] += event.seconds
        if isinstance(event, KEPT):
            stages = self._stages(event.dataset) if isinstance(event, BatchCommitted) else {}
            if isinstance(event, BatchCommitted) and self._entries.qsize() > SAMPLES_WAITING:
                event = replace(event, sample=None)
            self._put(partial(enter, daemon=self._daemon, event=event, at=self._clock.now(), stages=stages))

    def close(self) -> None:
        """Write what is left, and that the process has ended."""
        if not self._thread.ident:
            return
        ended = self._presence(replace(self._process, ended=self._clock.now()))
        with suppress(Full):  # a disk that was silent for so many events will be so for the last one
            self._entries.put(ended, timeout=CLOSE_SECONDS)
            self._entries.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _stages(self, dataset: str) -> dict[str, float]:
        """What each stage has taken in this cycle since the dataset's last commit, in seconds."""
        with self._lock:  # threads that read ahead may be adding to it
            found = {stage: seconds for (of, stage), seconds in self._took.items() if of == dataset}
            for stage in found:
                del self._took[dataset, stage]
        return {stage: found[stage] for stage in STAGES if found.get(stage)}

    def _presence(self, process: Process) -> Entry:
        return partial(enter_process, daemon=self._daemon, process=process, at=self._clock.now())

    def _put(self, entry: Entry) -> None:
        try:
            self._entries.put_nowait(entry)
        except Full:
            detail = f"{WAITING:,} events wait to be written, further ones are not kept."
            self._trouble(detail, "see what keeps the disk of ETL_STATE_DIR")

    def _keep(self) -> None:
        """All that has come meanwhile goes in one transaction."""
        while True:
            entries = [self._entries.get()]
            with suppress(Empty):
                while entries[-1] is not None:
                    entries.append(self._entries.get_nowait())
            self._write([entry for entry in entries if entry is not None])
            if entries[-1] is None:
                return

    def _write(self, entries: list[Entry]) -> None:
        def act(db: sqlite3.Connection) -> None:
            for entry in entries:
                entry(db)

        try:
            self._file.write(act, self._clock.now())
        except EtlError as error:
            self._trouble(error.detail, error.hint)
        except Exception as error:  # noqa: BLE001 - a defect here must cost a line in the log, and not what comes after
            self._trouble(f"{type(error).__name__}: {error}", "this is a defect: please report it")
        else:
            self._troubled = False

    def _trouble(self, detail: str, hint: str) -> None:
        if not self._troubled:
            self._troubled = True
            self._tell(HistoryUnwritten("", detail, hint))
