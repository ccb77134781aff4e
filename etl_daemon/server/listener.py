"""Waitress in a thread of its own, with a bounded number of workers."""

from __future__ import annotations

import logging
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.utilities import Error

from etl_daemon.errors import SetupError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

THREADS = 4
CONNECTIONS = 64
"""More are accepted, but each takes the place of another one, so the server's own limit lies above."""

IDLE_SECONDS = 30
REQUEST_BYTES = 16 * 1024
CLOSE_SECONDS = 5.0


class ExpectationError(Error):  # type: ignore[misc]  # Waitress has no types
    """Bodies are of no use here, so nobody is told to go on and send one."""

    code = 417
    reason = "Expectation Failed"


class Request(HTTPRequestParser):  # type: ignore[misc]
    """What a client sends. Some of it Waitress takes for a defect of its own, and logs it so; here it is refused."""

    path = ""
    """The log asks for it, also where nothing could be made of the request."""

    expect_continue: bool = False
    """Stays so: Waitress would say "100 Continue" from two threads, and also where it has refused the request."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the first line and the headers.

        Raises:
            ParsingError: they are no request.
        """
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a length of more digits than Python makes a number of
            raise ParsingError("A number in the headers is too long") from error
        finally:
            expecting, self.expect_continue = self.expect_continue, False
        if expecting:
            self.error = ExpectationError("Send no body")
            self.completed = True


class Connection(HTTPChannel):  # type: ignore[misc]
    """A client's. Where there are too many, the oldest goes that has asked for nothing, or takes no answer.

    Were new ones made to wait instead, clients that never finish asking could shut out all others.
    """

    parser_class = Request

    def __init__(self, server: Any, *given: Any, **more: Any) -> None:
        super().__init__(server, *given, **more)
        others = [each for each in server.active_channels.values() if each is not self]
        idle = next((each for each in others if not each.requests), None)
        if len(others) >= CONNECTIONS and idle:
            idle.handle_close()  # by the one thread that moves bytes, which this is


class Listener:
    """Serves from ``start`` to ``close``. Slow clients wait in one thread that only moves bytes, not in the workers."""

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        self._socket = _bound(host, port)
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            application,
            map=self._sockets,
            sockets=[self._socket],
            threads=THREADS,
            connection_limit=2 * CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            max_request_header_size=REQUEST_BYTES,
            max_request_body_size=REQUEST_BYTES,
            ident="",
            asyncore_use_poll=True,
        )
        self._server.channel_class = Connection
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits for a worker
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.effective_port)

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Let requests in hand end, then listen no more."""
        self._server.task_dispatcher.shutdown(timeout=CLOSE_SECONDS)
        # sockets belong to the thread that moves bytes; it ends when it has none left
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._sockets, ignore_all=True))
        self._thread.join(CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SetupError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="set ETL_HTTP_PORT to a free port, or to 0 for no server; ETL_HTTP_HOST is an address of this machine",
        ) from error
