"""What operators ask of the control tables: which rows to look at, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import md5

from etl_daemon.core.datasets import Dataset, Mode


@dataclass(frozen=True, slots=True)
class Selection:
    """Which quarantined rows; ``None`` and empty leave a question open. Instants are aware.

    ``state`` is a name in ``STATES``. ``ids`` may be beginnings of ids.
    """

    dataset: str | None = None
    reason: str | None = None
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()
    state: str = "open"

    @property
    def empty(self) -> bool:
        """Whether it selects everything in its state."""
        return replace(self, state="open") == Selection()

    def condition(self) -> tuple[str, list[object]]:
        """A condition on ETL_QUARANTINE, and the values that it binds."""
        parts = [STATES[self.state]]
        values: list[object] = []
        asked: Mapping[str, object] = {
            "DATASET = ?": self.dataset,
            "CONTAINS(CONCAT(',', REASONS, ','), ?)": f",{self.reason}," if self.reason else None,
            "OBJECT_KEY = ?": self.key,
            "QUARANTINED_AT >= ?": self.since and _naive(self.since),
            "QUARANTINED_AT < ?": self.until and _naive(self.until),
        }
        for text, value in asked.items():
            if value is not None:
                parts.append(text)
                values.append(value)
        if self.ids:
            parts.append("(" + " OR ".join(f"LEFT(QUARANTINE_ID, {len(each):d}) = ?" for each in self.ids) + ")")
            values += self.ids
        return " AND ".join(parts), values


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A rejected row as the quarantine keeps it; instants are UTC."""

    id: str
    dataset: str
    key: str
    version: str
    row: int
    reasons: tuple[str, ...]
    raw: str | None
    quarantined_at: datetime
    replayed_at: datetime | None = None
    discarded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RejectedIn:
    """How many of the selected rows an object version has in the quarantine."""

    dataset: str
    key: str
    version: str
    rows: int


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What the ledger says of a key: its latest version, and how many of its rows should be in the target."""

    bucket: str
    key: str
    version: str
    outcome: str
    reason: str
    modified: datetime
    committed_at: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class Balance:
    """A key in the ledger (``line``: None if it is not there) and in the target, at one moment.

    ``held`` rows of it are in the target; ``modified`` is their latest LastModified. A key that the ledger has in
    several buckets has a balance for each, all with the same ``held``.
    """

    key: str
    line: LedgerLine | None
    held: int
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what, when: replay, discard, reload or backfill."""

    who: str
    at: datetime
    what: str
    dataset: str
    detail: str


STATES = {
    "open": "REPLAYED_AT IS NULL AND DISCARDED_AT IS NULL",
    "replayed": "REPLAYED_AT IS NOT NULL",
    "discarded": "DISCARDED_AT IS NOT NULL",
    "any": "1 = 1",
}
"""Conditions on a quarantined row, by what became of it."""


def standing(dataset: Dataset) -> Dataset:
    """The dataset as single rows of the past meet its table: nothing is replaced as a whole, or left out as too old."""
    if dataset.mode.replaces:
        return replace(dataset, mode=Mode.UPSERT if dataset.key else Mode.APPEND)
    if dataset.by_timestamp:
        mode = Mode.INCREMENTAL if dataset.key else Mode.APPEND
        return replace(dataset, mode=mode, incremental_by="primary_key" if dataset.key else "")
    return dataset


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def quarantine_id(dataset: str, key: str, version: str, row: int) -> str:
    """The id of a rejected row, as the statement that quarantines it makes it."""
    identity = "\x1f".join((dataset, key, version, str(row)))
    return md5(identity.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
