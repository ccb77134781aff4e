"""The server on a real socket: slow clients, the end, and addresses that cannot be had."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from etl_daemon.errors import SetupError
from etl_daemon.server import Answer, Listener, site
from etl_daemon.server.listener import THREADS
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
        assert [ask(serving.port), ask(serving.port)] == [500, 200]
