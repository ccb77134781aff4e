"""Pages as a WSGI application: paths to answers, and what every answer has in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from etl_daemon.server.pages import Answer, Page, in_json

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = ("GET", "HEAD")


def site(pages: Mapping[str, Page]) -> WSGIApplication:
    """The application; it reads, so other methods than GET and HEAD are refused, and nothing may be cached."""

    def application(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environment["REQUEST_METHOD"]
        answer = _answer(pages, method, environment.get("PATH_INFO", ""))
        status = HTTPStatus(answer.status)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", ", ".join(METHODS)))
        start_response(f"{status.value} {status.phrase}", headers)
        return [] if method == "HEAD" else [answer.body]

    return application


def _answer(pages: Mapping[str, Page], method: str, path: str) -> Answer:
    if method not in METHODS:
        return in_json(405, {"error": f"{method} is not allowed", "methods": list(METHODS)})
    page = pages.get(path)
    return page() if page else in_json(404, {"error": "no such path", "paths": list(pages)})
