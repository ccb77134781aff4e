"""What each path answers, described for programs: OpenAPI 3.1, an entry for each path that ``pages`` lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from etl_daemon.server.rendering import STATIC
from etl_daemon.server.schemas import SCHEMAS, TEXT, Schema, ref

JSON = "application/json"
HTML = "text/html; charset=utf-8"
PLAIN = "text/plain"

PAGE = ("page", "Which page of the list, from 1 on; anything else is the first.")


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer of a status means, and its schema by content type."""

    means: str
    forms: Mapping[str, Schema]


@dataclass(frozen=True, slots=True)
class Described:
    """A path: what it is for, its answers by status, and what each field of the query means that it heeds."""

    summary: str
    answers: Mapping[int, Content]
    query: tuple[tuple[str, str], ...] = ()


def _page(summary: str, *query: tuple[str, str]) -> Described:
    return Described(summary, {200: Content("The page.", {HTML: TEXT})}, query)


def _page_of(what: str, summary: str, *query: tuple[str, str]) -> Described:
    page = _page(summary, *query)
    absent = Content(f"There is no such {what}.", {HTML: TEXT, JSON: ref("Error")})
    return Described(summary, {**page.answers, 404: absent}, query)


def _probe(summary: str) -> Described:
    fit, unfit = Content("Yes.", {JSON: ref("Fit")}), Content("No, and why.", {JSON: ref("Unfit")})
    return Described(summary, {200: fit, 503: unfit})


def _file(kind: str) -> Described:
    return Described("What pages ask for.", {200: Content("The file.", {kind: TEXT})})


DESCRIBED: Mapping[str, Described] = {
    "/": _page("The status, for people."),
    "/datasets/<name>": _page_of(
        "dataset",
        "A dataset, for people.",
        ("key", "Objects whose key holds this."),
        ("outcome", "Objects of which this became; other words leave all."),
        ("symbol", "Whose values are drawn; the busiest symbol where there are none of it."),
        PAGE,
    ),
    "/quarantine": _page(
        "Rejected rows of the last week, for people.",
        ("dataset", "Rows of this dataset."),
        ("reason", "Rows that have this reason among theirs."),
        ("batch", "Rows of this batch."),
        ("text", "Rows that hold this in their key or text."),
        ("since", "Rows from then on: an ISO date or instant, or an age such as 14d, 36h or 90m."),
        ("until", "Rows from before then."),
        PAGE,
    ),
    "/batches/<id>": _page_of("batch", "A batch of the last week, for people.", PAGE),
    **{f"/static/{name}": _file(kind) for name, kind in STATIC.items()},
    "/livez": _probe("Does the loop advance?"),
    "/readyz": _probe("Can it work?"),
    "/healthz": _probe("Both in one, for probes that know one path only."),
    "/metrics": Described("All metrics, for Prometheus.", {200: Content("The metrics.", {PLAIN: TEXT})}),
    "/api/status": Described("The state.", {200: Content("The state as of now.", {JSON: ref("Status")})}),
    "/openapi.json": Described(
        "This description.", {200: Content("OpenAPI 3.1.", {JSON: {"type": "object", "required": ["openapi"]}})}
    ),
}

ALWAYS: Mapping[int, Content] = {
    400: Content("The request is none, or its query has too many fields.", {JSON: ref("Error"), PLAIN: TEXT}),
    413: Content("The body is too long.", {PLAIN: TEXT}),
    417: Content("Bodies are of no use here, so nothing is to be continued.", {PLAIN: TEXT}),
    421: Content("The Host is none of ours: ETL_HTTP_NAMES.", {JSON: ref("Error")}),
    431: Content("The request is too long.", {PLAIN: TEXT}),
}
"""What may be answered on every path."""


def description(version: str) -> dict[str, Any]:
    """The whole description, as a document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "etl-daemon",
            "version": version,
            "description": "How a daemon is, and what it has done. It can only be read: GET, and HEAD for the same.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {path.replace("<", "{").replace(">", "}"): {"get": _operation(path)} for path in DESCRIBED},
        "components": {"schemas": SCHEMAS},
    }


def _operation(path: str) -> dict[str, Any]:
    of = DESCRIBED[path]
    asked = [_parameter("query", name, means) for name, means in of.query]
    if path.endswith(">"):
        last = path[path.index("<") + 1 : -1]
        asked = [_parameter("path", last, "Whose page."), *asked]
    answers = {**of.answers, **ALWAYS}
    return {
        "summary": of.summary,
        "parameters": asked,
        "responses": {str(status): _response(status, answers[status]) for status in sorted(answers)},
    }


def _parameter(place: str, name: str, means: str) -> dict[str, Any]:
    required = place == "path"
    schema = {**TEXT, "minLength": 1} if required else TEXT
    return {"name": name, "in": place, "description": means, "required": required, "schema": schema}


def _response(status: int, content: Content) -> dict[str, Any]:
    told = {"description": content.means, "content": {kind: {"schema": form} for kind, form in content.forms.items()}}
    if status in ALWAYS:
        return told  # some of these are given before a request has reached us
    return {**told, "headers": {"Cache-Control": {"required": True, "schema": {"const": "no-store"}}}}
