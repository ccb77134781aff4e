"""Real ends of the channels that alerts go out by, on the loopback: a mail server, a web server, a topic."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import boto3
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.watching import free_port

USERNAME, PASSWORD = "etl", "pa55-word"


@dataclass
class Mailbox:
    """What a mail server on 127.0.0.1 took; ``answers`` are given to the next messages instead of taking them."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    answers: deque[str] = field(default_factory=deque)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answers:
            return self.answers.popleft()
        content = cast("bytes", envelope.content)
        self.messages.append(cast("EmailMessage", message_from_bytes(content, policy=policy.default)))
        self.recipients += envelope.rcpt_tos
        self.logins.append(session.auth_data.login.decode() if session.auth_data else "")
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def _knows(_server: Any, _session: Any, _envelope: Any, mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and given == LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False, auth_data=given)


@contextmanager
def mail_server(certificate: trustme.LeafCert | None = None, *, implicit: bool = False) -> Iterator[Mailbox]:
    """With a certificate it speaks TLS, from the start or by STARTTLS, and knows one user; without it wants neither."""
    box = Mailbox(free_port())
    options: dict[str, Any] = {}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        options = {"authenticator": _knows}
        if implicit:  # a login is open to who asks for it: aiosmtpd takes STARTTLS alone for encryption
            options |= {"ssl_context": context, "auth_require_tls": False}
        else:
            options |= {"tls_context": context, "require_starttls": True, "auth_required": True}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def trusted(folder: Path) -> Iterator[trustme.CA]:
    """A certificate authority that this process and its children trust, by SSL_CERT_FILE."""
    import pytest

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        yield authority


@dataclass
class Hook:
    """What was posted to a web server; ``statuses`` answer the next requests, 200 the others; 0 never answers."""

    url: str
    posted: list[Any] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    over: threading.Event = field(default_factory=threading.Event)

    def alerts(self) -> list[str]:
        """State and key of each alert that came."""
        return [f"{each['alert']['state']} {each['alert']['key']}" for each in self.posted]


@contextmanager
def web_server(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """Takes any POST; with a context it speaks TLS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    scheme = "https" if context else "http"
    hook = Hook(f"{scheme}://127.0.0.1:{server.server_port}/hooks/s3cret-path")
    server.RequestHandlerClass = _answering(hook)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answering(hook: Hook) -> Callable[..., BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hook.statuses.popleft() if hook.statuses else 200
            if not status:
                hook.over.wait(60)
                return
            if status == 200:
                hook.posted.append(json.loads(body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """The tests look at what came, not at a log."""

    return Answer


@dataclass
class Topic:
    """A topic of SNS on a moto server, with a queue that hears it."""

    arn: str
    queue: str
    sqs: Any

    def messages(self) -> list[dict[str, Any]]:
        """What was published since the last time."""
        taken = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for each in taken:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(each["Body"]) for each in taken]


def topic(endpoint: str, name: str, region: str = "eu-central-1") -> Topic:
    """A new topic; those whose name ends in .fifo keep order."""
    fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    queue_attributes = {"FifoQueue": "true"} if fifo else {}
    sns: Any = boto3.client("sns", endpoint_url=endpoint, region_name=region)
    sqs: Any = boto3.client("sqs", endpoint_url=endpoint, region_name=region)
    arn = sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
    queue = sqs.create_queue(QueueName=name, Attributes=queue_attributes)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    return Topic(arn, queue, sqs)
