"""What a process asks of AWS, taken down before a stand-in answers, and what a policy says of it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

S3 = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:PutObject"}
DROPPED = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Call(NamedTuple):
    """An action on a resource, as policies name them; of an ARN the part behind the account."""

    action: str
    resource: str


def understood(method: str, path: str, headers: Any, body: bytes) -> Call:
    """The call that a request is."""
    target = headers.get("X-Amz-Target", "")
    if target.startswith("AmazonSSM."):
        document = json.loads(body)
        return Call(f"ssm:{target.split('.')[1]}", f"parameter{document.get('Path') or document.get('Name')}")
    if target.startswith("secretsmanager."):
        return Call(f"secretsmanager:{target.split('.')[1]}", f"secret:{json.loads(body)['SecretId']}-AbCdEf")
    if "/monitoring/" in headers.get("Authorization", ""):
        return Call("cloudwatch:PutMetricData", "*")
    if "/sts/" in headers.get("Authorization", ""):
        return Call(f"sts:{parse_qs(body.decode())['Action'][0]}", "*")
    return _of_s3(method, path)


def _of_s3(method: str, path: str) -> Call:
    url = urlsplit(path)
    bucket, _, key = unquote(url.path.lstrip("/")).partition("/")
    if not key:
        lists = method == "HEAD" or "list-type" in parse_qs(url.query)
        return Call("s3:ListBucket" if lists else f"s3:?{method}{path}", bucket)
    if method == "DELETE":
        return Call("s3:AbortMultipartUpload" if "uploadId" in url.query else "s3:DeleteObject", f"{bucket}/{key}")
    return Call(S3[method], f"{bucket}/{key}")


@contextmanager
def recording(upstream: str) -> Iterator[tuple[str, set[Call]]]:
    """An address that passes everything on, and the calls so far."""
    calls: set[Call] = set()
    place = urlsplit(upstream)

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            calls.add(understood(self.command, self.path, self.headers, body))
            connection = HTTPConnection(str(place.hostname), place.port, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in DROPPED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815 - names of the standard library

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Passing) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", calls
        finally:
            server.shutdown()


def listed(value: Any) -> list[Any]:
    """Policies write a list of one without brackets."""
    return value if isinstance(value, list) else [value]


def allows(policies: list[dict[str, Any]], call: Call) -> bool:
    """Whether the policies allow the call, conditions taken as met; what is denied is denied."""
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if any(fnmatchcase(call.action, pattern) for pattern in listed(statement["Action"]))
        and any(_covers(pattern, call.resource) for pattern in listed(statement["Resource"]))
    }
    return effects == {"Allow"}


def _covers(pattern: str, resource: str) -> bool:
    """``*`` and ``?`` as IAM has them, which knows no brackets."""
    own = re.sub(r"^arn:[^:]*:[^:]*:[^:]*:[^:]*:", "", pattern)
    expression = re.escape(own).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, resource) is not None
