"""Settings become a runtime."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from etl_daemon.adapters.local.clock import SystemClock
from etl_daemon.bootstrap.destination import open_engine, shelf
from etl_daemon.bootstrap.lease import lease_keeper
from etl_daemon.bootstrap.machine import limit_cores
from etl_daemon.bootstrap.observers import lineage
from etl_daemon.bootstrap.source import decoder, intake, open_source
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Event
from etl_daemon.core.planning.discovery import BatchLimits
from etl_daemon.daemon import Daemon
from etl_daemon.inbox import Stop
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.operations.claim import Operator
from etl_daemon.pipeline import Corridor, Grace, Reach
from etl_daemon.ports import Clock, Observer, Review
from etl_daemon.vault import Vault, open_vault

ROW_BYTES = 128
"""What a row of market data takes, roughly: turns a batch size in rows into bytes of objects."""

MAX_BATCH_OBJECTS = 2_000


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that a command works with; a context manager that closes it all in reverse order."""

    settings: Settings
    datasets: tuple[Dataset, ...]
    corridor: Corridor
    clock: Clock
    holder: str
    stop: Stop
    review: Review
    statements: Callable[[], int]
    vault: Vault
    _observers: list[Observer]
    _stack: ExitStack

    def daemon(self, *, again: bool = False, force: bool = False, lease: LeaseKeeper | None = None) -> Daemon:
        """The loop over all datasets; ``again`` reads refused objects again, ``force`` all that mode FULL has."""
        parts = (self.corridor, self.datasets, self.clock, self.holder)
        return Daemon(*parts, again=again, force=force, lease=lease)

    def lease(self) -> LeaseKeeper | None:
        """What takes and keeps the lease of this daemon's name, closed with the runtime; None: there is to be none.

        Raises:
            ConfigError: the settings of AWS are wrong.
        """
        keeper = lease_keeper(self.settings, self.holder, self.clock, self.corridor.tell)
        if keeper:
            self._stack.callback(keeper.close)
        return keeper

    def serve(self) -> None:
        """Answer over HTTP from now on, until the runtime is closed, unless the settings say that nobody asks.

        Raises:
            SetupError: the port is taken.
        """
        if not self.settings.etl_http_port:
            return
        from etl_daemon.bootstrap.serving import Watched, listen

        watched = Watched(self.settings, self.datasets, self.clock, self.holder, self.statements, self.stop)
        listener, observers = listen(watched)
        self.attach(listener.close, *observers)

    def attach(self, close: Callable[[], None], *observers: Observer) -> None:
        """Have these hear of every event from now on; ``close`` is called when the runtime ends."""
        self._stack.callback(close)
        self._observers.extend(observers)

    def secret(self, name: str) -> Mapping[str, str]:
        """What a connection's table says and its store holds; errors are those of ``vault.secret``."""
        return self.vault.secret(name)

    def operator(self, who: str) -> Operator:
        """Who works beside the daemon, and the control tables to look into."""
        return Operator(who, self.holder, self.review, self.clock)

    def close(self) -> None:
        """Let go of everything."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def build(settings: Settings, observers: Sequence[Observer] = (), clock: Clock | None = None) -> Runtime:
    """Put the parts together; nothing is asked of a dependency yet.

    Raises:
        ConfigError: the datasets are wrong.
    """
    from etl_daemon.adapters.destination.destination import SqlDestination
    from etl_daemon.adapters.destination.review import SqlReview

    limit_cores(settings)
    stop = Stop()
    datasets, clock = configure.datasets(settings), clock or SystemClock()
    listening = list(observers)

    def tell(event: Event) -> None:
        for observer in listening:
            observer.notice(event)

    with ExitStack() as building:
        source, reader, vault = open_source(settings, tell, stop), decoder(settings), open_vault(settings, tell)
        engine = open_engine(settings, tell)
        destination = SqlDestination(engine, configure.anomalies_dataset(settings, datasets), shelf(settings))
        for part in (source, reader, destination, vault):
            building.callback(part.close)
        if settings.etl_lineage_url:
            listening.append(building.enter_context(closing(lineage(settings, datasets, clock, tell))))
        taking = replace(intake(settings, source, reader, tell), enough=Grace(stop, settings.etl_stop_seconds).over)
        corridor = Corridor(taking, destination, settings.s3_bucket or "", _reach(settings), tell)
        holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        parts = (settings, datasets, corridor, clock, holder, stop, SqlReview(engine))
        return Runtime(*parts, lambda: engine.statements, vault, listening, building.pop_all())


def _reach(settings: Settings) -> Reach:
    return Reach(
        timedelta(hours=settings.etl_lookback_hours),
        timedelta(hours=settings.etl_sweep_hours),
        ZoneInfo(settings.partition_timezone),
        BatchLimits(settings.etl_batch_size * ROW_BYTES, MAX_BATCH_OBJECTS),
    )
