"""``python -m tests.support.chaos.kills DEATH WORD...``: etl-daemon WORD..., which dies by kill -9 at a step.

DEATH is the JSON of a ``Death``, or ``null`` for a process that lives. CHAOS_HOST names the host it believes to be on.
Where libfaketime sets its clock, it sleeps without ``time.sleep``, which that breaks.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Event, Timer
from typing import Any

DUCKDB, SNOWFLAKE = "duckdb", "snowflake"
SESSIONS = {DUCKDB: "DuckDBSession", SNOWFLAKE: "SnowflakeSession"}
CYCLE, BATCH, OBJECT = "cycle", "batch", "object"
BEFORE, DURING, AFTER = "before", "during", "after"
LATE_SECONDS = 0.4
"""How long after it sent COMMIT a process dies ``during`` it on Snowflake, which must take longer to answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a cycle, and the function that takes it.

    ``place`` is module:attribute, with {destination} and {Session} filled in; ``how`` names the wrapper; ``each`` says
    how often a cycle gets there; of the first ``skipped`` times nothing is counted.
    """

    name: str
    place: str
    each: str = BATCH
    how: str = "calling"
    moments: tuple[str, ...] = (BEFORE, AFTER)
    destinations: tuple[str, ...] = (DUCKDB, SNOWFLAKE)
    skipped: int = 0


_SESSION = "etl_daemon.adapters.{destination}.session:{Session}"
_DESTINATION = "etl_daemon.adapters.destination"

STEPS = (
    Step("list", "etl_daemon.adapters.local.source:LocalSource.list", CYCLE, "iterating"),
    Step("get", "etl_daemon.adapters.local.source:LocalSource.fetch", OBJECT),
    Step("decode", "etl_daemon.adapters.decode.decoder:regroup", OBJECT, "iterating"),
    Step("stage", f"{_SESSION}.stage"),
    Step("begin", f"{_SESSION}.transaction", how="entering"),
    Step("fence", f"{_DESTINATION}.ledger:take_fence"),
    Step("check", f"{_DESTINATION}.ledger:check_new"),
    Step("publish", f"{_DESTINATION}.commit:publish"),
    Step("findings", f"{_DESTINATION}.commit:_keep_findings"),
    Step("give way", f"{_DESTINATION}.ledger:give_way"),
    Step("ledger", f"{_DESTINATION}.ledger:enter"),
    Step("commit", f"{_SESSION}.transaction", how="leaving"),
    # The file is being written, or was written and nobody heard of it.
    Step("answer lost", f"{_SESSION}.__init__", how="committing", moments=(DURING, AFTER), destinations=(DUCKDB,)),
    # An emulator's fault loses the answer to the first COMMIT, and the process dies when it asks the ledger.
    Step("answer lost", f"{_DESTINATION}.destination:SqlDestination._there", CYCLE, destinations=(SNOWFLAKE,)),
    # The process dies while it waits for the answer, and the COMMIT takes effect after its death.
    Step("answer lost", f"{_SESSION}.run", CYCLE, "sending", moments=(DURING,), destinations=(SNOWFLAKE,)),
    Step("sweep", f"{_DESTINATION}.destination:SqlDestination.mark_swept", CYCLE),
    # The file is closed after each batch; the two sessions before read what is known.
    Step("cleanup", "etl_daemon.adapters.duckdb.session:DuckDBFile.session", how="leaving", destinations=(DUCKDB,),
         skipped=2),
    Step("cleanup", f"{_SESSION}.close", CYCLE, destinations=(SNOWFLAKE,)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies: the ``nth`` time (from 0) that it gets to the step."""

    step: str
    moment: str
    destination: str
    nth: int = 0

    def arm(self) -> None:
        """Wrap the step's function in this process."""
        step = next(step for step in STEPS if step.name == self.step and self._fits(step))
        place = step.place.format(destination=self.destination, Session=SESSIONS[self.destination])
        module, _, path = place.partition(":")
        owner: Any = importlib.import_module(module)
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        trap = Trap(self.moment, self.nth + step.skipped)
        setattr(owner, name, WRAPPERS[step.how](getattr(owner, name), trap))

    def _fits(self, step: Step) -> bool:
        return self.destination in step.destinations and self.moment in step.moments


def die() -> None:
    """As by kill -9 from outside: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


class Trap:
    """Counts how often the step is come to, and kills the chosen time."""

    def __init__(self, moment: str, nth: int) -> None:
        self.moment = moment
        self.nth = nth
        self._passages = count()  # next() on it is atomic

    def chosen(self) -> bool:
        return next(self._passages) == self.nth

    def at(self, moment: str, chosen: bool) -> None:
        if chosen and moment == self.moment:
            die()


Function = Callable[..., Any]


def calling(function: Function, trap: Trap) -> Function:
    """Before and after a call, however it ends."""

    def call(*args: Any, **more: Any) -> Any:
        chosen = trap.chosen()
        trap.at(BEFORE, chosen)
        try:
            return function(*args, **more)
        finally:
            trap.at(AFTER, chosen)

    return call


def iterating(function: Function, trap: Trap) -> Function:
    """Before the first and after the last of what is given out one by one."""

    def iterate(*args: Any, **more: Any) -> Iterator[Any]:
        chosen = trap.chosen()
        trap.at(BEFORE, chosen)
        try:
            yield from function(*args, **more)
        finally:
            trap.at(AFTER, chosen)

    return iterate


def entering(function: Function, trap: Trap) -> Function:
    """Before and after a block is entered."""

    @contextmanager
    def enter(*args: Any, **more: Any) -> Iterator[Any]:
        chosen = trap.chosen()
        trap.at(BEFORE, chosen)
        with function(*args, **more) as value:
            trap.at(AFTER, chosen)
            yield value

    return enter


def leaving(function: Function, trap: Trap) -> Function:
    """Before and after a block is left in good order."""

    @contextmanager
    def leave(*args: Any, **more: Any) -> Iterator[Any]:
        chosen = trap.chosen()
        with function(*args, **more) as value:
            yield value
            trap.at(BEFORE, chosen)
        trap.at(AFTER, chosen)

    return leave


class DyingConnection:
    """A DuckDB connection whose COMMIT the process does not survive, or does not hear of."""

    def __init__(self, connection: Any, trap: Trap) -> None:
        self._connection = connection
        self._trap = trap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        if not self._trap.chosen():
            self._connection.commit()
        elif self._trap.moment == DURING:
            Timer(self._trap.nth / 2000, die).start()  # writing a small batch takes about a millisecond
            self._connection.commit()
            die()
        else:
            self._connection.commit()
            die()


def committing(function: Function, trap: Trap) -> Function:
    """During or after the COMMIT of a DuckDB session."""

    def initialise(session: Any, connection: Any, *more: Any) -> None:
        function(session, DyingConnection(connection, trap), *more)

    return initialise


def sending(function: Function, trap: Trap) -> Function:
    """While the answer to COMMIT is awaited."""

    def send(session: Any, statement: str, *values: object) -> int:
        if statement == "COMMIT" and trap.chosen():
            Timer(LATE_SECONDS, die).start()
        return int(function(session, statement, *values))

    return send


WRAPPERS: dict[str, Callable[[Function, Trap], Function]] = {
    each.__name__: each for each in (calling, iterating, entering, leaving, committing, sending)
}


def main() -> None:
    """Arm, then be etl-daemon."""
    death = json.loads(sys.argv.pop(1))
    if host := os.environ.pop("CHAOS_HOST", ""):
        socket.gethostname = lambda: host
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        time.sleep = lambda seconds: Event().wait(seconds) and None
    if death:
        Death(**death).arm()
    from etl_daemon.cli import main as etl_daemon

    etl_daemon()


if __name__ == "__main__":
    main()
