"""Every notifier delivers an alert whole, or raises one of two errors; none gives secrets away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from etl_daemon.adapters.alerts.mail import MailNotifier, MailServer
from etl_daemon.adapters.alerts.urls import UrlNotifier
from etl_daemon.adapters.alerts.webhook import WebhookNotifier
from etl_daemon.adapters.memory.alerts import MemoryNotifier
from etl_daemon.adapters.sns.notifier import SnsNotifier
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.errors import TransientError
from etl_daemon.ports import Notifier
from tests.support.channels import mail_server, topic, web_server
from tests.support.s3_servers import moto_server
from tests.support.watching import free_port

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise loads all it has
ALERT = Alert(
    "reject_share_high:crypto",
    Severity.WARNING,
    State.FIRING,
    "25.0% of the rows are bad.",
    "p/é.csv",
    "etl-daemon quarantine list",
    datetime(2026, 3, 2, 12, tzinfo=UTC),
)
SECRET = "s3cret"


@dataclass(frozen=True)
class Case:
    """A notifier, what arrived at its other end so far, and the same notifier with nobody at the other end."""

    notifier: Notifier
    arrived: Callable[[], list[str]]
    lost: Notifier


def _memory(_stack: ExitStack, _patch: pytest.MonkeyPatch) -> Case:
    notifier, lost = MemoryNotifier(), MemoryNotifier()
    lost.faults.append(TransientError("gone"))
    return Case(notifier, lambda: [repr(alert) for alert in notifier.sent], lost)


def _mail(stack: ExitStack, _patch: pytest.MonkeyPatch) -> Case:
    box = stack.enter_context(mail_server())
    server = MailServer("127.0.0.1", "etl@example.org", "none", box.port, password=SECRET)
    notifier = MailNotifier(server, "ops@example.org", "here")
    lost = replace(notifier, server=replace(server, port=free_port()))
    return Case(notifier, lambda: [f"{each['Subject']} {each.get_content()}" for each in box.messages], lost)


def _webhook(stack: ExitStack, _patch: pytest.MonkeyPatch) -> Case:
    hook = stack.enter_context(web_server())
    lost = WebhookNotifier(f"http://127.0.0.1:{free_port()}/{SECRET}", "here")
    return Case(WebhookNotifier(hook.url, "here"), lambda: [each["text"] for each in hook.posted], lost)


def _url(stack: ExitStack, _patch: pytest.MonkeyPatch) -> Case:
    hook = stack.enter_context(web_server())
    notifier = UrlNotifier(hook.url.replace("http://", f"json://user:{SECRET}@"), 1, "here")
    lost = replace(notifier, url=f"json://user:{SECRET}@127.0.0.1:{free_port()}/{SECRET}")
    return Case(notifier, lambda: [f"{each['title']} {each['message']}" for each in hook.posted], lost)


def _sns(stack: ExitStack, patch: pytest.MonkeyPatch) -> Case:
    endpoint = stack.enter_context(moto_server())
    patch.setenv("AWS_ENDPOINT_URL", endpoint)
    made = topic(endpoint, "alerts")
    taken: list[str] = []

    def arrived() -> list[str]:
        taken.extend(f"{each['Subject']} {each['Message']}" for each in made.messages())
        return taken

    lost = SnsNotifier(made.arn.replace("alerts", "other"), "here", timeout_seconds=1)
    return Case(SnsNotifier(made.arn, "here"), arrived, lost)


@pytest.fixture(params=[_memory, _mail, _webhook, _url, _sns])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    with ExitStack() as stack:
        yield request.param(stack, monkeypatch)


def test_all_that_is_known_arrives_once(case: Case) -> None:
    case.notifier.send(ALERT)
    (text,) = case.arrived()
    for part in (ALERT.key, "warning", "firing", ALERT.summary, ALERT.detail, ALERT.hint, "2026"):
        assert part in text, part
    case.notifier.send(replace(ALERT, state=State.RESOLVED, hint=""))
    assert len(case.arrived()) == 2
    assert "resolved" in case.arrived()[-1].lower()


def test_where_nobody_takes_it_that_is_said_and_nothing_secret(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(case.lost, SnsNotifier):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransientError) as caught:
        case.lost.send(ALERT)
    assert SECRET not in f"{caught.value} {caught.value.hint} {case.lost.channel} {case.notifier.channel} {case.lost!r}"
    assert case.arrived() == []
