"""Who we are to AWS and to stores that are not, and whose clock goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from etl_daemon.adapters.s3.clients import Endpoint
from etl_daemon.adapters.s3.probe import STS_SECONDS, S3Probe
from etl_daemon.core.findings import Finding, State
from etl_daemon.errors import TransientError
from tests.support.s3_servers import moto_server, s3_client
from tests.support.watching import free_port

REFUSAL = "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error></ErrorResponse>"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        s3_client(url).create_bucket(Bucket="market")
        yield url


@contextmanager
def answering(
    status: int, body: str = "", *, ahead: timedelta | None = timedelta(), seconds: float = 0
) -> Iterator[str]:
    """A server with one answer to all, whose clock is so far ahead; None: it has none."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(seconds)
            self.send_response_only(status)
            if ahead is not None:
                self.send_header("Date", format_datetime(datetime.now(UTC) + ahead, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode() if self.command != "HEAD" else b"")

        do_HEAD = do_POST  # noqa: N815 - a name of the standard library

        def log_message(self, *_arguments: object) -> None:
            """Tests look at what comes out."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def identity(endpoint: Endpoint) -> Finding:
    with closing(S3Probe(5, endpoint)) as probe:
        return probe.identity()


def ahead(url: str) -> timedelta | None:
    with closing(S3Probe(1, Endpoint(url=url))) as probe:
        return probe.ahead("market", lambda: datetime.now(UTC))


def test_sts_says_who_we_are(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    finding = identity(Endpoint())
    assert (finding.name, finding.state) == ("aws identity", State.OK)
    assert "arn:aws:sts::123456789012:user/moto" in finding.detail


def test_keys_of_another_store_are_not_shown_to_aws(moto: str) -> None:
    """A connection to AWS would be an error of this test."""
    finding = identity(Endpoint(url=moto))
    assert (finding.state, "STS was not asked" in finding.detail) == (State.OK, True)


@pytest.mark.parametrize(("url", "state"), [(None, State.FAIL), ("http://127.0.0.1:1", State.WARN)])
def test_refused_credentials_are_wrong_at_aws_alone(
    monkeypatch: pytest.MonkeyPatch, url: str | None, state: State
) -> None:
    with answering(403, REFUSAL % "InvalidClientTokenId") as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        finding = identity(Endpoint(url=url))
    assert (finding.state, "InvalidClientTokenId" in finding.detail, bool(finding.hint)) == (state, True, True)


def test_a_store_without_sts_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
    assert identity(Endpoint()).state is State.WARN
    for status, body in ((405, "<html>no</html>"), (200, "{}"), (200, "<a/>"), (400, "")):
        with answering(status, body) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            monkeypatch.delenv("AWS_ENDPOINT_URL_STS", raising=False)
            assert identity(Endpoint()).state is State.WARN, status


def test_one_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, seconds=STS_SECONDS + 2) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        started = time.monotonic()
        assert identity(Endpoint()).state is State.WARN
        assert time.monotonic() - started < STS_SECONDS + 1.5


def test_without_credentials_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    finding = identity(Endpoint())
    assert (finding.state, "AWS_ACCESS_KEY_ID" in finding.hint) == (State.FAIL, True)


def test_no_secret_is_told_of_a_wrong_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://user:hunter2@127.0.0.1:{free_port()}")
    assert "hunter2" not in str(identity(Endpoint()))


def test_the_clock_of_the_store_is_compared(moto: str) -> None:
    assert ahead(moto) == timedelta()


@pytest.mark.parametrize("minutes", [60, -60])
@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_refusal_tells_the_time_too(status: int, minutes: int) -> None:
    with answering(status, ahead=timedelta(minutes=minutes)) as url:
        found = ahead(url)
    assert found is not None
    assert abs(found - timedelta(minutes=minutes)) < timedelta(seconds=10)


def test_a_store_that_tells_no_time_or_nothing() -> None:
    with answering(200, ahead=None) as url:
        assert ahead(url) is None
    with pytest.raises(TransientError):
        ahead(f"http://127.0.0.1:{free_port()}")
