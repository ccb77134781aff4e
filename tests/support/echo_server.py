"""A server that refuses everything and says back what it was told: the worst that an error message can hold."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

LISTING = """<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents>
<Key>processed/price_data/a.csv</Key><LastModified>{now}</LastModified><ETag>"1"</ETag><Size>9</Size>
</Contents></ListBucketResult>"""
REFUSAL = """<Error><Code>{code}</Code><Message>{code}</Message><Token-0>{token}</Token-0>
<CanonicalRequest>{request}</CanonicalRequest></Error>"""


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        request = f"{self.command} {self.path}\n{self.headers}\n{body.decode(errors='replace')}"
        if "list-type" in self.path:
            self._send(200, LISTING.format(now=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"))
        elif "login-request" in self.path:
            said = {"success": False, "code": "390100", "message": f"What is {body.decode()}?", "data": {}}
            self._send(200, json.dumps(said))
        elif "token" in self.path:
            self._send(400, json.dumps({"error": "invalid_client", "error_description": request}))
        else:
            token = self.headers.get("X-Amz-Security-Token", "")
            self._send(400, REFUSAL.format(code="InvalidToken", token=escape(token), request=escape(request)))

    def _send(self, status: int, content: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if content.startswith("{") else "application/xml")
        self.send_header("Content-Length", str(len(content.encode())))
        self.end_headers()
        self.wfile.write(content.encode())

    do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815 - names of the standard library

    def log_message(self, *args: object) -> None:
        del args


@contextmanager
def echo_server() -> Iterator[int]:
    """Its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
