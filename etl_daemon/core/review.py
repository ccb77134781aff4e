"""What operators ask of the control tables: which rows to look at, and the SQL that finds and marks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from etl_daemon.core.datasets import TEXT, Dataset, Kind
from etl_daemon.core.dialect import Dialect
from etl_daemon.core.ledger import MINE
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.statements import control

PLACES = pa.schema([("KEY", TEXT), ("VERSION", TEXT), ("NUMBER", pa.int64())])
"""Rows of objects."""

MOVED = pa.schema(
    [("KEY", TEXT), ("VERSION", TEXT)] + [(name, pa.int64()) for name in ("READ", "LOADED", "SUPERSEDED", "FILTERED")]
)
"""By object version: rows that left the quarantine, and what became of them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which quarantined rows; ``None`` and empty leave a question open. Instants are UTC.

    ``state`` is ``open``, ``replayed``, ``discarded`` or ``any``. ``ids`` may be beginnings of ids.
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
        """Whether it selects everything that is open."""
        return not (self.dataset or self.reason or self.key or self.since or self.until or self.ids)

    def condition(self) -> tuple[str, list[object]]:
        """A condition on ETL_QUARANTINE, and the values that it binds."""
        parts = [STATES[self.state]]
        values: list[object] = []
        asked: Mapping[str, object] = {
            "DATASET = ?": self.dataset,
            "CONTAINS(CONCAT(',', REASONS, ','), ?)": f",{self.reason}," if self.reason else None,
            "OBJECT_KEY = ?": self.key,
            "QUARANTINED_AT >= ?": self.since and self.since.replace(tzinfo=None),
            "QUARANTINED_AT < ?": self.until and self.until.replace(tzinfo=None),
        }
        for text, value in asked.items():
            if value is not None:
                parts.append(text)
                values.append(value)
        if self.ids:
            parts.append("(" + " OR ".join("STARTSWITH(QUARANTINE_ID, ?)" for _ in self.ids) + ")")
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
class LedgerLine:
    """What the ledger says of a key: its latest version, and how many of its rows should be in the target."""

    key: str
    version: str
    outcome: str
    reason: str
    modified: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what, when: replay, discard, reload or backfill."""

    who: str
    at: datetime
    what: str
    dataset: str
    detail: str


@dataclass(frozen=True, slots=True)
class Replay:
    """By object, the ordinals of the rows that leave the quarantine: those that are fit now, and those that lost."""

    rows: Mapping[ObjectRef, Sequence[int]]


STATES = {
    "open": "REPLAYED_AT IS NULL AND DISCARDED_AT IS NULL",
    "replayed": "REPLAYED_AT IS NOT NULL",
    "discarded": "DISCARDED_AT IS NOT NULL",
    "any": "1 = 1",
}
"""Conditions on a quarantined row, by what became of it."""

ROW = "QUARANTINE_ID DATASET OBJECT_KEY OBJECT_VERSION OBJECT_ROW REASONS RAW QUARANTINED_AT REPLAYED_AT DISCARDED_AT"


class ReviewSql:
    """The statements, for one database in one dialect. Lists are bound as JSON texts."""

    def __init__(self, database: str, dialect: Dialect) -> None:
        self._dialect = dialect
        self._objects = control(database, "ETL_OBJECTS")
        self._quarantine = control(database, "ETL_QUARANTINE")
        self._log = control(database, "ETL_AUDIT_LOG")

    def quarantined(self, selection: Selection, limit: int | None) -> tuple[str, list[object]]:
        """The selected rows, the latest first, as ``ROW`` has it."""
        condition, values = selection.condition()
        columns, most = ROW.replace(" ", ", "), "" if limit is None else f" LIMIT {limit:d}"
        order = "QUARANTINED_AT DESC, DATASET, OBJECT_KEY, OBJECT_ROW"
        return f"SELECT {columns} FROM {self._quarantine} WHERE {condition} ORDER BY {order}{most}", values

    def counted(self, selection: Selection) -> tuple[str, list[object]]:
        """How many rows are selected, by dataset and reasons."""
        condition, values = selection.condition()
        counts = f"SELECT DATASET, REASONS, COUNT(*) FROM {self._quarantine} WHERE {condition}"
        return f"{counts} GROUP BY DATASET, REASONS ORDER BY DATASET, REASONS", values

    def discarded(self, selection: Selection, now: datetime) -> tuple[str, list[object]]:
        """Mark the selected rows."""
        condition, values = selection.condition()
        return f"UPDATE {self._quarantine} SET DISCARDED_AT = ? WHERE {condition}", [now, *values]

    def replayed(self) -> str:
        """Mark rows that left the quarantine: time, JSON list of places, dataset."""
        name = "ETL_QUARANTINE"
        return (
            f"UPDATE {self._quarantine} SET REPLAYED_AT = ? FROM ({self._dialect.listed(PLACES)}) AS places "
            f"WHERE {name}.OBJECT_KEY = places.KEY AND {name}.OBJECT_VERSION = places.VERSION "
            f"AND {name}.OBJECT_ROW = places.NUMBER AND {name}.DATASET = ? "
            f"AND {name}.REPLAYED_AT IS NULL AND {name}.DISCARDED_AT IS NULL"
        )

    def moved(self) -> str:
        """Correct the ledger's counts of objects whose rows left the quarantine.

        Bound: JSON list of them, dataset, target, dataset, target.
        """
        columns = ("READ", "LOADED", "SUPERSEDED", "FILTERED")
        sums = ", ".join(f"MAX(m.{column}) AS {column}" for column in columns)
        return f"""
            UPDATE {self._objects} SET ROWS_QUARANTINED = ROWS_QUARANTINED - moved.READ,
                ROWS_LOADED = ROWS_LOADED + moved.LOADED, ROWS_SUPERSEDED = ROWS_SUPERSEDED + moved.SUPERSEDED,
                ROWS_FILTERED = ROWS_FILTERED + moved.FILTERED
            FROM (
                SELECT o.KEY AS KEY, MAX(o.COMMITTED_AT) AS COMMITTED_AT, {sums}
                FROM {self._objects} AS o JOIN ({self._dialect.listed(MOVED)}) AS m
                  ON o.KEY = m.KEY AND o.VERSION = m.VERSION
                WHERE {MINE} AND OUTCOME = 'loaded' GROUP BY o.KEY
            ) AS moved
            WHERE ETL_OBJECTS.KEY = moved.KEY AND ETL_OBJECTS.COMMITTED_AT = moved.COMMITTED_AT
              AND ETL_OBJECTS.DATASET = ? AND ETL_OBJECTS.TARGET_TABLE = ?
        """

    def logged(self) -> str:
        """Add a line to the audit log: who, when, what, dataset, detail."""
        return (
            f"INSERT INTO {self._log} (WHO, OCCURRED_AT, WHAT, DATASET, DETAIL) "
            f"SELECT ?, CAST(? AS {self._dialect.timestamp}), ?, ?, ?"
        )

    def ledger(self) -> str:
        """Each key's latest line: dataset, target, bucket.

        Rows of (key, version, outcome, reason, LastModified, rows of the key that should be in the target).
        """
        return (
            "SELECT KEY, MAX_BY(VERSION, COMMITTED_AT), MAX_BY(OUTCOME, COMMITTED_AT), MAX_BY(REASON, COMMITTED_AT), "
            "MAX_BY(MODIFIED, COMMITTED_AT), SUM(ROWS_LOADED - ROWS_REPLACED) "
            f"FROM {self._objects} WHERE {MINE} AND BUCKET = ? GROUP BY KEY"
        )

    def held(self, dataset: Dataset) -> str:
        """How many rows of each object the target holds: (key, rows, LastModified)."""
        outside = "WHERE DETECTED_BY NOT LIKE 'etl_daemon:%' " if dataset.kind is Kind.ANOMALIES else ""
        return f"SELECT _OBJECT_KEY, COUNT(*), MAX(_OBJECT_MODIFIED) FROM {dataset.table} {outside}GROUP BY _OBJECT_KEY"
