"""Paths, methods and headers, asked without a socket."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from wsgiref.util import setup_testing_defaults

import pytest

from etl_daemon.core.events import CyclePlanned
from etl_daemon.core.health import Moment
from etl_daemon.server import Sight, pages, site
from etl_daemon.server.rendering import STATIC
from tests.support.rows import NOW
from tests.unit.test_health import IDENTITY, PATIENCE, after

READY = Moment(after(CyclePlanned("p", 0, 0, 0, None, False)), 0.0, NOW, draining=False)


def ask(path, method="GET", moment=READY, host="127.0.0.1:9108", names=(), **more):
    sight = Sight(IDENTITY, PATIENCE, lambda: moment, lambda: b"metric 1\n", "text/plain; version=0.0.4", **more)
    environment = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": host}
    setup_testing_defaults(environment)
    began = []
    body = b"".join(site(pages(sight), names)(environment, lambda *given: began.append(given)))
    ((status, headers),) = began
    return int(status.split()[0]), dict(headers), body


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics", "/api/status"])
def test_each_path_answers_and_is_not_cached(path):
    status, headers, body = ask(path)
    assert (status, headers["Cache-Control"], headers["Content-Length"]) == (200, "no-store", str(len(body)))
    if path != "/metrics":
        assert json.loads(body)
    assert ask(path, "HEAD") == (200, headers, b"")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"/livez": 200, "/readyz": 200, "/healthz": 200}),
        ({"draining": True}, {"/livez": 200, "/readyz": 503, "/healthz": 503}),
        ({"silent_seconds": 1e6}, {"/livez": 503, "/readyz": 200, "/healthz": 503}),
    ],
)
def test_probes_answer_by_their_status(change, expected):
    moment = replace(READY, **change)
    assert {path: ask(path, moment=moment)[0] for path in expected} == expected
    bodies = [json.loads(ask(path, moment=moment)[2]) for path in expected]
    assert [body["ok"] for body in bodies] == [status == 200 for status in expected.values()]
    assert all(body["reasons"] for body in bodies if not body["ok"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_it_can_only_be_read(method):
    status, headers, _ = ask("/livez", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_an_unknown_path_is_answered_with_those_there_are():
    status, _, body = ask("/metrics/")
    assert status == 404
    assert json.loads(body)["paths"][-5:] == ["/livez", "/readyz", "/healthz", "/metrics", "/api/status"]


@pytest.mark.parametrize("path", ["/", "/fragments/status", *(f"/static/{name}" for name in STATIC)])
def test_what_a_browser_asks_for_is_there_and_may_load_nothing_from_elsewhere(path):
    status, headers, body = ask(path)
    assert (status, headers["Content-Length"]) == (200, str(len(body)))
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"http://" not in body.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in body


def test_pages_hold_no_script_and_no_style_of_their_own():
    for path in ("/", "/fragments/status"):
        body = ask(path)[2].decode()
        assert re.findall(r"<script(?![^>]* src=)|<style| style=|javascript:| on\w+=", body) == []


def test_all_of_the_changing_part_is_in_the_page():
    whole, part = (ask(path)[2].decode() for path in ("/", "/fragments/status"))
    assert part in whole
    assert "Working." in part


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("LOCALHOST:9108", 200),
        ("[::1]:9108", 200),
        ("etl.example.com", 421),
        ("127.0.0.1.example.com", 421),
        ("", 421),
    ],
)
def test_only_hosts_that_are_ours_are_answered(host, status):
    assert ask("/", host=host, names={"127.0.0.1", "localhost", "[::1]"})[0] == status
    assert ask("/", host=host)[0] == 200
