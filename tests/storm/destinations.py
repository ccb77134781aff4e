"""Destinations that fail while rows come in."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import duckdb

from tests.storm.script import Act
from tests.support.snowflake import Emulator

DATABASE = "FINANCIAL_DATA"
LONGEST_SECONDS = 15.0
Undo = Callable[[], object]


class Destination(Protocol):
    """A destination, and what may befall it: ``every_seconds`` by kind."""

    every_seconds: Mapping[str, float]

    def settings(self) -> Mapping[str, object]:
        """Settings that lead a daemon here."""

    def address(self) -> Mapping[str, Any]:
        """Where the checker finds it."""

    def strike(self, act: Act, users: Iterable[int]) -> Undo | None:
        """Let it be befallen, ``users`` being the processes that use it; what ends that, if it has to be ended.

        Raises:
            BlockingIOError: not now, it is in use.
        """

    def cease(self) -> None:
        """Let everything pass from now on."""

    def close(self) -> None:
        """End what was started."""


class FailingDuckDB:
    """A file that somebody else has open at times, on a disk that is full at times."""

    every_seconds: Mapping[str, float] = {"file held": 40.0, "disk full": 40.0}

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{DATABASE}.duckdb"

    def settings(self) -> Mapping[str, object]:
        return {"ETL_DESTINATION": "duckdb", "ETL_DUCKDB_PATH": self.path, "SNOWFLAKE_DATABASE": DATABASE}

    def address(self) -> Mapping[str, Any]:
        return {"duckdb": str(self.path)}

    def strike(self, act: Act, users: Iterable[int]) -> Undo | None:
        if act.kind == "file held":
            try:
                return duckdb.connect(str(self.path), read_only=True).close
            except duckdb.Error as error:
                raise BlockingIOError(str(error)) from error
        most = self.path.stat().st_size // 2 + int(act.amount * 2**16)
        struck = [number for number in users if _may_write(number, most)]
        return lambda: [_may_write(number, resource.RLIM_INFINITY) for number in struck]

    def cease(self) -> None:
        """There is nothing left over."""

    def close(self) -> None:
        """Nothing was started."""


def _may_write(process: int, most_bytes: int) -> bool:
    """Bound the size of the files that a process writes, as a full disk does; whether the process is there."""
    with suppress(ProcessLookupError):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
        return True
    return False


_WRITES = "^(INSERT|MERGE|UPDATE|DELETE|COPY)"
_STATEMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "503": (".", {"action": "503", "times": 4}),
    "disconnected": (".", {"action": "drop", "times": 3}),
    "disconnected in a write": (_WRITES, {"action": "drop", "when": "after", "times": 2}),
    "COMMIT not arrived": ("^COMMIT", {"action": "drop", "times": 3}),
    "COMMIT answer lost": ("^COMMIT", {"action": "drop", "when": "after", "times": 3}),
    "COMMIT blocked": ("^COMMIT", {"action": "hang"}),
    "blocked": (".", {"action": "hang"}),
    "grant revoked": (
        _WRITES,
        {"action": "error", "errno": 3001, "sqlstate": "42501", "message": "Insufficient privileges", "times": 3},
    ),
    "disk full": (
        _WRITES,
        {"action": "error", "errno": 253006, "sqlstate": "58030", "message": "No space left on device", "times": 2},
    ),
    "login refused": ("^LOGIN", {"action": "503", "times": 2}),
}
KILLED = "server killed"


class FailingSnowflake:
    """A stand-in for Snowflake that keeps its databases in files, so that it can be killed."""

    every_seconds: Mapping[str, float] = {
        **dict.fromkeys(_STATEMENTS, 150.0),
        "COMMIT answer lost": 45.0,
        KILLED: 200.0,
    }

    def __init__(self, folder: Path) -> None:
        self.emulator = Emulator(folder / "account", detached_after_seconds=5)
        self.emulator.start()
        self.emulator.run(f"CREATE DATABASE {DATABASE}")
        self._down = False

    def settings(self) -> Mapping[str, object]:
        named = self.emulator.settings(SNOWFLAKE_DATABASE=DATABASE)
        return {"ETL_DESTINATION": "snowflake", **named, "SNOWFLAKE_STATEMENT_TIMEOUT": 20}

    def address(self) -> Mapping[str, Any]:
        return {"snowflake": self.emulator.connect_arguments(database=DATABASE)}

    def strike(self, act: Act, users: Iterable[int]) -> Undo | None:
        del users
        if self._down:
            raise BlockingIOError("it is down")
        if act.kind == KILLED:
            self.emulator.kill()
            self._down = True
            return self._up
        match, fields = _STATEMENTS[act.kind]
        times = 1 + int(act.amount * fields.get("times", 1))
        self.emulator.fault(match, **{**fields, "times": times, "seconds": act.amount * LONGEST_SECONDS})
        return None

    def _up(self) -> None:
        if self._down:
            self.emulator.start()
            self._down = False

    def cease(self) -> None:
        self._up()
        self.emulator.clear_faults()

    def close(self) -> None:
        self.emulator.kill()


DESTINATIONS: Mapping[str, type[FailingDuckDB | FailingSnowflake]] = {
    "duckdb": FailingDuckDB,
    "snowflake": FailingSnowflake,
}
