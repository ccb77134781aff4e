"""What the daemon that runs on this machine says of itself."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

from etl_daemon.cli.printing import console, table
from etl_daemon.config import Settings
from etl_daemon.core import configure

PATIENCE_SECONDS = 1.0
HEADS = ["dataset", "watermark", "#pending", "#lag (s)", "#objects", "#rows", "#quarantined", "last success", "error"]


def running(settings: Settings) -> dict[str, Any] | None:
    """Its status; None: it does not answer, or it is another daemon that does."""
    if not settings.etl_http_port:
        return None
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.etl_http_host, settings.etl_http_host)  # noqa: S104 - asked, not bound
    connection = HTTPConnection(host, settings.etl_http_port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/api/status")
        document = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    ours = {"daemon": settings.etl_daemon_name, "place": configure.place(settings)}
    if not isinstance(document, dict) or {name: document.get(name) for name in ours} != ours:
        return None
    return document


def show(document: dict[str, Any]) -> None:
    """Print it as text; counts are since its start."""
    rows = [[name, *_cells(of)] for name, of in document["datasets"].items()]
    console().print(table(f"{document['holder']}, since {document['started']}", HEADS, rows))
    for reason in document["reasons"]:
        console().print(f"{reason['reason']}: {reason['detail']}", soft_wrap=True, markup=False)


def _cells(of: dict[str, Any]) -> list[object]:
    return [
        of["watermark"],
        of["pending"]["objects"],
        round(of["lag_seconds"]),
        of["objects"]["loaded"],
        of["rows"]["loaded"],
        of["rows"]["quarantined"],
        of["last_success"],
        of["last_error"]["detail"] if of["failing"] else None,
    ]
