"""``etl-daemon run``: the loop, until it is told to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from etl_daemon.adapters.systemd.notify import Notifier, notifier
from etl_daemon.adapters.systemd.observer import Patience, SystemdObserver
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.cli.orders import Orders
from etl_daemon.cli.start import working_runtime
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import WorkFailed
from etl_daemon.core.planning.pacing import Pacing
from etl_daemon.errors import EtlError
from etl_daemon.inbox import Inbox
from etl_daemon.loop import Loop
from etl_daemon.vault import load_settings


def run() -> None:
    """Cycle until SIGTERM or SIGINT, while the lease is ours; the batch in hand is finished first.

    SIGHUP has the settings read again. systemd is told how it goes, if it started this process.

    Raises:
        EtlError: settings are wrong, or the port to answer on is taken.
    """
    orders = Orders(_checked, notifier())
    with orders.heeded():
        _work_on(load_settings(), orders)


def _work_on(first: Settings, orders: Orders) -> None:
    """One loop after the other, as settings are reloaded; new ones that fail give way to those before."""
    settings: Settings | None = first
    before: Settings | None = None
    while settings:
        try:
            settings, before = _work(settings, orders), settings
        except EtlError as error:
            if before is None or orders.ended:
                raise
            orders.refuse(error)
            settings, before = before, None


def _work(settings: Settings, orders: Orders) -> Settings | None:
    """The loop with these settings; what to go on with, None: nothing."""
    log = structlog.stdlib.get_logger("etl_daemon")
    with (
        working_runtime(settings, "run", _systemd(settings, orders.notifier)) as runtime,
        orders.leading(runtime.stop, runtime.corridor.tell),
    ):
        try:
            runtime.serve()
            _follow_with_models(runtime)
            log.info("started", holder=runtime.holder, datasets=[each.name for each in runtime.datasets])
            daemon = fed(runtime.daemon(lease=runtime.lease()), runtime, extracting=True)
            pacing = Pacing(settings.etl_poll_interval_seconds)
            with _attended(runtime) as inbox:
                Loop(daemon, pacing, inbox).run(runtime.stop)
        except EtlError as error:
            runtime.corridor.tell(WorkFailed("", error))
            raise
        following = orders.taken()
        log.info("reloading" if following else "stopped")
    return following


def _follow_with_models(runtime: Runtime) -> None:
    """Have models made of what is loaded, if the settings say so."""
    if runtime.settings.models_after_load_seconds:
        from etl_daemon.bootstrap.models import models_after_load

        following = models_after_load(runtime.settings, runtime.corridor.tell, runtime.clock)
        if following:
            runtime.attach(following.close, following)


@contextmanager
def _attended(runtime: Runtime) -> Iterator[Inbox | None]:
    """The queue of S3 events, if there is to be one; it is let go before the lease."""
    if not runtime.settings.etl_events_queue_url:
        yield None
        return
    from etl_daemon.bootstrap.queue import inbox  # boto3, which a local source needs nothing of

    with inbox(runtime.settings, runtime.datasets, runtime.corridor.tell, runtime.stop) as attended:
        yield attended


def _systemd(settings: Settings, told: Notifier) -> SystemdObserver:
    """Statements have a time limit of their own, twice as long where they wait for locks."""
    batch = 2 * settings.snowflake_statement_timeout if settings.etl_destination == "snowflake" else 0
    pause = Pacing(settings.etl_poll_interval_seconds).longest_seconds + settings.etl_events_gather_seconds
    return SystemdObserver(told, Patience(pause, batch))


def _checked() -> Settings:
    """Raises ConfigError where settings or datasets are wrong."""
    settings = load_settings()
    configure.datasets(settings)
    return settings
