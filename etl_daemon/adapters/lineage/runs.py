"""Events of the corridor as events of OpenLineage: a batch is a run of the job that loads its dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any, cast

from openlineage.client.event_v2 import Job, Run, RunEvent, RunState, set_producer
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    error_message_run,
    job_type_job,
    processing_engine_run,
)
from openlineage.client.uuid import generate_static_uuid

from etl_daemon.adapters.lineage.facets import inputs, outputs, told
from etl_daemon.adapters.lineage.outbox import Noted
from etl_daemon.adapters.lineage.places import Places
from etl_daemon.config import shown
from etl_daemon.core.events import BatchAbandoned, BatchBegan, BatchCommitted
from etl_daemon.core.model import BatchPlan
from etl_daemon.errors import EtlError, ObjectChangedError

NAME = "etl_daemon"


@dataclass(frozen=True, slots=True)
class _UnderWay:
    plan: BatchPlan
    cycle_id: str
    run_id: str


@dataclass(slots=True)
class Runs:
    """Hears events in their order; each attempt of a batch is a run of its own."""

    places: Places
    _under_way: dict[str, _UnderWay] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_producer(f"urn:etl-daemon:{version(NAME)}")  # no part of an address is needed to tell who it was

    def after(self, noted: Noted) -> RunEvent | None:
        """What is told of the event; None: nothing."""
        match noted.event:
            case BatchBegan():
                return self._began(noted.event, noted)
            case BatchCommitted():
                return self._committed(noted.event, noted.at)
            case BatchAbandoned():
                return self._abandoned(noted.event, noted.at)
        return None

    def _began(self, event: BatchBegan, noted: Noted) -> RunEvent:
        at = noted.at
        run_id = generate_static_uuid(at, f"{self.places.namespace}\0{event.plan.batch_id}".encode())
        run = self._under_way[event.plan.batch_id] = _UnderWay(event.plan, noted.cycle_id, str(run_id))
        return self._event(
            run,
            RunState.START,
            at,
            facets=self._facets(run),
            inputs=inputs(run.plan, self.places),
            outputs=outputs(run.plan, self.places),
        )

    def _committed(self, event: BatchCommitted, at: datetime) -> RunEvent | None:
        run = self._under_way.pop(event.receipt.batch_id, None)
        if run is None:
            return None  # its beginning was lost
        return self._event(
            run,
            RunState.COMPLETE,
            at,
            facets=self._facets(run, event),
            inputs=inputs(run.plan, self.places, event.receipt),
            outputs=outputs(run.plan, self.places, event.receipt, event.columns),
        )

    def _abandoned(self, event: BatchAbandoned, at: datetime) -> RunEvent | None:
        run = self._under_way.pop(event.batch_id, None)
        if run is None:
            return None
        facets = self._facets(run)
        if event.error is None or isinstance(event.error, ObjectChangedError):
            return self._event(run, RunState.ABORT, at, facets=facets)
        said = event.error.detail if isinstance(event.error, EtlError) else str(event.error)
        message = shown("", f"{type(event.error).__name__}: {said}")
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message, "PYTHON")
        return self._event(run, RunState.FAIL, at, facets=facets)

    def _facets(self, run: _UnderWay, event: BatchCommitted | None = None) -> dict[str, RunFacet]:
        release = version(NAME)
        own = told(run.plan, run.cycle_id, event.receipt if event else None)
        batch = cast(RunFacet, RunFacet().with_additional_properties(**own))
        engine = processing_engine_run.ProcessingEngineRunFacet(release, NAME, release)
        return {"processing_engine": engine, "etlDaemon_batch": batch}

    def _event(
        self, run: _UnderWay, state: RunState, at: datetime, facets: dict[str, RunFacet], **datasets: Any
    ) -> RunEvent:
        kind: dict[str, JobFacet] = {"jobType": job_type_job.JobTypeJobFacet("BATCH", "ETL_DAEMON", "JOB")}
        return RunEvent(
            eventType=state,
            eventTime=at.isoformat(),
            run=Run(run.run_id, facets),
            job=Job(self.places.namespace, run.plan.dataset.name, kind),
            **datasets,
        )
