"""A fleet of Spark executors: one job per batch, one job at a time, the next one while this batch is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from etl_daemon.adapters.spark.delivery import SUCCESS, moved
from etl_daemon.adapters.spark.gathering import Direct, gathered
from etl_daemon.adapters.spark.jobs import Told, Work, surveyed, told
from etl_daemon.adapters.spark.session import failures
from etl_daemon.adapters.spark.task import OpenBench, Task
from etl_daemon.core.events import Event, Retried
from etl_daemon.core.model import BatchPlan, CleanBatch
from etl_daemon.core.planning.shares import cut, tasks
from etl_daemon.errors import AbandonedError, EtlError
from etl_daemon.ports import Divider
from etl_daemon.ports.fleet import Delivered, Depot

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOK_SECONDS = 0.5
GROUP = "etl-daemon"
"""Our jobs, where a session has others too."""


@dataclass(frozen=True, slots=True)
class Job:
    """A batch that the executors have in hand, or are done with."""

    folder: str
    told: Future[Told]


@dataclass(slots=True)
class SparkFleet:
    """Spreads batches over the executors of ``session``, which whoever made it stops.

    ``open_bench`` is called by each task; ``divider`` sees to objects that several of them read. ``depot`` is where the
    tasks' benches leave rows, as seen from here; what lies there in a dataset's folder when its batches begin is of a
    run that is dead, or shut out by this one.
    ``direct``: the destination takes rows from the depot itself.
    With ``under`` rows are for others, and lie there in the depot until they are in their place.
    ``partitions``: how many tasks a batch is cut into; 0: as its size suggests. Once ``enough`` says so, waiting ends.
    """

    session: SparkSession
    open_bench: OpenBench
    divider: Divider
    depot: Depot
    partitions: int = 0
    direct: Direct | None = None
    under: str = ""
    enough: Callable[[], bool] = lambda: False
    tell: Callable[[Event], None] = lambda _: None
    _jobs: dict[str, Job] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "spark"))

    def ahead(self, plans: Iterable[BatchPlan]) -> Iterator[BatchPlan]:
        """As the port says."""
        coming = iter(plans)
        following = next(coming, None)
        if following:
            self.depot.clear(f"{self.under}{following.dataset.name}")
            self._begin(following)
        while following:
            plan, following = following, next(coming, None)
            if following:
                self._begin(following)  # it waits in line behind this one's job
            yield plan

    @contextmanager
    def cleaned(self, plan: BatchPlan) -> Iterator[CleanBatch]:
        """As the port says."""
        job = self._jobs.pop(plan.batch_id, None) or self._begun(plan)
        try:
            yield CleanBatch(plan, gathered(plan.dataset, self._awaited(job), self.depot, self.direct))
        finally:
            self._remove(job.folder)

    def delivered(self, plan: BatchPlan) -> Delivered:
        """As the port ``Outlet`` says."""
        job = self._jobs.pop(plan.batch_id, None) or self._begun(plan)
        try:
            return moved(plan, self._awaited(job), self.depot)
        finally:
            self._remove(job.folder)

    def holds(self, dataset: str) -> bool:
        """As the port ``Outlet`` says."""
        return self.depot.holds(dataset)

    def finish(self, dataset: str) -> None:
        """As the port ``Outlet`` says."""
        with NamedTemporaryFile() as nothing:
            self.depot.put(f"{dataset}/{SUCCESS}", Path(nothing.name))

    def close(self) -> None:
        """Stop what is under way, and remove what it has left."""
        for job in self._jobs.values():
            job.told.cancel()
        self.session.sparkContext.cancelJobGroup(GROUP)
        self._pool.shutdown()
        for job in self._jobs.values():
            self._remove(job.folder)
        self.depot.close()

    def _remove(self, folder: str) -> None:
        """A batch that is committed does not fail for what it leaves: the next run removes that."""
        try:
            self.depot.clear(folder)
        except EtlError as error:
            self.tell(Retried("", "staging", 1, str(error)))

    def _begin(self, plan: BatchPlan) -> None:
        self._jobs[plan.batch_id] = self._begun(plan)

    def _begun(self, plan: BatchPlan) -> Job:
        folder = f"{self.under}{plan.dataset.name}/{plan.batch_id}-{uuid4().hex[:8]}"
        return Job(folder, self._pool.submit(copy_context().run, self._told, plan, folder))

    def _told(self, plan: BatchPlan, folder: str) -> Told:
        most = self.partitions or tasks(plan.objects, self.session.sparkContext.defaultParallelism)
        run = partial(self._run, plan)
        shares = tuple(cut(plan.objects, most, surveyed(plan, most, self.divider, self.open_bench, run)))
        shown = bool(self.direct or self.under)
        return told(Task(self.open_bench, plan.dataset, shares, folder, shown), self.divider, run)

    def _run(self, plan: BatchPlan, work: Work, count: int, columns: str) -> Sequence[Any]:
        """A job; a number that no task was successful with fails it."""
        numbers = self.session.range(0, count, 1, max(count, 1))
        self.session.sparkContext.setJobGroup(GROUP, f"{plan.dataset.name}: batch {plan.batch_id}", True)
        with failures(f"The Spark job of batch {plan.batch_id} failed"):
            rows: Sequence[Any] = numbers.mapInArrow(work, columns).collect()
        return rows

    def _awaited(self, job: Job) -> Told:
        while True:
            with suppress(TimeoutError):
                return job.told.result(LOOK_SECONDS)
            if self.enough():
                raise AbandonedError("The process is to end; the batch in hand is let go.", hint="run it again")
