"""What became of models: tables and views that are made of loaded ones, whatever makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from etl_daemon.errors import EtlError


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """One model. ``kind`` is what makes it; ``counts`` what that did, by what it calls it; ``error`` if it failed."""

    kind: str
    model: str
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)
    error: EtlError | None = None
