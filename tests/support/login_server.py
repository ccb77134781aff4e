"""What the Snowflake connector sends when it logs in: a server that takes it down and says yes or no."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SESSION = {
    "token": "SESSION",
    "masterToken": "MASTER",
    "validityInSeconds": 3600,
    "masterValidityInSeconds": 14400,
    "sessionId": 7,
    "parameters": [],
    "sessionInfo": {},
}


@dataclass
class LoginServer:
    """``logins`` are the ``data`` of login requests, ``forms`` the bodies of token requests, ``paths`` all requests.

    ``refuse_with`` is the code with which logins are refused, ``status`` the HTTP status of their answers;
    ``token_status`` that of the token endpoint's. ``takes`` says of a login's ``data`` whether it is let in.
    """

    port: int = 0
    logins: list[dict[str, Any]] = field(default_factory=list)
    forms: list[tuple[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    refuse_with: int = 0
    status: int = 200
    token_status: int = 200
    takes: Callable[[dict[str, Any]], bool] = lambda _: True

    def settings(self, **more: object) -> dict[str, object]:
        """Settings that lead here."""
        return {
            "ETL_DESTINATION": "snowflake",
            "SNOWFLAKE_ACCOUNT": "org-account",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": self.port,
            "SNOWFLAKE_PROTOCOL": "http",
            "ETL_TIMEOUT": 2,
            **more,
        }

    def answer(self, path: str, body: bytes, authorization: str) -> tuple[int, dict[str, Any]]:
        """The answer to a request, which is taken down."""
        self.paths.append(path)
        if "login-request" in path:
            self.logins.append(json.loads(body)["data"])
            code = self.refuse_with or (0 if self.takes(self.logins[-1]) else 390100)
            refusal = {"success": False, "code": str(code), "message": "No.", "data": {}}
            return self.status, refusal if code else {"success": True, "data": SESSION}
        if path.startswith("/oauth/token"):
            self.forms.append((authorization, body.decode()))
            denied = {"error": "invalid_client", "error_description": "Who is that?"}
            return self.token_status, denied if self.token_status != 200 else {
                "access_token": "FROM-CLIENT",
                "token_type": "Bearer",
                "expires_in": 600,
            }
        if path.startswith("/identity"):
            return 200, {"access_token": "FROM.AZURE.MACHINE"}
        return 200, {"success": True, "data": {}}


@contextmanager
def login_server() -> Iterator[LoginServer]:
    """A server on a port of its own."""
    state = LoginServer()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            status, said = state.answer(self.path, body, self.headers.get("Authorization", ""))
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names of the standard library

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        state.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()
