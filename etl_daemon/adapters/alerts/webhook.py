"""Alerts to a webhook: Slack's, one that takes the same, or a program of yours."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from etl_daemon.core.alerting.alert import Alert
from etl_daemon.core.alerting.words import body, document, subject
from etl_daemon.errors import SetupError, TransientError

PASSING = {408, 425, 429}
SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""What would be a link or a call to everybody there, and comes from names of objects."""


@dataclass(frozen=True, slots=True)
class WebhookNotifier:
    """Posts JSON: ``text`` as Slack takes it, and the fields under ``alert``. Of the URL only the host shows."""

    url: str = field(repr=False)
    origin: str
    timeout_seconds: float = 10.0

    @property
    def channel(self) -> str:
        """As the port says."""
        return f"webhook at {urlsplit(self.url).hostname}"

    def send(self, alert: Alert) -> None:
        """As the port says."""
        text = f"*{subject(alert, self.origin)}*\n{body(alert, self.origin)}".translate(SLACK)
        given = {"text": text, "alert": document(alert, self.origin)}
        try:
            status = httpx.post(self.url, json=given, timeout=self.timeout_seconds).status_code
        except httpx.TransportError as error:
            raise self._meaning(error) from error
        if status in PASSING or status >= 500:
            raise TransientError(f"The {self.channel} answered {status}.")
        if status >= 300:
            raise SetupError(f"The {self.channel} answered {status}.", hint="correct ALERT_WEBHOOK")

    def _meaning(self, error: httpx.TransportError) -> SetupError | TransientError:
        said = f"The {self.channel} cannot be reached: {type(error).__name__}: {error}".rstrip(": ")
        if isinstance(error.__context__ and error.__context__.__context__, ssl.SSLCertVerificationError):
            return SetupError(f"{said}.", hint="trust its certificate authority: SSL_CERT_FILE names certificates")
        return TransientError(f"{said}.", hint="check ALERT_WEBHOOK and the network")
