"""The server on a real socket: slow and hostile clients, the end, and addresses that cannot be had."""

from __future__ import annotations

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPConnection

import pytest
from waitress.adjustments import Adjustments

from etl_daemon.errors import SetupError
from etl_daemon.server import Answer, Listener, site
from etl_daemon.server.listener import CONNECTIONS, REQUEST_BYTES, THREADS, Request
from tests.support.watching import free_port

PATIENCE_SECONDS = 20.0


def listener(page=lambda _: Answer(200, b"{}")):
    return Listener(site({"/": page}), "127.0.0.1", free_port())


def ask(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_clients_that_do_not_finish_asking_hold_nobody_up():
    with listener() as serving, ExitStack() as clients:
        for _ in range(3 * THREADS):
            slow = clients.enter_context(socket.create_connection(("127.0.0.1", serving.port), PATIENCE_SECONDS))
            slow.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert ask(serving.port) == 200


def said(port, request):
    """All that comes back on one connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as client:
        client.sendall(request)
        with suppress(OSError):  # one that is refused may be closed before all of it was sent
            client.shutdown(socket.SHUT_WR)
        got = b""
        with suppress(ConnectionResetError):
            while more := client.recv(65536):
                got += more
        return got


def test_clients_that_never_finish_asking_shut_nobody_out():
    """However many they are, and although each goes on to send something now and then."""
    with listener() as serving, ExitStack() as clients:
        slow = [
            clients.enter_context(socket.create_connection(("127.0.0.1", serving.port), PATIENCE_SECONDS))
            for _ in range(3 * CONNECTIONS)
        ]
        for each in slow[-CONNECTIONS:]:
            each.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert ask(serving.port) == 200
        for each in slow[-CONNECTIONS // 2 :]:
            each.sendall(b"x")
        assert ask(serving.port) == 200


def test_clients_that_take_no_answer_shut_nobody_out():
    with listener(lambda _: Answer(200, b"x" * 2**20)) as serving, ExitStack() as clients:
        for _ in range(2 * CONNECTIONS):
            lazy = clients.enter_context(socket.create_connection(("127.0.0.1", serving.port), PATIENCE_SECONDS))
            lazy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ask(serving.port) == 200


TWICE = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * REQUEST_BYTES + b"\r\n\r\n", [431]),
        (b"GET /" + b"a" * REQUEST_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n", [431]),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", [413]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", [400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", [400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", [400]),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", [417]),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: -1\r\n\r\n", [400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + TWICE, [501]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n" + TWICE, [400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\n b\r\n\r\n", [400]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\nConnection: close\r\n\r\n", [200]),
    ],
    ids=[
        *("header", "path", "body", "negative", "lengths", "digits", "expected", "negative and expected"),
        *("encodings", "blank", "newline", "tls", "range"),
    ],
)
def test_what_no_browser_sends_is_answered_once_and_refused(request_, statuses, caplog):
    with listener() as serving:
        answer = said(serving.port, request_)
        assert [int(each) for each in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)] == statuses
        assert ask(serving.port) == 200
    assert caplog.text == "", "who sends it may not fill the log"


def test_what_is_no_request_can_be_told_of():
    """Where its client is gone meanwhile, Waitress names the path in the log."""
    request = Request(Adjustments())
    request.received(b"no request\r\n\r\n")
    assert request.error.code == 400
    assert request.path == ""


def test_a_length_beside_chunks_smuggles_nothing():
    """Chunks count, as the standard has it, and the connection ends, so nobody can disagree on what comes next."""
    both = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    with listener() as serving:
        answer = said(serving.port, both + TWICE)
        assert b"200 OK" not in answer
        assert b"Traceback" not in answer


def test_an_answer_in_hand_is_given_before_the_end():
    asked, go_on = threading.Event(), threading.Event()

    def page(_):
        asked.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return Answer(200, b"{}")

    serving = listener(page).start()
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(ask, serving.port)
        assert asked.wait(PATIENCE_SECONDS)
        closing = pool.submit(serving.close)
        go_on.set()
        assert answer.result(PATIENCE_SECONDS) == 200
        closing.result(PATIENCE_SECONDS)
    with pytest.raises(ConnectionRefusedError):
        ask(serving.port)


def test_it_leaves_no_thread_behind():
    before = set(threading.enumerate())
    with listener() as serving:
        assert ask(serving.port) == 200
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("host", ["192.0.2.1", "::2"])
def test_an_address_of_another_machine_names_the_settings(host):
    with pytest.raises(SetupError, match="Cannot listen on") as caught:
        Listener(site({}), host, free_port())
    assert "ETL_HTTP_HOST" in caught.value.hint


def test_a_defect_of_a_page_costs_that_answer_only():
    answers = iter([ZeroDivisionError("oops"), None])

    def page(_):
        if fault := next(answers):
            raise fault
        return Answer(200, b"{}")

    with listener(page) as serving:
        answer = said(serving.port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"oops" not in answer, "where it happened is for the log"
        assert ask(serving.port) == 200
