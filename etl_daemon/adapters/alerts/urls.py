"""Alerts to whatever the library apprise has a URL for: PagerDuty, Opsgenie, Teams, Telegram, Matrix, ..."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, AppriseResultStatus, NotifyFormat, NotifyType

from etl_daemon.config.redact import STARS
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.core.alerting.words import body, subject
from etl_daemon.errors import ConfigError, TransientError

TYPES = {Severity.WARNING: NotifyType.WARNING, Severity.CRITICAL: NotifyType.FAILURE}
LEAST_SECRET = 4
"""Characters; shorter parts of a URL are words such as its scheme."""


@dataclass(frozen=True, slots=True)
class UrlNotifier:
    """Sends by one URL. All of it may be secret, so it is called by its place among the URLs and by its scheme."""

    url: str = field(repr=False)
    place: int
    origin: str
    timeout_seconds: float = 10.0

    @property
    def channel(self) -> str:
        """As the port says."""
        return f"ALERT_URLS no. {self.place} ({self.url.partition(':')[0]})"

    def check(self) -> None:
        """See whether the library knows what to do with the URL; nothing is sent.

        Raises:
            ConfigError: it does not.
        """
        if not self._library().services:
            raise ConfigError(
                f"{self.channel}: it is no URL that apprise understands.",
                hint="correct ALERT_URLS: https://appriseit.com lists the forms; blanks stand between two URLs",
            )

    def send(self, alert: Alert) -> None:
        """As the port says; the library does not tell what passes from what lasts."""
        kind = NotifyType.SUCCESS if alert.state is State.RESOLVED else TYPES[alert.severity]
        result = self._library().notify(
            body=body(alert, self.origin),
            title=subject(alert, self.origin),
            notify_type=kind,
            body_format=NotifyFormat.TEXT,
            timeout=2 * self.timeout_seconds,
            log_level=logging.WARNING,
        )
        if result.status is not AppriseResultStatus.SUCCESS:
            said = [entry.message for each in result.results for attempt in each.attempts for entry in attempt.logs]
            detail = _starred(" ".join(said), self.url) or str(result.status.name)
            raise TransientError(f"{self.channel}: {detail}", hint="check ALERT_URLS and the network")

    def _library(self) -> Apprise:
        logging.getLogger("apprise").propagate = False  # it writes out URLs that it does not understand
        library = Apprise(asset=AppriseAsset(service_timeout=self.timeout_seconds, secure_logging=True))
        library.add(self.url)
        return library


def _starred(text: str, url: str) -> str:
    """The text without any part of the URL: its parts may be tokens, its host too."""
    parts = {part for form in (url, unquote(url)) for part in re.split(r"[:/?&=@,\s]+", form.partition(":")[2])}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= LEAST_SECRET:
            text = text.replace(part, STARS)
    return text
