"""How far the extraction from an API has come: the document that lies beside its responses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from etl_daemon.core.datasets import Dataset, Raw
from etl_daemon.core.documents import UNFIT, instant, of_kind
from etl_daemon.core.web.endpoint import NONE, Validators
from etl_daemon.errors import SetupError


@dataclass(frozen=True, slots=True)
class Taken:
    """A run's responses: under which keys, each with its hash, in their order; and how the server tells them apart.

    ``request`` is the endpoint's fingerprint.
    """

    keys: tuple[str, ...]
    digests: tuple[str, ...]
    request: str
    validators: Validators = NONE

    def same(self, digests: Sequence[str], request: str) -> bool:
        """Whether another run has brought the same."""
        return self.request == request and self.digests == tuple(digests)


@dataclass(frozen=True, slots=True)
class Notes:
    """``last`` run that is in the bucket, and one that was about to be put when the process ended, if it did."""

    extracted_at: str = ""
    last: Taken | None = None
    intent: Taken | None = None

    def settled(self, now: datetime) -> Notes:
        """The notes once the intent's responses are in the bucket."""
        return replace(self, extracted_at=now.isoformat(timespec="seconds"), last=self.intent, intent=None)

    def due(self, every_seconds: float, now: datetime) -> bool:
        """Whether it is time again, or a run was cut short."""
        if self.intent or not self.extracted_at:
            return True
        return now >= datetime.fromisoformat(self.extracted_at) + timedelta(seconds=every_seconds)


def keys_of(folder: str, at: datetime, pages: int) -> tuple[str, ...]:
    """``data/<name>/<date>/<timestamp>.json``; pages of one run have their number: ``<timestamp>-p001.json``."""
    stem = f"{folder}{at:%Y-%m-%d}/{at:%Y%m%dT%H%M%S%fZ}"
    if pages == 1:
        return (f"{stem}.json",)
    width = max(3, len(str(pages)))
    return tuple(f"{stem}-p{number:0{width}d}.json" for number in range(1, pages + 1))


RUN = r"/(\d{8}T\d{12}Z)(?:-p\d+)?\.json$"
"""What the keys of one run have in common; a ``snapshot_group``."""


def answered(dataset: Dataset) -> Dataset:
    """How responses are loaded: the pages of a run are one delivery, and a document is a row as it came."""
    path = None if dataset.raw is Raw.DOCUMENT else dataset.records_path
    return replace(dataset, snapshot_group=RUN, records_path=path)


def digest(body: bytes) -> str:
    """The hash of a response."""
    return sha256(body).hexdigest()


def to_text(notes: Notes) -> str:
    """The document as JSON."""
    return json.dumps(asdict(notes), indent=1) + "\n"


def from_text(text: str, where: str) -> Notes:
    """The notes of that text.

    Raises:
        SetupError: there are none.
    """
    try:
        values = json.loads(text)
        if at := of_kind(values["extracted_at"], str):
            instant(at)
        return Notes(at, _taken(values["last"]), _taken(values["intent"]))
    except UNFIT as error:
        hint = "move it away to have everything extracted again"
        raise SetupError(f"{where} does not say how far an extraction has come.", hint=hint) from error


def _taken(values: dict[str, Any] | None) -> Taken | None:
    if values is None:
        return None
    given = Validators(**{name: of_kind(text, str) for name, text in values["validators"].items()})
    keys, digests = (tuple(of_kind(each, str) for each in of_kind(values[name], list)) for name in ("keys", "digests"))
    return Taken(keys, digests, of_kind(values["request"], str), given)
