"""``etl-daemon check``: what has to be right before the daemon can work, each with a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from etl_daemon.adapters.local.clock import SystemClock
from etl_daemon.bootstrap import destination
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.cli.verdict import deliver
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.monitor import clock
from etl_daemon.core.planning.discovery import static_prefix
from etl_daemon.errors import DataError, EtlError, ObjectChangedError
from etl_daemon.vault import load_settings

if TYPE_CHECKING:
    from etl_daemon.adapters.snowflake.probe import Finding as Step

PAGE_OBJECTS = 1_000
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Seen:
    """What the checks have come across: the newest object, and moments that cannot be in the future."""

    newest: ObjectRef | None = None
    moments: list[datetime] = field(default_factory=lambda: [datetime.now(UTC)])


def check(*, as_json: bool) -> None:
    """Try everything and print what came out.

    Raises:
        typer.Exit: with 1 where a check failed, with 78 where the settings are wrong.
    """
    deliver(_findings(), as_json=as_json)


def check_alerts(*, as_json: bool) -> None:
    """Send a test alert through every channel, and print how it went.

    Raises:
        typer.Exit: as ``check``; with 1 also where there is no channel.
    """
    deliver(_channels(), as_json=as_json)


def _channels() -> Iterator[Finding]:
    from etl_daemon.bootstrap.alerts import notifiers, rehearsal

    channels = list(notifiers(load_settings()))
    if not channels:
        hint = "set ALERT_EMAIL, ALERT_WEBHOOK, ALERT_SNS_TOPIC_ARN or ALERT_URLS: docs/alerts.md"
        yield Finding("alerts", State.FAIL, "No channel is set: alerts are lines of the log only.", hint)
    for channel in channels:
        try:
            channel.send(rehearsal(datetime.now(UTC)))
        except EtlError as error:
            yield Finding(f"alerts {channel.channel}", State.FAIL, error.detail, error.hint)
        else:
            yield Finding(f"alerts {channel.channel}", State.OK, "The test alert was taken.")


def _findings() -> Iterator[Finding]:
    from etl_daemon.bootstrap.check import machine, staging, store

    settings, seen = load_settings(), Seen()
    patience = min(settings.etl_timeout, PATIENCE_SECONDS)
    patient = settings.model_copy(update={"etl_max_retries": 0, "etl_timeout": patience})
    with build(patient) as runtime:
        names = ", ".join(each.name for each in runtime.datasets)
        yield Finding("settings", State.OK, f"{len(runtime.datasets)} datasets: {names}")
        yield from store(patient, SystemClock())
        yield from _source(runtime, seen)
        yield _attempted("lease", lambda: _lease(runtime))
    if settings.spark_master or settings.spark_stage:
        yield _attempted("spark staging", lambda: staging(patient))
    if settings.etl_events_queue_url:
        yield _attempted("events", lambda: _events(patient))
    if settings.etl_destination == "snowflake":
        yield from map(_finding, destination.connection(patient))
    else:
        yield _attempted("destination", lambda: _destination(patient))
    yield _attempted("tables", lambda: _tables(patient, seen))
    yield from machine(settings)
    yield clock.newest(max(seen.moments), datetime.now(UTC))


def _attempted(name: str, attempt: Callable[[], Finding]) -> Finding:
    try:
        return attempt()
    except EtlError as error:
        where = (
            "AWS_ENDPOINT_URL and the network" if name.startswith(("source", "events", "spark")) else "ETL_DUCKDB_PATH"
        )
        return Finding(name, State.FAIL, error.detail, error.hint or f"check {where}")


def _source(runtime: Runtime, seen: Seen) -> Iterator[Finding]:
    for dataset in runtime.datasets:
        name = f"source {dataset.name}"
        yield _attempted(name, lambda name=name, each=dataset: _listed(name, runtime, each, seen))  # type: ignore[misc]  # mypy cannot infer a default
    newest = seen.newest
    if newest:
        yield _attempted("source read", lambda: _read(runtime, newest))


def _listed(name: str, runtime: Runtime, dataset: Dataset, seen: Seen) -> Finding:
    bucket, prefix = runtime.corridor.bucket, static_prefix(dataset.prefix)
    page = list(islice(runtime.corridor.intake.source.list(bucket, prefix), PAGE_OBJECTS))
    settings = runtime.settings
    where = f"s3://{bucket}/{prefix}" if settings.etl_source == "s3" else f"{settings.etl_local_dir}/{prefix}"
    if not page:
        hint = f"nothing has arrived yet, or correct {dataset.name.upper()}_PREFIX or ETL_DATASETS_FILE"
        return Finding(name, State.WARN, f"{where} can be listed, but holds no object.", hint, dataset.name)
    latest = max(page, key=lambda ref: ref.modified)
    seen.moments.append(latest.modified)
    seen.newest = max(filter(None, (seen.newest, latest)), key=lambda ref: ref.modified)
    count = f"{len(page):,}{' or more' if len(page) == PAGE_OBJECTS else ''}"
    of = latest.modified.isoformat(timespec="seconds")
    return Finding(name, State.OK, f"{where}: {count} objects, the newest seen of {of}.", dataset=dataset.name)


def _read(runtime: Runtime, ref: ObjectRef) -> Finding:
    try:
        runtime.corridor.intake.source.peek(ref)
    except (DataError, ObjectChangedError) as error:
        return Finding("source read", State.WARN, error.detail, error.hint or "try again")
    return Finding("source read", State.OK, f"{ref.key} can be read.")


def _events(settings: Settings) -> Finding:
    from etl_daemon.bootstrap.queue import standing

    found = standing(settings)
    detail = f"The queue answers: {found.waiting:,} messages wait, {found.in_hand:,} are in hand."
    if found.redrives or settings.etl_events_dlq_url:
        return Finding("events", State.OK, detail)
    hint = "set ETL_EVENTS_DLQ_URL, or give the queue a redrive policy: what cannot be understood comes again for days"
    return Finding("events", State.WARN, f"{detail} There is no dead-letter queue.", hint)


def _lease(runtime: Runtime) -> Finding:
    keeper, where = runtime.lease(), configure.lease_url(runtime.settings)
    if keeper is None:
        return Finding("lease", State.OK, "There is none: ETL_LEASE_URL is none.")
    keeper.probe()
    return Finding("lease", State.OK, f"{where} can be written.")


def _finding(step: Step) -> Finding:
    state = State.FAIL if step.error else State.WARN if step.hint else State.OK
    return Finding(f"snowflake {step.name}", state, step.detail, step.hint)


def _destination(settings: Settings) -> Finding:
    destination.probe(settings)
    return Finding("destination", State.OK, f"{settings.etl_duckdb_path} can be opened and written.")


def _tables(settings: Settings, seen: Seen) -> Finding:
    there = destination.survey(settings)
    if there.missing:
        names = f"{len(there.missing)} of {len(there.tables)} tables are missing."
        return Finding("tables", State.WARN, names, "run etl-daemon init; once and run make them too")
    seen.moments += [state.last_commit for state in there.datasets.values() if state.last_commit]
    return Finding("tables", State.OK, f"All {len(there.tables)} tables are there.")
