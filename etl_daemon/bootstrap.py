"""Settings become a runtime: the only module that chooses technologies."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Event as Signal
from types import TracebackType
from typing import TYPE_CHECKING, Self
from zlib import crc32
from zoneinfo import ZoneInfo

from etl_daemon.adapters.local.clock import SystemClock
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.discovery import BatchLimits
from etl_daemon.core.events import Event, Retried, SettingDiscouraged
from etl_daemon.core.lease import Claim
from etl_daemon.daemon import Daemon
from etl_daemon.errors import SetupError
from etl_daemon.inbox import Stop
from etl_daemon.leasing import LeaseKeeper, Tenure
from etl_daemon.operations.claim import Operator
from etl_daemon.pipeline import Corridor, Grace, Intake, Reach, Tolerance
from etl_daemon.ports import Clock, Leaser, Observer, Review, Source
from etl_daemon.vault import Vault, open_vault, renewal

if TYPE_CHECKING:
    from etl_daemon.adapters.decode import ObjectDecoder
    from etl_daemon.adapters.destination.session import Engine
    from etl_daemon.adapters.destination.survey import Survey
    from etl_daemon.adapters.duckdb.session import DuckDBFile
    from etl_daemon.adapters.snowflake.probe import Finding

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
        from etl_daemon.adapters.local.lease import HostLock

        settings, url = self.settings, configure.lease_url(self.settings)
        if url == "none":
            return None
        lock = HostLock(settings.etl_state_dir / "lease" / f"{settings.etl_daemon_name}-{crc32(url.encode()):08x}.lock")
        claim = Claim(
            settings.etl_daemon_name, self.holder, socket.gethostname(), os.getpid(), "", settings.etl_lease_seconds
        )
        keeper = LeaseKeeper(Tenure(_leaser(settings, url), lock, claim, self.clock, self.corridor.tell))
        self._stack.callback(keeper.close)
        return keeper

    def serve(self) -> None:
        """Answer over HTTP from now on, until the runtime is closed, unless the settings say that nobody asks.

        Raises:
            SetupError: the port is taken.
        """
        if not self.settings.etl_http_port:
            return
        from etl_daemon.monitoring import Watched, listen

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

    stop = Stop()
    datasets, clock = configure.datasets(settings), clock or SystemClock()
    listening = list(observers)

    def tell(event: Event) -> None:
        for observer in listening:
            observer.notice(event)

    with ExitStack() as building:
        source, reader, vault = _source(settings, tell, stop), decoder(settings), open_vault(settings, tell)
        engine = _engine(settings, tell)
        destination = SqlDestination(engine, configure.anomalies_dataset(settings, datasets))
        for part in (source, reader, destination, vault):
            building.callback(part.close)
        if settings.etl_lineage_url:
            from etl_daemon.lineage import recorder

            listening.append(building.enter_context(closing(recorder(settings, datasets, clock, tell))))
        taking = replace(intake(settings, source, reader, tell), enough=Grace(stop, settings.etl_stop_seconds).over)
        corridor = Corridor(taking, destination, settings.s3_bucket or "", _reach(settings), tell)
        holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        parts = (settings, datasets, corridor, clock, holder, stop, SqlReview(engine))
        return Runtime(*parts, lambda: engine.statements, vault, listening, building.pop_all())


def intake(
    settings: Settings, source: Source, reader: ObjectDecoder, tell: Callable[[Event], None] = lambda _: None
) -> Intake:
    """Reading and the rules as the settings say."""
    return Intake(
        source,
        reader,
        configure.rules(settings),
        Tolerance(settings.error_threshold, settings.refuse_above_share),
        settings.max_concurrent_jobs,
        settings.memory_limit_mb * 2**20 // 4,
        tell,
    )


def _source(settings: Settings, tell: Callable[[Event], None], stop: Signal) -> Source:
    spool = _state_dir(settings)
    if settings.etl_source == "local":
        from etl_daemon.adapters.local.source import LocalSource

        return LocalSource(settings.etl_local_dir or Path.cwd(), spool_directory=spool)
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.retry import Retries
    from etl_daemon.adapters.s3.source import S3Source

    def notice(attempt: int, error: BaseException) -> None:
        tell(Retried("", "s3", attempt, str(error)))

    retries = Retries(configure.retry_policy(settings), stop, notice)
    return S3Source(retries, Endpoint(region=settings.s3_region), spool_directory=spool)


def _leaser(settings: Settings, url: str) -> Leaser:
    if not url.startswith("s3://"):
        from etl_daemon.adapters.local.lease import FileLeaser

        return FileLeaser(Path(url))
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.lease import S3Leaser

    bucket, _, key = url.removeprefix("s3://").partition("/")
    # a renewal is two calls, and there must be time for another one
    return S3Leaser(bucket, key, settings.etl_lease_seconds / 6, Endpoint(region=settings.s3_region))


def decoder(settings: Settings) -> ObjectDecoder:
    """The decoder alone, for commands that read local files; close it after use."""
    from etl_daemon.adapters.decode import ObjectDecoder

    return ObjectDecoder(configure.read_limits(settings), threads=cores(settings), timezone=settings.source_timezone)


def survey(settings: Settings) -> Survey:
    """What the destination holds; nothing is made or changed.

    Raises:
        BusyError: another process held it all the while.
    """
    from etl_daemon.adapters.destination.survey import survey as look

    datasets = configure.datasets(settings)
    with closing(_engine(settings)) as engine:
        return look(engine, datasets, configure.anomalies_dataset(settings, datasets))


def probe(settings: Settings) -> None:
    """Check that the DuckDB file can be written.

    Raises:
        BusyError: another process held it all the while.
        SetupError: it cannot.
    """
    _file(settings).probe()


def prepare(settings: Settings) -> None:
    """Create the control tables, the targets and the cursors that do not exist yet."""
    from etl_daemon.adapters.destination.destination import SqlDestination

    datasets = configure.datasets(settings)
    with closing(_engine(settings)) as engine:
        SqlDestination(engine, configure.anomalies_dataset(settings, datasets)).prepare(datasets)


def connection(settings: Settings) -> Iterator[Finding]:
    """What loading into Snowflake takes, tried step by step; nothing stays behind."""
    from etl_daemon.adapters.snowflake.probe import probe as steps

    return steps(settings)


def _engine(settings: Settings, tell: Callable[[Event], None] = lambda _: None) -> Engine:
    if settings.etl_destination == "duckdb":
        return _file(settings)
    from etl_daemon.adapters.snowflake.engine import SnowflakeEngine
    from etl_daemon.adapters.snowflake.login import discouraged

    if hint := discouraged(settings):
        tell(SettingDiscouraged("", "SNOWFLAKE_PASSWORD", hint))
    return SnowflakeEngine(settings, renewal(settings, tell))


def _file(settings: Settings) -> DuckDBFile:
    from etl_daemon.adapters.duckdb.session import DuckDBFile

    return DuckDBFile(
        settings.etl_duckdb_path,
        settings.snowflake_database,
        threads=cores(settings),
        memory_limit_mb=settings.memory_limit_mb,
        wait_seconds=settings.etl_timeout,
    )


def _reach(settings: Settings) -> Reach:
    return Reach(
        timedelta(hours=settings.etl_lookback_hours),
        timedelta(hours=settings.etl_sweep_hours),
        ZoneInfo(settings.partition_timezone),
        BatchLimits(settings.etl_batch_size * ROW_BYTES, MAX_BATCH_OBJECTS),
    )


def _state_dir(settings: Settings) -> Path:
    try:
        settings.etl_state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        detail = f"Cannot make {settings.etl_state_dir}: {error}."
        raise SetupError(detail, hint="set ETL_STATE_DIR to a folder that can be written") from error
    return settings.etl_state_dir


def cores(settings: Settings) -> int:
    """How many cores to use."""
    return settings.cpu_limit_cores or len(os.sched_getaffinity(0))
