"""A process whose troubles are told: what decides that an alert is due, and the channels that it goes out by."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from etl_daemon.adapters.alerts.courier import Courier
from etl_daemon.adapters.alerts.observer import AlertObserver
from etl_daemon.adapters.sqlite.alerts import TABLES, SqliteBoardStore
from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.core.alerting.situation import Situation
from etl_daemon.core.events import Event
from etl_daemon.ports import Clock, Notifier

BUSY_SECONDS = 2.0
"""How long the work waits for the state file; without it alerts go out all the same."""


LAST_SECONDS: Mapping[str, float] = {"run": 4.0}
"""How long the end of a process waits for alerts to go out, by what it does: a service is not to be waited for."""

ONE_SHOT_LAST_SECONDS = 30.0
"""Mail servers may let callers wait before they say a word, and the next one-shot would get no farther."""


def alerts(
    settings: Settings, word: str, names: Sequence[str], clock: Clock, tell: Callable[[Event], None]
) -> AlertObserver:
    """What has to hear of every event, and is to be closed at the end.

    ``word`` is what the process does, ``names`` are those of the datasets. Without a channel alerts are lines of the
    log only.

    Raises:
        ConfigError: a URL of ALERT_URLS is none.
    """
    file = StateFile(settings.etl_state_dir, TABLES, tell, BUSY_SECONDS)
    return AlertObserver(
        Situation(configure.scene(settings, names)),
        configure.alert_policy(settings),
        SqliteBoardStore(file, settings.etl_daemon_name),
        Courier(tuple(notifiers(settings)), tell),
        clock,
        tell,
        LAST_SECONDS.get(word, ONE_SHOT_LAST_SECONDS),
    )


def notifiers(settings: Settings) -> Iterator[Notifier]:
    """Every channel that the settings name.

    Raises:
        ConfigError: a URL of ALERT_URLS is none.
    """
    origin = f"{settings.etl_daemon_name} on {socket.gethostname()}"
    yield from _mail(settings, origin)
    if settings.alert_webhook:
        from etl_daemon.adapters.alerts.webhook import WebhookNotifier

        yield WebhookNotifier(settings.alert_webhook, origin)
    if settings.alert_sns_topic_arn:
        from etl_daemon.adapters.sns.notifier import SnsNotifier

        yield SnsNotifier(settings.alert_sns_topic_arn, origin)
    if settings.alert_urls:
        from etl_daemon.adapters.alerts.urls import UrlNotifier

        for place, url in enumerate(settings.alert_urls.split(), 1):
            channel = UrlNotifier(url, place, origin)
            channel.check()
            yield channel


def rehearsal(now: datetime) -> Alert:
    """An alert that says it is only a test."""
    return Alert(
        "test",
        Severity.WARNING,
        State.RESOLVED,
        "This is a test: alerts of etl-daemon arrive here.",
        "Somebody ran etl-daemon check --alerts.",
        "",
        now,
    )


def _mail(settings: Settings, origin: str) -> Iterator[Notifier]:
    if not settings.alert_email or not settings.smtp_host:
        return
    from etl_daemon.adapters.alerts.mail import MailNotifier, MailServer

    server = MailServer(
        settings.smtp_host,
        settings.smtp_from or f"etl-daemon@{socket.gethostname()}",
        settings.smtp_tls,
        settings.smtp_port,
        settings.smtp_username or "",
        settings.smtp_password or "",
    )
    for recipient in settings.alert_email.split(", "):
        yield MailNotifier(server, recipient, origin)
