"""A running daemon asked over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.command import Shell

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Watched:
    """A daemon's process, and the port that it answers on."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def probe(self, path: str) -> tuple[int, list[str]]:
        """The status, and the reasons' codes."""
        status, body = self.ask(path)
        return status, [reason["reason"] for reason in json.loads(body)["reasons"]]

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.ask("/api/status")[1])
        return document

    def samples(self) -> dict[tuple[str, ...], float]:
        """What a scrape finds, by name and label values."""
        families = text_string_to_metric_families(self.ask("/metrics")[1].decode())
        return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}

    def until(
        self, holds: Callable[[], bool], patience_seconds: float = PATIENCE_SECONDS, every_seconds: float = 0.02
    ) -> None:
        """Wait until it holds; connections are refused before the daemon listens."""
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                if holds():
                    return
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(every_seconds)

    def cycles(self, more: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for so many further cycles."""
        begun = self.samples()["etl_cycle_duration_seconds_count",]
        self.until(lambda: self.samples()["etl_cycle_duration_seconds_count",] >= begun + more, patience_seconds)


@contextmanager
def watched(shell: Shell, **settings: object) -> Iterator[Watched]:
    """``etl-daemon run`` on a free port, ended with the context."""
    port = free_port()
    daemon = Watched(shell.start("run", ETL_HTTP_PORT=port, **settings), port)
    try:
        yield daemon
    finally:
        daemon.process.terminate()
        daemon.process.communicate(timeout=PATIENCE_SECONDS)


def deliver(shell: Shell, name: str, text: str, dataset: str = "price_data") -> None:
    """An object, all of it at once."""
    unfinished = shell.folder / "unfinished"
    unfinished.write_text(text)
    unfinished.rename(shell.folder / "bucket/processed" / dataset / name)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
