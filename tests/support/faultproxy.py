"""A proxy in front of any HTTP server that does to chosen requests what networks and busy servers do."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>injected</Message></Error>"
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Fault:
    """What befalls the next ``times`` requests whose line, such as ``GET /bucket/key``, matches.

    Where AWS names the operation in a header, it is behind the path: ``POST / AmazonSQS.DeleteMessageBatch``. So is
    the part that is asked for: ``GET /bucket/key bytes=0-9``.

    ``status`` answers in the server's place, with ``code`` as S3 would put it; ``cut_after`` resets the connection
    once that many bytes of the body went out; ``short_by`` leaves bytes out of an answer that looks whole; ``silent``
    never answers; with ``lost`` the server does what was asked, and the answer does not arrive;
    ``careless`` lists beginnings of headers that neither it nor we hear of, such as ``if-``. With ``short_by`` below 0
    the body goes on behind its end. All that, or nothing more, comes ``delay_seconds`` late. ``kind`` is what it is
    counted as.
    """

    match: str = r"^GET "
    times: int = 1
    status: int = 0
    code: str = "SlowDown"
    cut_after: int | None = None
    short_by: int = 0
    silent: bool = False
    lost: bool = False
    careless: tuple[str, ...] = ()
    delay_seconds: float = 0
    kind: str = ""


def _as_it_is(_line: str, content: bytes) -> bytes:
    return content


@dataclass
class FaultProxy:
    """``faults`` are used up in order; ``requests`` has the line of every request that came.

    ``befallen`` counts requests by the kind of their fault. ``edit`` is given line and body of each good answer and
    says what goes out instead.
    """

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    befallen: Counter[str] = field(default_factory=Counter)
    edit: Callable[[str, bytes], bytes] = _as_it_is
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def next_fault(self, line: str) -> Fault:
        """The fault for this request, or one that does nothing."""
        with self.lock:
            self.requests.append(line)
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.match, line):
                    fault.times -= 1
                    self.befallen[fault.kind] += 1
                    return fault
        return Fault()


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy on a port of its own in front of ``upstream``, an ``http://host:port``."""
    proxy = FaultProxy()

    class Handler(_Handler):
        faults = proxy
        server_address = urlsplit(upstream).netloc

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: FaultProxy
    server_address: str

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that gave up, or was killed
            super().handle()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target") or self.headers.get("Range", "")
        line = f"{self.command} {self.path} {target}".rstrip()
        fault = self.faults.next_fault(line)
        self.faults.closing.wait(fault.delay_seconds)
        if fault.silent:
            self.faults.closing.wait()
            self.close_connection = True
        elif fault.lost:
            self._ask(body)
            self._reset()
        elif fault.status:
            self._answer(fault.status, {"Content-Type": "application/xml"}, _SLOW_DOWN % fault.code.encode(), fault)
        else:
            answer = self._ask(body, fault.careless)
            kept = _without(answer.getheaders(), fault.careless)
            length = answer.getheader("Content-Length")
            content = answer.read()
            content = self.faults.edit(line, content) if answer.status == 200 else content
            self._answer(answer.status, kept, content, fault, length if self.command == "HEAD" else None)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - names of the standard library

    def _ask(self, body: bytes, careless: tuple[str, ...] = ()) -> HTTPResponse:
        connection = HTTPConnection(self.server_address, timeout=60)
        headers = _without(self.headers.items(), careless)
        connection.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
        return connection.getresponse()

    def _answer(
        self, status: int, headers: dict[str, str], content: bytes, fault: Fault, length: str | None = None
    ) -> None:
        sent = content[: len(content) - fault.short_by] + b"x" * -fault.short_by
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(sent)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent[: fault.cut_after])
        if fault.cut_after is not None:
            self._reset()

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        """Tests look at ``requests`` instead."""


def _without(headers: Iterable[tuple[str, str]], careless: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers
        if name.lower() not in _HOP_BY_HOP and not name.lower().startswith(careless)
    }
