"""``etl-daemon monitor``: is it at work, does it go well, and is the data as it uses to be; for cron or a timer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from etl_daemon.adapters.local.clock import SystemClock
from etl_daemon.cli.verdict import deliver
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Event
from etl_daemon.core.findings import Finding
from etl_daemon.vault import load_settings


def monitor(*, as_json: bool) -> None:
    """Look at everything, print what was found, the worst last, and announce it.

    Raises:
        typer.Exit: with 1 where something is wrong, with 78 where the settings are.
    """
    deliver(_findings(), as_json=as_json, at=SystemClock().now().isoformat(timespec="seconds"))


def _findings() -> Iterator[Finding]:
    from etl_daemon.bootstrap.monitor import inspect

    settings = load_settings(needs_source=False, needs_login=False)
    with _told(settings) as tell:
        yield from sorted(inspect(settings, SystemClock(), tell), key=lambda finding: finding.state.gravity)


@contextmanager
def _told(settings: Settings) -> Iterator[Callable[[Event], None]]:
    """Who hears of what is found: the log has a line of what is not well, and operators are alerted."""
    from etl_daemon.adapters.observers.log import LogObserver, configure_logging
    from etl_daemon.bootstrap.alerts import alerts

    configure_logging(settings.log_level, settings.log_format, settings.log_file)
    log = LogObserver()
    names = [each.name for each in configure.datasets(settings)]
    with closing(alerts(settings, "monitor", names, SystemClock(), log.notice)) as alerting:

        def tell(event: Event) -> None:
            log.notice(event)
            alerting.notice(event)

        yield tell
