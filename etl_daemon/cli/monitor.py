"""``etl-daemon monitor``: is it at work, does it go well, and is the data as it uses to be; for cron or a timer."""

from __future__ import annotations

from collections.abc import Iterator

from etl_daemon.bootstrap import SystemClock
from etl_daemon.cli.verdict import deliver
from etl_daemon.config import Settings, load_settings
from etl_daemon.core.events import Event
from etl_daemon.core.findings import Finding
from etl_daemon.ports import Observer


def monitor(*, as_json: bool) -> None:
    """Look at everything, print what was found, and announce it.

    Raises:
        typer.Exit: with 1 where something is wrong, with 78 where the settings are.
    """
    deliver(_findings(), as_json=as_json, at=SystemClock().now().isoformat(timespec="seconds"))


def _findings() -> Iterator[Finding]:
    from etl_daemon.inspection import inspect

    settings = load_settings(needs_source=False)
    listening = _observers(settings)

    def tell(event: Event) -> None:
        for observer in listening:
            observer.notice(event)

    yield from inspect(settings, SystemClock(), tell)


def _observers(settings: Settings) -> tuple[Observer, ...]:
    """Who hears of what is found: a line in the log for what is not well."""
    from etl_daemon.adapters.observers.log import LogObserver, configure_logging

    configure_logging(settings.log_level, settings.log_format, settings.log_file)
    return (LogObserver(),)
