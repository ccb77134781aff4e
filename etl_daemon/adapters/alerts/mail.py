"""Alerts by e-mail."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from secrets import token_hex
from typing import Literal

from etl_daemon.core.alerting.alert import Alert, State
from etl_daemon.core.alerting.words import body, subject
from etl_daemon.errors import EtlError, SetupError, TransientError

Encryption = Literal["starttls", "tls", "none"]
PORTS: dict[Encryption, int] = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who takes our mail. Certificates are checked against the system's, or those that SSL_CERT_FILE names."""

    host: str
    sender: str
    encryption: Encryption = "starttls"
    port: int | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class MailNotifier:
    """Mails one address, so that one that is refused costs the others nothing."""

    server: MailServer
    recipient: str
    origin: str

    @property
    def channel(self) -> str:
        """As the port says."""
        return f"e-mail to {self.recipient}"

    def send(self, alert: Alert) -> None:
        """As the port says."""
        server = self.server
        try:
            with _connected(server) as connection:
                if server.username:
                    connection.login(server.username, server.password)
                connection.send_message(self._message(alert))
        except (smtplib.SMTPException, OSError) as error:
            raise _meaning(error, server) from error

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = subject(alert, self.origin)
        message["From"] = self.server.sender
        message["To"] = self.recipient
        message["Date"] = format_datetime(datetime.now(UTC))
        domain = self.server.sender.rpartition("@")[2].strip(">")
        # notices of one trouble make one thread, whoever sends them
        thread = sha256(f"{alert.key}\0{alert.since.isoformat()}".encode()).hexdigest()[:24]
        message["Message-ID"] = f"<{thread}.{token_hex(8)}@{domain}>"
        message["References"] = f"<{thread}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # no answers from those on holiday
        if alert.state is State.FIRING:
            message["Importance"] = "high"
        message.set_content(body(alert, self.origin))
        return message


def _connected(server: MailServer) -> smtplib.SMTP:
    port, timeout = server.port or PORTS[server.encryption], server.timeout_seconds
    if server.encryption == "tls":
        return smtplib.SMTP_SSL(server.host, port, timeout=timeout, context=ssl.create_default_context())
    connection = smtplib.SMTP(server.host, port, timeout=timeout)
    if server.encryption == "starttls":
        try:
            connection.starttls(context=ssl.create_default_context())
        except BaseException:
            connection.close()
            raise
    return connection


def _meaning(error: Exception, server: MailServer) -> EtlError:
    """What passes by itself is Transient; SMTP's own codes say so by their first digit."""
    where = f"Mail server {server.host}"
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "correct SMTP_HOST, or trust its certificate authority: SSL_CERT_FILE names a file of certificates"
        return SetupError(f"{where}: its certificate is not accepted: {error.verify_message}.", hint=hint)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return SetupError(f"{where}: {error}", hint="set SMTP_TLS to what the server offers: starttls, tls or none")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        error = smtplib.SMTPResponseException(*next(iter(error.recipients.values())))
    if isinstance(error, smtplib.SMTPResponseException):
        return _answered(error, where)
    if isinstance(error, ssl.SSLError):
        return SetupError(f"{where}: {error}.", hint="set SMTP_TLS and SMTP_PORT to what the server offers")
    said = str(error) or type(error).__name__
    return TransientError(f"{where}: {said}.", hint="check SMTP_HOST, SMTP_PORT and the network")


def _answered(error: smtplib.SMTPResponseException, where: str) -> EtlError:
    text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
    said = f"{where} answered {error.smtp_code} {' '.join(text.split())}."
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return SetupError(said, hint="correct SMTP_USERNAME and SMTP_PASSWORD")
    if 400 <= error.smtp_code < 500 or error.smtp_code < 0:
        return TransientError(said)
    return SetupError(said, hint="check ALERT_EMAIL and SMTP_FROM, and what the server lets this user send")
