"""Settings become a fleet of Spark executors, and what each of them works with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event as Signal
from typing import TYPE_CHECKING

from etl_daemon.adapters.spark.fleet import SparkFleet
from etl_daemon.adapters.spark.gathering import Direct
from etl_daemon.adapters.spark.session import open_session, running_session
from etl_daemon.adapters.spark.task import Bench, Result
from etl_daemon.bootstrap.bucket import folder
from etl_daemon.bootstrap.machine import cores, limit_cores
from etl_daemon.bootstrap.runtime import ROW_BYTES, Runtime
from etl_daemon.bootstrap.source import decoder, intake, open_source
from etl_daemon.config import Settings
from etl_daemon.config.redact import STARS, shown
from etl_daemon.core import configure
from etl_daemon.core.events import Event, Retried
from etl_daemon.core.model import BatchPlan
from etl_daemon.core.planning.discovery import OWN_PREFIX
from etl_daemon.core.planning.sections import Portion, Traits
from etl_daemon.pipeline import Corridor, Dividing, read, transform
from etl_daemon.ports import Depot

if TYPE_CHECKING:
    from etl_daemon.adapters.spark.session import SparkSession


UNDER = "_staging/"
"""Where rows lie that are not in their place yet: readers of Parquet leave out what begins so."""


def spark_session(runtime: Runtime, master: str | None = None) -> SparkSession:
    """The session that there is already; or one on that master, or the one of the settings, stopped with the runtime.

    Raises:
        SetupError: there is no PySpark or no Java, or the master cannot be reached.
    """
    there = running_session()
    if there:
        return there
    settings = runtime.settings
    where = master or settings.spark_master or f"local[{cores(settings)}]"
    session = open_session(where, f"etl-daemon {settings.etl_daemon_name}")
    runtime.attach(session.stop)
    return session


def on_spark(runtime: Runtime, session: SparkSession, *, partitions: int = 0) -> Runtime:
    """The runtime with a fleet of that session's executors, which read and transform for it until it is closed.

    ``partitions``: how many tasks a batch is cut into; 0: as its size suggests.
    """
    settings, corridor = runtime.settings, runtime.corridor
    fleet = SparkFleet(
        session,
        Recipe(settings_of_executors(settings)),
        Dividing(corridor.intake),
        depot(settings, corridor.tell, runtime.stop),
        partitions,
        Direct(f"{settings.etl_daemon_name}/") if _direct(settings) else None,
        enough=corridor.intake.enough,
        tell=corridor.tell,
    )
    runtime.attach(fleet.close)
    return replace(runtime, corridor=replace(in_large_batches(corridor, settings), fleet=fleet))


def in_large_batches(corridor: Corridor, settings: Settings) -> Corridor:
    """The corridor with as much in a batch as is worth a job."""
    batch = replace(corridor.reach.batch, max_bytes=settings.spark_batch_size * ROW_BYTES)
    return replace(corridor, reach=replace(corridor.reach, batch=batch))


def outlet(runtime: Runtime, session: SparkSession, to: str) -> SparkFleet:
    """A fleet of that session's executors that leaves rows as files below ``to``, a folder or s3://BUCKET/PREFIX.

    Raises:
        ConfigError: the settings of AWS are wrong.
    """
    settings, corridor = runtime.settings, runtime.corridor
    to = to if to.startswith("s3://") else str(Path(to).resolve())
    fleet = SparkFleet(
        session,
        Recipe(settings_of_executors(settings), to),
        Dividing(corridor.intake),
        _place(settings, to, corridor.tell, runtime.stop),
        under=UNDER,
        enough=corridor.intake.enough,
        tell=corridor.tell,
    )
    runtime.attach(fleet.close)
    return fleet


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an executor makes its bench; it holds settings without secrets, and travels with each task.

    Rows go ``to`` a place of their own, or beside the objects.
    """

    settings: Settings
    to: str = ""

    @contextmanager
    def __call__(self) -> Iterator[Bench]:
        """A bench that works as the corridor of a single machine with one core does."""
        with ExitStack() as stack:
            state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="etl-daemon-")))
            settings = self.settings.model_copy(update={"etl_state_dir": state})
            limit_cores(settings)
            source, reader = open_source(settings, _unheard, Signal()), decoder(settings)
            place = _place(settings, self.to, _unheard, Signal())
            for part in (source, reader, place):
                stack.callback(part.close)
            dividing = Dividing(intake(settings, source, reader))
            yield Bench(partial(results, dividing), place, dividing.section)


def results(dividing: Dividing, plan: BatchPlan, portion: Portion | None) -> Iterator[Result | Traits]:
    """What comes of a plan; or of a portion of its only object, and the traits of that."""
    taking = dividing.intake
    if portion is None:
        yield from transform(read(plan, taking), taking).results
        return
    part = dividing.part(plan.objects[0], portion, plan.dataset)
    taking = dividing.intake_of(part)
    with dividing.fetching(plan.objects[0], portion) as coming:
        yield from transform(read(plan, taking, coming), taking).results
    yield part.reading.traits


def settings_of_executors(settings: Settings) -> Settings:
    """Those that reading and the rules need: one core for each task, and no secrets.

    They log in at the store as whoever runs them.
    """
    secret = [name for name, value in settings if STARS in shown(name, value)]
    here = settings.etl_local_dir.resolve() if settings.etl_local_dir else None
    return settings.model_copy(update={**dict.fromkeys(secret), "cpu_limit_cores": 1, "etl_local_dir": here})


def _direct(settings: Settings) -> bool:
    return settings.etl_destination == "snowflake" and settings.spark_stage is not None


def depot(settings: Settings, tell: Callable[[Event], None], stop: Signal) -> Depot:
    """Where executors leave what waits for its commit: beside the objects, where no listing looks."""
    prefix = f"{OWN_PREFIX}staging/{settings.etl_daemon_name}/"
    if settings.etl_source == "local":
        return _place(settings, str(folder(settings) / prefix), tell, stop)
    return _place(settings, f"s3://{settings.s3_bucket}/{prefix}", tell, stop)


def _place(settings: Settings, to: str, tell: Callable[[Event], None], stop: Signal) -> Depot:
    if not to:
        return depot(settings, tell, stop)
    if not to.startswith("s3://"):
        from etl_daemon.adapters.local.depot import LocalDepot

        return LocalDepot(Path(to))
    from etl_daemon.adapters.retry import Retries
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.depot import S3Depot

    def notice(attempt: int, error: BaseException) -> None:
        tell(Retried("", "s3", attempt, str(error)))

    retries = Retries(configure.retry_policy(settings), stop, notice)
    bucket, _, prefix = to.removeprefix("s3://").partition("/")
    return S3Depot(bucket, f"{prefix.rstrip('/')}/".lstrip("/"), retries, Endpoint(region=settings.s3_region))


def _unheard(_: Event) -> None:
    """Executors have nobody to tell; what failed for good is in the report."""
