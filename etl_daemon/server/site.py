"""Pages as a WSGI application: paths to answers, and what every answer has in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from etl_daemon.server.pages import Answer, Page, Request, in_json

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = ("GET", "HEAD")
QUERY_FIELDS = 50

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page may do: nothing that came in with a row can run, load or send anything."""

ALWAYS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def site(pages: Mapping[str, Page], names: Collection[str] = ()) -> WSGIApplication:
    """The application; it reads, so other methods than GET and HEAD are refused, and nothing may be cached.

    With ``names`` only requests to one of these hosts are answered: a page elsewhere that has its own name lead to the
    loopback then cannot read, in somebody's browser, what is shown here.
    """

    def application(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environment["REQUEST_METHOD"]
        if names and host_of(environment.get("HTTP_HOST", "")) not in names:
            answer = in_json(421, {"error": "this host is none of ours", "hint": "add it to ETL_HTTP_NAMES"})
        else:
            answer = _answer(pages, method, environment)
        status = HTTPStatus(answer.status)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))), *ALWAYS]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", ", ".join(METHODS)))
        start_response(f"{status.value} {status.phrase}", headers)
        return [] if method == "HEAD" else [answer.body]

    return application


def host_of(header: str) -> str:
    """The name in a Host header, without the port, in lower case."""
    name = header.strip().lower()
    return name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]


def _answer(pages: Mapping[str, Page], method: str, environment: WSGIEnvironment) -> Answer:
    if method not in METHODS:
        return in_json(405, {"error": f"{method} is not allowed", "methods": list(METHODS)})
    path = environment.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")  # as WSGI has it
    try:
        query = dict(parse_qsl(environment.get("QUERY_STRING", ""), max_num_fields=QUERY_FIELDS))
    except ValueError:
        return in_json(400, {"error": f"more than {QUERY_FIELDS} fields are asked for"})
    if path in pages and not path.endswith(">"):
        return pages[path](Request(query=query))
    folder, _, last = path.rpartition("/")
    page = next((each for name, each in pages.items() if name.startswith(f"{folder}/<")), None)
    if page and last:
        return page(Request(last, query))
    return in_json(404, {"error": "no such path", "paths": list(pages)})
