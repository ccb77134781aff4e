"""A daemon that is watched: what observes it, and what answers over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from threading import Event as Signal

from etl_daemon.adapters.observers.metric_table import Reading
from etl_daemon.adapters.observers.metrics import CONTENT_TYPE, MetricsObserver
from etl_daemon.adapters.observers.progress import ProgressObserver
from etl_daemon.bootstrap.shown import Shown, on_loopback
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.status.health import Identity, Moment, not_live, not_ready
from etl_daemon.core.status.progress import LEASE, QUEUE, begun
from etl_daemon.ports import Clock, Observer
from etl_daemon.server import Listener, Sight, pages, site

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


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
    sight = Sight(
        identity,
        patience,
        moment,
        metrics.render,
        CONTENT_TYPE,
        {each.name: each for each in watched.datasets},
        Shown.of(settings),
        settings.redacted(),
    )
    listener = Listener(site(pages(sight), hosts(settings)), settings.etl_http_host, settings.etl_http_port)
    return listener.start(), (progress, metrics)


def hosts(settings: Settings) -> frozenset[str]:
    """The hosts that may be asked for; none: any, for beyond the loopback it is not known what they are called."""
    further = [name.strip().lower() for name in settings.etl_http_names.split(",") if name.strip()]
    if not (further or on_loopback(settings)):
        return frozenset()
    return frozenset([*LOOPBACK, settings.etl_http_host, *further])
