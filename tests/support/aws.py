"""Secrets in moto's SSM and Secrets Manager, and a server that answers as AWS does where access is denied."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3


def aws(service: str, url: str) -> Any:
    """A plain client for arranging things."""
    made: Any = boto3
    return made.client(service, endpoint_url=url, region_name="us-east-1")


def put_parameters(url: str, path: str, texts: Mapping[str, str]) -> None:
    """A SecureString below the path for each."""
    for name, text in texts.items():
        aws("ssm", url).put_parameter(Name=f"{path}/{name}", Value=text, Type="SecureString", Overwrite=True)


def put_secret(url: str, name: str, text: str) -> str:
    """The current version of the secret; its ARN."""
    client = aws("secretsmanager", url)
    try:
        return str(client.put_secret_value(SecretId=name, SecretString=text)["ARN"])
    except client.exceptions.ResourceNotFoundException:
        return str(client.create_secret(Name=name, SecretString=text)["ARN"])


@contextmanager
def answering(status: int, code: str, message: str = "No.") -> Iterator[str]:
    """The address of a service that gives every call this error."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.dumps({"__type": code, "message": message}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
