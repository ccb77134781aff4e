"""Where events of OpenLineage go: over HTTP, to a file, or into the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from openlineage.client.event_v2 import RunEvent
from openlineage.client.transport.console import ConsoleConfig, ConsoleTransport
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
from openlineage.client.transport.transport import Transport

from etl_daemon.adapters.lineage.outbox import Noted, RefusedError
from etl_daemon.adapters.lineage.places import Places
from etl_daemon.adapters.lineage.runs import Runs
from etl_daemon.config import shown

ANSWER_SECONDS = 4.0
"""How long an answer is waited for; less than what there is at the end of the process."""

USUAL_PATH = "api/v1/lineage"
PASSING = {408, 425, 429}
"""Statuses of a server that has no time now; the others below 500 are its judgement of the event, or of us."""


@dataclass(frozen=True, slots=True)
class Address:
    """``console``, a file's path, or a URL, with a key or without."""

    url: str
    api_key: str = ""


class LineagePost:
    """Writes events of OpenLineage, and sends them by the standard client's transports."""

    def __init__(self, address: Address, places: Places) -> None:
        self._runs = Runs(places)
        self._transport = transport(address)

    def write(self, noted: Noted) -> RunEvent | None:
        """What OpenLineage is told of the event."""
        return self._runs.after(noted)

    def send(self, letter: RunEvent) -> None:
        """Send it.

        Raises:
            RefusedError: the server answers, and does not take it.
            requests.RequestException, RuntimeError: it does not answer, or the file cannot be written.
        """
        try:
            self._transport.emit(letter)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 500
            if status < 500 and status not in PASSING:
                raise RefusedError(shown("", error)) from error
            raise


def transport(address: Address) -> Transport:
    """Made here, not by the client itself, which would look for settings of its own in files and the environment."""
    if address.url == "console":
        # its events are lines of level info, and libraries are heard from warning on only
        logging.getLogger(ConsoleTransport.__module__).setLevel(logging.INFO)
        return ConsoleTransport(ConsoleConfig())
    if "://" not in address.url:
        return FileTransport(FileConfig(address.url, append=True))
    parts = urlsplit(address.url)
    endpoint = USUAL_PATH if parts.path in {"", "/"} and not parts.query else ""
    config = HttpConfig(address.url, endpoint, ANSWER_SECONDS, retry={"total": 0})
    if address.api_key:
        config.auth = ApiKeyTokenProvider({"apiKey": address.api_key})
    return HttpTransport(config)
