"""Paths, methods and headers, asked without a socket."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from etl_daemon.server.rendering import STATIC
from tests.support.pages import READY, ask

HTML = ["/", "/datasets/p", "/quarantine"]


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
    assert json.loads(body)["paths"][-3:] == ["/metrics", "/api/status", "/openapi.json"]


@pytest.mark.parametrize(
    "path",
    [
        "/batches/<id>",
        "/batches/",
        "/batches/a/b",
        "/batches/../livez",
        "/batches/\x00\xff' OR 1=1",
        "//livez",
        "/livez/",
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/" + "a/" * 4_000,
        "*",
        "http://elsewhere.example/livez",
        "",
    ],
)
def test_an_absurd_path_is_only_not_found(path):
    assert ask(path)[0] == 404


@pytest.mark.parametrize("path", [*HTML, *(f"/static/{name}" for name in STATIC)])
def test_what_a_browser_asks_for_is_there_and_may_load_nothing_from_elsewhere(path):
    status, headers, body = ask(path)
    assert (status, headers["Content-Length"]) == (200, str(len(body)))
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"http://" not in body.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in body


def test_pages_hold_no_script_and_no_style_of_their_own():
    for path in HTML:
        body = ask(path)[2].decode()
        assert re.findall(r"<script(?![^>]* src=)|<style| style=|javascript:| on\w+=", body) == []


def test_what_changes_can_be_found_again_in_the_page_as_it_is_then():
    for path in HTML:
        body = ask(path)[2].decode()
        live = re.findall(r"<\w+( id=\"\w+\")?[^>]* data-live>", body)
        assert live, path
        assert len(set(live)) == len(live), "each has an id of its own"
        assert len(re.findall(r" id=\"([^\"]+)\"", body)) == len(set(re.findall(r" id=\"([^\"]+)\"", body)))


def test_a_query_of_too_many_fields_is_turned_down():
    assert ask("/quarantine", query="&".join(f"f{n}=1" for n in range(51)))[0] == 400
    assert ask("/quarantine", query="text=%FF%00&page=x&page=")[0] == 200


@pytest.mark.parametrize(
    ("path", "what"), [("/datasets/q", "dataset"), ("/batches/q", "batch"), ("/datasets/é", "dataset")]
)
def test_what_is_not_there_is_said_so(path, what):
    status, headers, body = ask(path)
    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert f"<h1>No such {what}</h1>".encode() in body


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
