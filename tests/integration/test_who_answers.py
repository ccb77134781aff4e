"""Where no daemon listens, anybody may: what it says is taken with measure."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from etl_daemon.adapters.local import daemon
from etl_daemon.config import settings_from

PATIENCE_SECONDS = 0.5
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


@contextmanager
def squatter(say: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port at which somebody else answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError), server.accept()[0] as client:
                client.recv(65536)
                client.sendall(HEAD)
                say(client)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
    thread.join(20)
    assert not thread.is_alive()


def flood(client: socket.socket) -> None:
    for _ in range(2 * daemon.LARGEST_BYTES // 2**20):
        client.sendall(b"[" * 2**20)


def drip(client: socket.socket) -> None:
    for _ in range(1000):
        client.sendall(b"[")
        time.sleep(0.02)


@pytest.mark.parametrize("say", [flood, drip, lambda client: client.sendall(b"[" * 100_000)])
def test_an_answer_without_end_is_none(say: Callable[[socket.socket], None]) -> None:
    began = time.monotonic()
    with squatter(say) as port:
        assert daemon.running(settings_from({"ETL_HTTP_PORT": port}), PATIENCE_SECONDS) is None
    assert time.monotonic() - began < 10
