"""An API asked over HTTP, by a server that misbehaves in every way."""

from __future__ import annotations

import gzip
import re
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest
import trustme

from etl_daemon.adapters.http.client import HttpWeb
from etl_daemon.adapters.http.failures import retry_after
from etl_daemon.adapters.http.pace import Pace
from etl_daemon.adapters.memory.secrets import MemorySecretStore
from etl_daemon.adapters.retry import Retries
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.core.web.endpoint import NONE, Auth, Endpoint, Limits, Login, Request, Response, Validators
from etl_daemon.errors import AbandonedError, EtlError, SetupError, TransientError, TryLaterError
from etl_daemon.vault import Vault
from tests.support.api_server import Answer, Api, answer, api_server, bomb, drip, zeros

POLICY = RetryPolicy(attempts=3, delay_seconds=0.01, max_delay_seconds=0.05, timeout_seconds=20)
MIB = 2**20


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as served:
        yield served


@pytest.fixture
def other() -> Iterator[Api]:
    with api_server() as served:
        yield served


class Asking:
    """Fetches, and what came of it."""

    def __init__(self, url: str, folder: Path, policy: RetryPolicy = POLICY, **more: object) -> None:
        limits = Limits(bytes=MIB, seconds=5)
        self.endpoint = replace(Endpoint(Request(url), "data/x/", limits=limits), **more)  # type: ignore[arg-type]
        self.stop = threading.Event()
        self.retried: list[str] = []
        self.store = MemorySecretStore()
        self.store.put("s", {"token": "s3cret", "username": "me", "password": "pw"})
        self.vault = Vault({}, lambda _scheme: self.store)
        heard = lambda _attempt, error: self.retried.append(str(error))  # noqa: E731
        retries = Retries(policy, self.stop, heard, within_seconds=policy.timeout_seconds)
        self.web = HttpWeb(self.endpoint, retries, partial(self.vault.with_secret, "env:s"))
        self.file = folder / "body.json"

    def rotate(self, secret: dict[str, str]) -> None:
        """Another secret in the store, which the process does not know of yet."""
        self.vault.secret("env:s")
        self.store.put("s", secret)

    def fetch(self, validators: Validators = NONE) -> Response | None:
        try:
            return self.web.fetch(self.endpoint.first, validators, self.file)
        finally:
            self.web.close()

    @property
    def body(self) -> bytes:
        return self.file.read_bytes()

    def fails(self, kind: type[EtlError]) -> EtlError:
        with pytest.raises(kind) as caught:
            self.fetch()
        assert "s3cret" not in str(caught.value)
        return caught.value


def test_what_is_asked_and_what_comes(api, tmp_path):
    url = api.at("/v1/x", answer({"a": 1}, ETag='"7"', Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT"))
    asking = Asking(f"{url}?keep=%2Fme", tmp_path, headers=(("X-Team", "etl"),))
    asking.endpoint = replace(asking.endpoint, first=Request(asking.endpoint.first.url, (("n", "1 ü"), ("n", "2"))))
    got = asking.fetch()
    assert asking.body == b'{"a": 1}'
    assert got is not None
    assert (got.size, got.validators.etag) == (8, '"7"')
    (asked,) = api.asked
    assert asked.params == {"keep": "/me", "n": "1 ü"}
    assert asked.headers["x-team"] == "etl"
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["user-agent"].startswith("etl_daemon/")


def test_an_unchanged_response_costs_nothing(api, tmp_path):
    def conditional(asked):
        return Answer(status=304) if asked.headers.get("if-none-match") == '"7"' else answer([1], ETag='"7"')

    url = api.at("/x", conditional)
    first = Asking(url, tmp_path).fetch()
    assert first is not None
    assert Asking(url, tmp_path).fetch(first.validators) is None
    assert Asking(url, tmp_path).fetch(Validators('"old"')) is not None


def test_a_body_is_posted(api, tmp_path):
    asking = Asking(api.at("/q", answer([])), tmp_path, method="POST", body='{"from": "2026"}')
    asking.fetch()
    assert (api.asked[0].method, api.asked[0].body) == ("POST", b'{"from": "2026"}')
    assert api.asked[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("auth", "header", "params"),
    [
        (Auth(Login.BEARER, "s"), {"authorization": "Bearer s3cret"}, {}),
        (Auth(Login.BASIC, "s"), {"authorization": "Basic bWU6cHc="}, {}),
        (Auth(Login.HEADER, "s", "X-Key"), {"x-key": "s3cret"}, {}),
        (Auth(Login.QUERY, "s", "apikey"), {}, {"apikey": "s3cret"}),
    ],
)
def test_who_asks_is_told_as_the_api_wants_it_and_not_elsewhere(api, other, tmp_path, auth, header, params):
    target = other.at("/there", answer([1]))
    url = api.at("/x", Answer(status=302, headers={"Location": target}))
    Asking(url, tmp_path, auth=auth, headers=(("X-Own", "mine"),)).fetch()
    (first,), (second,) = api.asked, other.asked
    assert header.items() <= first.headers.items()
    assert first.params == params
    assert not {"authorization", "x-key", "x-own"} & second.headers.keys()
    assert second.params == {}


def test_a_rotated_secret_is_asked_for_once_more(api, tmp_path):
    url = api.at(
        "/x", lambda asked: answer([1]) if asked.headers["authorization"] == "Bearer new" else Answer(b"", 401)
    )
    asking = Asking(url, tmp_path, auth=Auth(Login.BEARER, "s"))
    asking.rotate({"token": "new"})
    assert asking.fetch() is not None
    assert len(api.asked) == 2
    refused = Asking(api.at("/x", Answer(b"", 401)), tmp_path, auth=Auth(Login.BEARER, "s"))
    assert "answered 401" in refused.fails(SetupError).detail
    assert len(api.asked) == 3  # the same secret is not sent twice


@pytest.mark.parametrize("secret", [{}, {"token": ""}, {"token": "a\nb"}, {"other": "x"}])
def test_a_secret_that_does_not_fit_is_said_before_anything_is_asked(api, tmp_path, secret):
    asking = Asking(api.at("/x", answer([])), tmp_path, auth=Auth(Login.BEARER, "env:s"))
    asking.store.put("s", secret)
    assert "The secret env:s" in asking.fails(SetupError).detail
    assert not api.asked


@pytest.mark.parametrize("status", [429, 500, 502, 503, 408])
def test_passing_faults_are_asked_again(api, tmp_path, status):
    asking = Asking(api.at("/x", [Answer(b"busy", status), Answer(b"busy", status), answer([1])]), tmp_path)
    assert asking.fetch() is not None
    assert len(asking.retried) == 2
    never = Asking(api.at("/y", Answer(b"busy", status)), tmp_path)
    assert f"answered {status}" in never.fails(TransientError).detail
    assert api.paths().count("/y") == POLICY.attempts


@pytest.mark.parametrize("by_date", [False, True])
def test_a_wait_that_is_asked_for_is_kept_in_seconds_and_by_date(api, tmp_path, by_date):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    url = api.at("/x", [Answer(b"", 429, {"Retry-After": soon if by_date else "1"}), answer([1])])
    began = time.monotonic()
    assert Asking(url, tmp_path).fetch() is not None
    assert 0.9 < time.monotonic() - began < 10


def test_a_wait_beyond_the_timeout_is_not_waited_for(api, tmp_path):
    asking = Asking(api.at("/x", Answer(b"", 503, {"Retry-After": "3600"})), tmp_path)
    error = asking.fails(TryLaterError)
    assert isinstance(error, TryLaterError)
    assert error.seconds == 3600
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 00:01:00", 60.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("Thu, 99 Jan 2026 00:01:00 GMT", None),
    ],
)
def test_how_long_to_wait(told, seconds):
    assert retry_after(told, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


def test_a_stop_ends_the_waiting(api, tmp_path):
    asking = Asking(api.at("/x", Answer(b"", 503, {"Retry-After": "15"})), tmp_path)
    threading.Timer(0.3, asking.stop.set).start()
    began = time.monotonic()
    asking.fails(AbandonedError)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "broken",
    [
        Answer(b'{"a": [1, 2', cut=True, length=1000, headers={"Content-Type": "application/json"}),
        Answer(b'{"a": 1}', length=1000, headers={"Content-Type": "application/json"}),
        Answer([b'{"a": ', b"1"], cut=True, headers={"Content-Type": "application/json"}),
        Answer(gzip.compress(b'{"a": 1}')[:-9], headers={"Content-Encoding": "gzip"}),
        Answer(b"no gzip", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_body_that_is_cut_short_is_asked_for_again(api, tmp_path, broken):
    asking = Asking(api.at("/x", [broken, answer({"whole": True})]), tmp_path)
    assert asking.fetch() is not None
    assert asking.body == b'{"whole": true}'
    assert len(asking.retried) == 1


def test_nobody_there_is_said(tmp_path):
    with api_server() as gone:
        url = f"{gone.url}/x?token=s3cret"
    error = Asking(url, tmp_path).fails(TransientError)
    assert "cannot be reached: ConnectError" in error.detail


def test_redirects_are_followed_a_few_times_only(api, tmp_path):
    api.at("/a", Answer(status=301, headers={"Location": "/b?x=1"}))
    api.at("/b", answer([1]))
    got = Asking(f"{api.url}/a", tmp_path).fetch()
    assert got is not None
    assert got.url == f"{api.url}/b?x=1"
    error = Asking(api.at("/loop", Answer(status=302, headers={"Location": "/loop"})), tmp_path).fails(SetupError)
    assert "redirects more than 5 times" in error.detail
    assert api.paths().count("/loop") == 6


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://"])
def test_redirects_to_no_page_are_refused(api, tmp_path, location):
    headers = {"Location": location} if location else {}
    assert Asking(api.at("/x", Answer(status=302, headers=headers)), tmp_path).fails(SetupError).hint


def test_what_is_posted_is_not_redirected_as_a_get(api, tmp_path):
    api.at("/b", answer([1]))
    moved = Answer(status=302, headers={"Location": "/b"})
    assert "posted" in Asking(api.at("/a", moved), tmp_path, method="POST", body="{}").fails(SetupError).detail
    kept = replace(moved, status=307)
    assert Asking(api.at("/a", kept), tmp_path, method="POST", body="{}").fetch() is not None
    assert (api.asked[-1].method, api.asked[-1].body) == ("POST", b"{}")


def test_nothing_is_redirected_from_https_to_http(api, tmp_path, monkeypatch):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with api_server(context) as safe:
        url = safe.at("/x", Answer(status=302, headers={"Location": api.at("/open", answer([1]))}))
        error = Asking(url, tmp_path).fails(SetupError)
        assert "SSL_CERT_FILE" in error.hint
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert "anybody could read along" in Asking(url, tmp_path).fails(SetupError).detail
        assert Asking(safe.at("/fine", answer([1])), tmp_path).fetch() is not None
    assert not api.asked


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/csv", "application/xml", "image/png"])
def test_what_is_certainly_no_json_is_refused_unread(api, tmp_path, kind):
    asking = Asking(api.at("/x", Answer(b"<html>", headers={"Content-Type": kind})), tmp_path)
    assert kind.partition(";")[0] in asking.fails(SetupError).detail
    assert not asking.file.exists()


@pytest.mark.parametrize(
    "kind", ["application/json", "application/vnd.api+json", "text/plain", "application/hal+JSON", ""]
)
def test_what_may_be_json_is_read(api, tmp_path, kind):
    headers = {"Content-Type": kind} if kind else {}
    assert Asking(api.at("/x", Answer(b"[1]", headers=headers)), tmp_path).fetch() is not None


@pytest.mark.parametrize("status", [204, 206, 400, 404, 410])
def test_other_answers_are_refused_and_not_asked_again(api, tmp_path, status):
    assert f"answered {status}" in Asking(api.at("/x", Answer(b"", status)), tmp_path).fails(SetupError).detail
    assert len(api.asked) == 1


def test_a_packed_body_is_unpacked_whole(api, tmp_path):
    text = b'{"n": ' + b"1" * 700_000 + b"}"
    packed = gzip.compress(text[:9]) + gzip.compress(text[9:])  # two streams are one
    asking = Asking(api.at("/x", Answer(packed, headers={"Content-Encoding": "gzip"})), tmp_path)
    got = asking.fetch()
    assert got is not None
    assert got.size == len(text)
    assert asking.body == text
    unasked = Answer(b"x", headers={"Content-Encoding": "br"})
    assert "answers by br" in Asking(api.at("/y", unasked), tmp_path).fails(SetupError).detail


def peak_kib() -> int:
    """The most memory that this process had since its peak was cleared."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0])


@pytest.mark.parametrize("how", ["streamed", "told", "packed"])
def test_what_is_too_large_ends_early_in_little_memory(api, tmp_path, how):
    size = 5 * 2**30
    sent = {"bytes": 0}

    def counted():
        for part in zeros(size):
            sent["bytes"] += len(part)
            yield part

    given = {
        "streamed": lambda _: Answer(counted()),
        "told": lambda _: Answer(b"0", length=size),
        "packed": lambda _: Answer(packed, headers={"Content-Encoding": "gzip"}),
    }[how]
    packed = bomb(2**28) if how == "packed" else b""
    asking = Asking(api.at("/x", given), tmp_path, limits=Limits(bytes=8 * MIB, seconds=30))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here
    before = peak_kib()
    assert "more than 8 MiB" in asking.fails(SetupError).detail
    assert (peak_kib() - before) / 1024 < 32
    assert sent["bytes"] < 64 * MIB
    assert not asking.file.exists() or asking.file.stat().st_size <= 8 * MIB


def test_a_slow_drip_has_an_end(api, tmp_path):
    url = api.at("/x", lambda _: Answer(drip(b"[1]" + b" " * 1000, 0.02)))
    asking = Asking(url, tmp_path, replace(POLICY, attempts=1), limits=Limits(bytes=MIB, seconds=0.5))
    began = time.monotonic()
    assert "more than 0.5 s" in asking.fails(TransientError).detail
    assert time.monotonic() - began < 5


def test_a_full_disk_is_said(api, tmp_path):
    asking = Asking(api.at("/x", answer([1])), tmp_path, replace(POLICY, attempts=1))
    asking.file = Path("/dev/full")
    assert "ETL_STATE_DIR" in asking.fails(TransientError).hint


def test_requests_keep_their_distance():
    waits: list[float] = []
    pace = Pace(10, waits.append)
    for _ in range(4):
        pace.keep()
    assert waits == pytest.approx([0.1, 0.2, 0.3], abs=0.05)  # nothing really waited, so they add up
