"""What became of models: tables and views that are made of loaded ones, whatever makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from etl_daemon.core.events.side import ModelsRan
from etl_daemon.errors import EtlError


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """One model. ``kind`` is what makes it; ``counts`` what that did, by what it calls it; ``error`` if it failed."""

    kind: str
    model: str
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)
    error: EtlError | None = None


def summary(kind: str, outcomes: Sequence[ModelOutcome], seconds: float) -> ModelsRan:
    """What became of all models of a kind."""
    failed = [each for each in outcomes if each.error]
    names = tuple(each.model for each in failed)
    error = next((each.error for each in failed if each.error), None)
    said = (error.detail, error.hint) if error else ("", "")
    return ModelsRan("", kind, len(outcomes), names, round(seconds, 3), *said)
