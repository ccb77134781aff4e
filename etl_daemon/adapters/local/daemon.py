"""What the daemon that runs on this machine says of itself."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.monitor.seen import Answer
from etl_daemon.core.status.health import Reason

PATIENCE_SECONDS = 1.0
LARGEST_BYTES = 16 * 2**20
LIVE, READY = "/livez", "/readyz"


def running(settings: Settings, patience_seconds: float = PATIENCE_SECONDS) -> dict[str, Any] | None:
    """Its status; None: it does not answer, or it is another daemon that does."""
    if not settings.etl_http_port:
        return None
    document = _asked(settings, "/api/status", patience_seconds)
    ours = {"daemon": settings.etl_daemon_name, "place": configure.place(settings)}
    if document is None or {name: document.get(name) for name in ours} != ours:
        return None
    return document


def probed(settings: Settings, patience_seconds: float) -> Answer | None:
    """What it answers to probes; None: it does not, or it is another daemon that does."""
    if running(settings, patience_seconds) is None:
        return None
    live, ready = (_asked(settings, path, patience_seconds) for path in (LIVE, READY))
    if live is None or ready is None:
        return None
    reasons = [Reason(each["reason"], each["detail"]) for each in (*live["reasons"], *ready["reasons"])]
    return Answer(live["ok"], ready["ok"], tuple(reasons))


def _asked(settings: Settings, path: str, patience_seconds: float) -> dict[str, Any] | None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.etl_http_host, settings.etl_http_host)  # noqa: S104 - asked, not bound
    connection = HTTPConnection(host, settings.etl_http_port, timeout=patience_seconds)
    try:
        connection.request("GET", path)
        document = json.loads(_body(connection.getresponse(), time.monotonic() + patience_seconds))
    except (OSError, HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()
    return document if isinstance(document, dict) else None


def _body(answer: HTTPResponse, until: float) -> bytes:
    """All of it, unless it does not end: anybody may listen where no daemon does."""
    body = bytearray()
    while chunk := answer.read1(2**16):
        body += chunk
        if len(body) > LARGEST_BYTES or time.monotonic() > until:
            raise TimeoutError("it does not end")
    return bytes(body)
