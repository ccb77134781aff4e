"""What each path answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from etl_daemon.core.pages.batch import batch_page
from etl_daemon.core.pages.dataset import dataset_page
from etl_daemon.core.pages.overview import overview
from etl_daemon.core.pages.quarantine import quarantine_page
from etl_daemon.core.status import health
from etl_daemon.core.status.health import Reason
from etl_daemon.server.openapi import HTML, JSON, description
from etl_daemon.server.rendering import STATIC, rendered, static
from etl_daemon.server.sight import Sight


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a page: its query, and, where its path ends with a word in brackets, what stands there."""

    last: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what goes with it."""

    status: int
    body: bytes
    content_type: str = JSON


Page = Callable[[Request], Answer]


def pages(sight: Sight) -> Mapping[str, Page]:
    """All paths."""
    return {**_for_people(sight), **_for_machines(sight)}


def _for_people(sight: Sight) -> Mapping[str, Page]:
    history = sight.history

    def in_html(template: str, page: object, status: int = 200) -> Answer:
        return Answer(status, rendered(template, page=page, daemon=sight.identity.daemon), HTML)

    def status(_: Request) -> Answer:
        moment = sight.moment()
        found = overview(sight.identity, moment, sight.patience, history.recent(moment.now))
        return in_html("status.html", replace(found, settings=sight.settings))

    def dataset(asked: Request) -> Answer:
        moment, of = sight.moment(), sight.datasets.get(asked.last)
        progress = moment.progress.datasets.get(asked.last)
        if of is None or progress is None:
            return in_html("absent.html", {"dataset": asked.last}, 404)
        seen = history.dataset(of, asked.query, moment.now)
        return in_html("dataset.html", dataset_page(of, progress, seen, asked.query, moment.now))

    def quarantine(asked: Request) -> Answer:
        now = sight.moment().now
        seen = history.quarantine(asked.query, now)
        return in_html("quarantine.html", quarantine_page(seen, tuple(sight.datasets), asked.query, now))

    def batch(asked: Request) -> Answer:
        seen = history.batch(asked.last, asked.query)
        if seen is None:
            return in_html("absent.html", {"batch": asked.last}, 404)
        return in_html("batch.html", batch_page(seen, sight.datasets.get(seen.line.dataset), asked.query))

    return {
        "/": status,
        "/datasets/<name>": dataset,
        "/quarantine": quarantine,
        "/batches/<id>": batch,
        **{f"/static/{name}": _file(name) for name in STATIC},
    }


def _for_machines(sight: Sight) -> Mapping[str, Page]:
    def live(_: Request) -> Answer:
        return _probe(health.not_live(sight.moment(), sight.patience))

    def ready(_: Request) -> Answer:
        return _probe(health.not_ready(sight.moment()))

    def both(_: Request) -> Answer:
        moment = sight.moment()
        return _probe((*health.not_live(moment, sight.patience), *health.not_ready(moment)))

    return {
        "/livez": live,
        "/readyz": ready,
        "/healthz": both,
        "/metrics": lambda _: Answer(200, sight.metrics(), sight.metrics_type),
        "/api/status": lambda _: in_json(200, health.status(sight.identity, sight.moment(), sight.patience)),
        "/openapi.json": lambda _: in_json(200, description(sight.identity.version)),
    }


def in_json(status: int, document: Mapping[str, Any]) -> Answer:
    """The document as an answer."""
    return Answer(status, json.dumps(document, indent=1).encode() + b"\n")


def _file(name: str) -> Page:
    return lambda _: Answer(200, static(name), STATIC[name])


def _probe(reasons: tuple[Reason, ...]) -> Answer:
    return in_json(503 if reasons else 200, health.verdict(reasons))
