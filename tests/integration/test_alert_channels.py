"""Alerts through real channels: a mail server with TLS and login, a web server, a topic of SNS, URLs of apprise."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from etl_daemon.adapters.alerts.mail import MailNotifier, MailServer
from etl_daemon.adapters.alerts.urls import UrlNotifier
from etl_daemon.adapters.alerts.webhook import WebhookNotifier
from etl_daemon.adapters.sns.notifier import SnsNotifier
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.errors import ConfigError, SetupError, TransientError
from tests.support.channels import PASSWORD, USERNAME, mail_server, topic, trusted, web_server
from tests.support.s3_servers import moto_server
from tests.support.watching import free_port

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise loads all it has
SINCE = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRING = Alert(
    "dataset_failing:price_data",
    Severity.CRITICAL,
    State.FIRING,
    "price_data is not loaded.",
    "Listing s3://b/p: 403 AccessDenied. <!channel> é",
    "grant s3:ListBucket",
    SINCE,
)
RESOLVED = replace(
    FIRING, state=State.RESOLVED, summary="price_data is loaded again.", detail="It lasted 2 h.", hint=""
)
ORIGIN = "etl-daemon on host"


# ---------------------------------------------------------------- mail


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[trustme.CA]:
    with trusted(tmp_path) as made:
        yield made


def mail(port: int, **others: object) -> MailNotifier:
    given = {"host": "127.0.0.1", "sender": "etl@example.org", "port": port, "timeout_seconds": 2.0, **others}
    return MailNotifier(MailServer(**given), "ops@example.org", ORIGIN)  # type: ignore[arg-type]  # a table of options


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_mail_goes_out_encrypted_after_a_login(authority: trustme.CA, encryption: str) -> None:
    with mail_server(authority.issue_cert("127.0.0.1"), implicit=encryption == "tls") as box:
        notifier = mail(box.port, encryption=encryption, username=USERNAME, password=PASSWORD)
        notifier.send(FIRING)
        notifier.send(RESOLVED)
    assert box.encrypted == [True, True]
    assert box.logins == [USERNAME, USERNAME]
    assert box.recipients == ["ops@example.org"] * 2
    first, second = box.messages
    assert first["Subject"] == "[CRITICAL] price_data is not loaded. (etl-daemon on host)"
    assert second["Subject"] == "[RESOLVED] price_data is loaded again. (etl-daemon on host)"
    assert (first["From"], first["To"]) == ("etl@example.org", "ops@example.org")
    assert first["References"] == second["References"], "one thread"
    assert first["Message-ID"] != second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"
    assert first.get_content().replace("\r\n", "\n") == (
        "price_data is not loaded.\n\n"
        "Listing s3://b/p: 403 AccessDenied. <!channel> é\n\n"
        "What to do: grant s3:ListBucket\n\n"
        "Since: 2026-03-02 12:00:00 UTC\n"
        "Alert: dataset_failing:price_data, critical, firing\n"
        "From: etl-daemon on host\n"
    )


def test_mail_without_encryption_where_the_server_wants_none() -> None:
    with mail_server() as box:
        mail(box.port, encryption="none").send(FIRING)
    assert (len(box.messages), box.encrypted) == (1, [False])


@pytest.mark.parametrize("implicit", [False, True])
def test_a_certificate_of_another_host_is_refused(authority: trustme.CA, implicit: bool) -> None:
    with mail_server(authority.issue_cert("mail.example.org"), implicit=implicit) as box:
        notifier = mail(box.port, encryption="tls" if implicit else "starttls", username=USERNAME, password=PASSWORD)
        with pytest.raises(SetupError, match="certificate is not accepted: IP address mismatch") as caught:
            notifier.send(FIRING)
    assert "SSL_CERT_FILE" in caught.value.hint
    assert box.messages == []


@pytest.mark.usefixtures("authority")
def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    refused = pytest.raises(SetupError, match="certificate is not accepted: unable to get local issuer")
    with mail_server(trustme.CA().issue_cert("127.0.0.1")) as box, refused:
        mail(box.port, username=USERNAME, password=PASSWORD).send(FIRING)
    assert box.messages == []


def test_a_wrong_password_is_said_and_not_shown(authority: trustme.CA) -> None:
    refused = pytest.raises(SetupError, match="answered 535")
    with mail_server(authority.issue_cert("127.0.0.1")) as box, refused as caught:
        mail(box.port, username=USERNAME, password="wr0ng").send(FIRING)
    assert "SMTP_PASSWORD" in caught.value.hint
    assert "wr0ng" not in f"{caught.value!r} {mail(1, password='wr0ng')!r}"


def test_a_server_without_starttls_gets_no_mail() -> None:
    with mail_server() as box, pytest.raises(SetupError, match="STARTTLS") as caught:
        mail(box.port).send(FIRING)
    assert "SMTP_TLS" in caught.value.hint
    assert box.messages == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 try again later", TransientError), ("554 not today", SetupError), ("421 going down", TransientError)],
)
def test_what_the_server_answers_decides_whether_it_is_tried_again(answer: str, kind: type[Exception]) -> None:
    with mail_server() as box:
        box.answers.append(answer)
        notifier = mail(box.port, encryption="none")
        with pytest.raises(kind, match=f"answered {answer}"):
            notifier.send(FIRING)
        notifier.send(FIRING)
    assert len(box.messages) == 1


def test_an_address_that_is_refused(authority: trustme.CA) -> None:
    with mail_server(authority.issue_cert("127.0.0.1")) as box:
        notifier = mail(box.port, username=USERNAME, password=PASSWORD)
        with pytest.raises(SetupError, match="answered 550 no such user") as caught:
            replace(notifier, recipient="nobody@example.org").send(FIRING)
    assert "ALERT_EMAIL" in caught.value.hint


def test_a_mail_server_that_is_not_there_or_says_nothing_costs_the_timeout_at_most() -> None:
    with pytest.raises(TransientError, match="Connection refused"):
        mail(free_port()).send(FIRING)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        with pytest.raises(TransientError, match="timed out"):
            mail(silent.getsockname()[1], timeout_seconds=0.3).send(FIRING)
        assert time.monotonic() - begun < 2


# ---------------------------------------------------------------- webhook


def test_a_webhook_gets_text_for_people_and_fields_for_programs() -> None:
    with web_server() as hook:
        WebhookNotifier(hook.url, ORIGIN).send(FIRING)
    (posted,) = hook.posted
    assert posted["text"].startswith("*[CRITICAL] price_data is not loaded. (etl-daemon on host)*\n")
    assert "&lt;!channel&gt;" in posted["text"], "a key must not call everybody"
    assert posted["alert"] == {
        "key": "dataset_failing:price_data",
        "severity": "critical",
        "state": "firing",
        "summary": "price_data is not loaded.",
        "detail": "Listing s3://b/p: 403 AccessDenied. <!channel> é",
        "hint": "grant s3:ListBucket",
        "since": "2026-03-02T12:00:00+00:00",
        "origin": "etl-daemon on host",
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, TransientError), (503, TransientError), (429, TransientError), (404, SetupError), (302, SetupError)],
)
def test_what_a_webhook_answers_decides_whether_it_is_tried_again(status: int, kind: type[Exception]) -> None:
    with web_server() as hook:
        hook.statuses.append(status)
        with pytest.raises(kind, match=f"The webhook at 127.0.0.1 answered {status}") as caught:
            WebhookNotifier(hook.url, ORIGIN).send(FIRING)
    assert "s3cret" not in str(caught.value)


def test_a_webhook_that_hangs_costs_the_timeout_at_most() -> None:
    with web_server() as hook:
        hook.statuses.append(0)
        begun = time.monotonic()
        notifier = WebhookNotifier(hook.url, ORIGIN, timeout_seconds=0.3)
        with pytest.raises(TransientError, match="ReadTimeout") as caught:
            notifier.send(FIRING)
        assert time.monotonic() - begun < 2
    assert "s3cret" not in f"{caught.value!r} {notifier!r} {notifier.channel}"


def test_a_webhooks_certificate_is_checked(tmp_path: Path) -> None:
    with trusted(tmp_path) as authority:
        for host, accepted in (("127.0.0.1", True), ("other.example.org", False)):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(host).configure_cert(context)
            with web_server(context) as hook:
                notifier = WebhookNotifier(hook.url, ORIGIN)
                if accepted:
                    notifier.send(FIRING)
                else:
                    with pytest.raises(SetupError, match="certificate") as caught:
                        notifier.send(FIRING)
                    assert "SSL_CERT_FILE" in caught.value.hint
            assert len(hook.posted) == accepted


# ---------------------------------------------------------------- SNS


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with moto_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield url


@pytest.mark.parametrize("name", ["alerts", "alerts.fifo"])
def test_a_topic_gets_subject_text_and_attributes(endpoint: str, name: str) -> None:
    made = topic(endpoint, name)
    SnsNotifier(made.arn, ORIGIN).send(FIRING)
    (message,) = made.messages()
    assert message["Subject"] == "[CRITICAL] price_data is not loaded. (etl-daemon on host)"
    assert "What to do: grant s3:ListBucket" in message["Message"]
    attributes = {key: each["Value"] for key, each in message["MessageAttributes"].items()}
    assert attributes == {"key": "dataset_failing:price_data", "severity": "critical", "state": "firing"}


def test_a_subject_of_sns_is_short_and_ascii(endpoint: str) -> None:
    made = topic(endpoint, "short")
    SnsNotifier(made.arn, ORIGIN).send(replace(FIRING, summary="é" * 300))
    (message,) = made.messages()
    assert message["Subject"] == "[CRITICAL] " + "?" * 86 + "..."


def test_a_topic_that_is_not_there(endpoint: str) -> None:
    made = topic(endpoint, "there")
    with pytest.raises(SetupError, match="404 NotFound") as caught:
        SnsNotifier(made.arn.replace("there", "gone"), ORIGIN).send(FIRING)
    assert "ALERT_SNS_TOPIC_ARN" in caught.value.hint


def test_no_way_to_sns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransientError, match="Could not connect"):
        SnsNotifier("arn:aws:sns:eu-central-1:123456789012:t", ORIGIN, timeout_seconds=1).send(FIRING)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(SetupError, match="credentials"):
        SnsNotifier("arn:aws:sns:eu-central-1:123456789012:t", ORIGIN, timeout_seconds=1).send(FIRING)


# ---------------------------------------------------------------- any URL of apprise


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What would be in the log of a process."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]  # all it has to do
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


def as_json(url: str) -> str:
    return url.replace("http://", "json://user:pa55-word@")


def test_a_url_of_apprise(logged: list[str]) -> None:
    with web_server() as hook:
        notifier = UrlNotifier(as_json(hook.url), 1, ORIGIN)
        notifier.check()
        notifier.send(FIRING)
        notifier.send(RESOLVED)
        hook.statuses.append(500)
        with pytest.raises(TransientError, match=r"ALERT_URLS no. 1 \(json\): .*500") as caught:
            notifier.send(FIRING)
    first, second = hook.posted
    assert first["title"] == "[CRITICAL] price_data is not loaded. (etl-daemon on host)"
    assert "What to do: grant s3:ListBucket" in first["message"]
    assert (first["type"], second["type"]) == ("failure", "success")
    said = f"{caught.value!r} {notifier!r} {notifier.channel} {logged}"
    assert [secret for secret in ("pa55-word", "s3cret", hook.url) if secret in said] == []


def test_a_url_of_apprise_that_hangs_costs_the_timeout_at_most() -> None:
    with web_server() as hook:
        hook.statuses.append(0)
        begun = time.monotonic()
        with pytest.raises(TransientError):
            UrlNotifier(as_json(hook.url), 1, ORIGIN, timeout_seconds=0.5).send(FIRING)
        assert time.monotonic() - begun < 5


def test_what_apprise_does_not_understand_is_said_without_showing_it(logged: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"ALERT_URLS no. 2 \(nonsense\)") as caught:
        UrlNotifier("nonsense://t0ken/path", 2, ORIGIN).check()
    assert "t0ken" not in f"{caught.value}{logged}"
