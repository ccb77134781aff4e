"""What each path answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from etl_daemon.core import health
from etl_daemon.core.health import Identity, Moment, Patience, Reason

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what goes with it."""

    status: int
    body: bytes
    content_type: str = JSON


Page = Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class Sight:
    """What pages are made of: ``moment`` and ``metrics`` give what is at hand, at once."""

    identity: Identity
    patience: Patience
    moment: Callable[[], Moment]
    metrics: Callable[[], bytes]
    metrics_type: str


def pages(sight: Sight) -> Mapping[str, Page]:
    """All paths."""

    def live() -> Answer:
        return _probe(health.not_live(sight.moment(), sight.patience))

    def ready() -> Answer:
        return _probe(health.not_ready(sight.moment()))

    def both() -> Answer:
        moment = sight.moment()
        return _probe((*health.not_live(moment, sight.patience), *health.not_ready(moment)))

    return {
        "/livez": live,
        "/readyz": ready,
        "/healthz": both,
        "/metrics": lambda: Answer(200, sight.metrics(), sight.metrics_type),
        "/api/status": lambda: in_json(200, health.status(sight.identity, sight.moment(), sight.patience)),
    }


def in_json(status: int, document: Mapping[str, Any]) -> Answer:
    """The document as an answer."""
    return Answer(status, json.dumps(document, indent=1).encode() + b"\n")


def _probe(reasons: tuple[Reason, ...]) -> Answer:
    return in_json(503 if reasons else 200, health.verdict(reasons))
