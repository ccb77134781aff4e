"""An HTTP API on this machine that answers as a test says: by a function per path, well or badly."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; parameters with their first values."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    method: str


@dataclass(frozen=True)
class Answer:
    """What is sent. ``body`` in parts is sent chunk by chunk; ``cut`` resets the connection after it.

    ``length`` is the Content-Length that is told, where it is not the body's.
    """

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    length: int | None = None


Behaviour = Callable[[Asked], Answer]


@dataclass
class Api:
    """Paths and what they do; ``asked`` holds every request in order."""

    url: str = ""
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def at(self, path: str, behaviour: Behaviour | Answer | list[Answer]) -> str:
        """Have a path behave so; answers in a list are given one after the other, the last one for ever."""
        if isinstance(behaviour, Answer):
            behaviour = [behaviour]
        if isinstance(behaviour, list):
            behaviour = _in_turn(behaviour)
        self.behaviours[path] = behaviour
        return f"{self.url}{path}"

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]


def answer(document: Any, **headers: str) -> Answer:
    """A document as JSON; header names with ``_`` for ``-``."""
    body = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(body, headers={"Content-Type": "application/json", **named})


def zeros(size: int, step: int = 2**20) -> Iterator[bytes]:
    """So many zeros, never all at once."""
    part = b"0" * step
    for _ in range(size // step):
        yield part


def bomb(size: int) -> bytes:
    """Zeros packed by gzip, never all at once."""
    packing = zlib.compressobj(wbits=31)
    return b"".join([*map(packing.compress, zeros(size)), packing.flush()])


def drip(body: bytes, pause_seconds: float) -> Iterator[bytes]:
    """A byte at a time."""
    for at in range(len(body)):
        time.sleep(pause_seconds)  # a slow server is what is tested
        yield body[at : at + 1]


@contextmanager
def api_server(tls: ssl.SSLContext | None = None) -> Iterator[Api]:
    """A server on a free port, by https with ``tls``; it ends with the block, whatever it is sending."""
    api = Api()

    class Handler(_Handler):
        served = api

    server = _Server(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        api.url = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Connections that break are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    served: Api
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(parts.path, params, {k.lower(): v for k, v in self.headers.items()}, body, self.command)
        self.served.asked.append(asked)
        behaviour = self.served.behaviours.get(parts.path)
        given = behaviour(asked) if behaviour else Answer(b'{"error": "no such path"}', 404)
        with suppress(ConnectionError):
            self._send(given)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def _send(self, given: Answer) -> None:
        whole = isinstance(given.body, bytes)
        self.send_response(given.status)
        for name, value in given.headers.items():
            self.send_header(name, value)
        if isinstance(given.body, bytes):
            self.send_header("Content-Length", str(len(given.body) if given.length is None else given.length))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in [given.body] if isinstance(given.body, bytes) else given.body:
            self.wfile.write(part if whole else b"%x\r\n%b\r\n" % (len(part), part))
        if given.cut:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif not whole:
            self.wfile.write(b"0\r\n\r\n")
        elif given.length is not None:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Quietly."""


def _in_turn(answers: list[Answer]) -> Behaviour:
    left = list(answers)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]
