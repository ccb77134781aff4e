"""A daemon that is watched: what observes it, and what answers over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from ipaddress import ip_address
from threading import Event as Signal

from etl_daemon.adapters.observers.metric_table import Reading
from etl_daemon.adapters.observers.metrics import CONTENT_TYPE, MetricsObserver
from etl_daemon.adapters.observers.progress import ProgressObserver
from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.past import Past
from etl_daemon.adapters.sqlite.tables import HISTORY
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.health import Identity, Moment, not_live, not_ready
from etl_daemon.core.pages.batch import BatchPage, batch_page
from etl_daemon.core.pages.charts import HOUR, WEEK
from etl_daemon.core.pages.overview import Recent
from etl_daemon.core.progress import LEASE, QUEUE, begun
from etl_daemon.errors import EtlError
from etl_daemon.ports import Clock, Observer
from etl_daemon.server import Listener, Sight, pages, site

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

LATEST = 20
"""So many batches, and half as many failures, are shown."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the answers are made of. ``statements`` counts what went to the destination; ``stop``: told to end."""

    settings: Settings
    datasets: Sequence[Dataset]
    clock: Clock
    holder: str
    statements: Callable[[], int]
    stop: Signal


def listen(watched: Watched) -> tuple[Listener, tuple[Observer, ...]]:
    """A server that answers from now on, and the observers that have to hear of every event.

    Raises:
        SetupError: the address cannot be listened on.
    """
    settings, clock = watched.settings, watched.clock
    names = [each.name for each in watched.datasets]
    more = [LEASE] * (configure.lease_url(settings) != "none") + [QUEUE] * bool(settings.etl_events_queue_url)
    progress = ProgressObserver(begun(settings.etl_source, settings.etl_destination, names, more), clock)
    identity = Identity(
        settings.etl_daemon_name, version("etl_daemon"), watched.holder, clock.now(), configure.place(settings)
    )
    patience = configure.patience(settings)

    def moment() -> Moment:
        return Moment(progress.progress, progress.silent_seconds(), clock.now(), watched.stop.is_set())

    def reading() -> Reading:
        now = moment()
        reasons = {each.reason for each in (*not_live(now, patience), *not_ready(now))}
        return Reading(now.progress, watched.statements(), identity.version, reasons)

    metrics = MetricsObserver(reading)
    past = Past(StateFile(settings.etl_state_dir, HISTORY), settings.etl_daemon_name)
    tables = {each.name: each.table for each in watched.datasets}
    sight = Sight(
        identity,
        patience,
        moment,
        metrics.render,
        CONTENT_TYPE,
        partial(recent, past, settings),
        partial(batch, past, settings, tables),
        settings.redacted(),
    )
    listener = Listener(site(pages(sight), hosts(settings)), settings.etl_http_host, settings.etl_http_port)
    return listener.start(), (progress, metrics)


def recent(past: Past, settings: Settings, now: datetime) -> Recent:
    """What the history has, without rows where others than this machine's users may look."""
    week = WEEK.starts(now)[0]
    try:
        return Recent(
            past.minutes(HOUR.starts(now)[0]),
            past.hours(week),
            past.batches(week, LATEST),
            past.failures(week, LATEST // 2),
            past.examples(week) if _shows_rows(settings) else (),
        )
    except EtlError as error:
        return Recent(unread=error.detail)


def batch(past: Past, settings: Settings, tables: Mapping[str, str], batch_id: str) -> BatchPage | None:
    """What the history has of a batch; nothing where it has none, or cannot be read."""
    try:
        line = past.batch(batch_id)
        if line is None:
            return None
        examples = past.examples(line.at) if _shows_rows(settings) else ()
        return batch_page(line, past.objects(line), examples, tables.get(line.dataset, ""))
    except EtlError:
        return None


def _shows_rows(settings: Settings) -> bool:
    return _on_loopback(settings) or settings.etl_http_rows


def hosts(settings: Settings) -> frozenset[str]:
    """The hosts that may be asked for; none: any, for beyond the loopback it is not known what they are called."""
    further = [name.strip().lower() for name in settings.etl_http_names.split(",") if name.strip()]
    if not (further or _on_loopback(settings)):
        return frozenset()
    return frozenset([*LOOPBACK, settings.etl_http_host, *further])


def _on_loopback(settings: Settings) -> bool:
    host = settings.etl_http_host.strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
