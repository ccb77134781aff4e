"""What each path answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from etl_daemon.core import health
from etl_daemon.core.health import Identity, Moment, Patience, Reason
from etl_daemon.core.pages.batch import BatchPage
from etl_daemon.core.pages.overview import Overview, Recent, overview
from etl_daemon.server.rendering import STATIC, rendered, static

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what goes with it."""

    status: int
    body: bytes
    content_type: str = JSON


Page = Callable[..., Answer]
"""Called without anything, or, where its path ends with ``ANY``, with what stands there."""

ANY = "<id>"


@dataclass(frozen=True, slots=True)
class Sight:
    """What pages are made of: ``moment`` and ``metrics`` give what is at hand, at once, ``recent`` the history.

    ``batch`` finds a batch by its id, ``settings`` are those that the process works by, secrets starred.
    """

    identity: Identity
    patience: Patience
    moment: Callable[[], Moment]
    metrics: Callable[[], bytes]
    metrics_type: str
    recent: Callable[[datetime], Recent] = lambda _: Recent()
    batch: Callable[[str], BatchPage | None] = lambda _: None
    settings: Mapping[str, str] = field(default_factory=dict)


def pages(sight: Sight) -> Mapping[str, Page]:
    """All paths."""

    def live() -> Answer:
        return _probe(health.not_live(sight.moment(), sight.patience))

    def ready() -> Answer:
        return _probe(health.not_ready(sight.moment()))

    def both() -> Answer:
        moment = sight.moment()
        return _probe((*health.not_live(moment, sight.patience), *health.not_ready(moment)))

    def seen() -> Overview:
        moment = sight.moment()
        found = overview(sight.identity, moment, sight.patience, sight.recent(moment.now))
        return replace(found, settings=sight.settings)

    def batch(batch_id: str) -> Answer:
        found = sight.batch(batch_id)
        return in_html("batch.html", found) if found else replace(in_html("absent.html", batch_id), status=404)

    return {
        "/": lambda: in_html("status.html", seen()),
        "/fragments/status": lambda: in_html("_status.html", seen()),
        f"/batches/{ANY}": batch,
        **{f"/static/{name}": partial(_file, name) for name in STATIC},
        "/livez": live,
        "/readyz": ready,
        "/healthz": both,
        "/metrics": lambda: Answer(200, sight.metrics(), sight.metrics_type),
        "/api/status": lambda: in_json(200, health.status(sight.identity, sight.moment(), sight.patience)),
    }


def in_json(status: int, document: Mapping[str, Any]) -> Answer:
    """The document as an answer."""
    return Answer(status, json.dumps(document, indent=1).encode() + b"\n")


def in_html(template: str, page: object) -> Answer:
    """The page as an answer."""
    return Answer(200, rendered(template, page=page), HTML)


def _file(name: str) -> Answer:
    return Answer(200, static(name), STATIC[name])


def _probe(reasons: tuple[Reason, ...]) -> Answer:
    return in_json(503 if reasons else 200, health.verdict(reasons))
