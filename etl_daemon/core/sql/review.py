"""SQL of what operators ask of the control tables, and mark there."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from etl_daemon.core.datasets import TEXT, Dataset, Kind
from etl_daemon.core.review import STATES, QuarantinedRow, Selection
from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.ledger import MINE
from etl_daemon.core.sql.publish import KEYS
from etl_daemon.core.sql.tables import control

MOVED = pa.schema(
    [("KEY", TEXT), ("VERSION", TEXT)] + [(name, pa.int64()) for name in ("READ", "LOADED", "SUPERSEDED", "FILTERED")]
)
"""By object version: rows that left the quarantine, and what became of them."""


ROW = "QUARANTINE_ID DATASET OBJECT_KEY OBJECT_VERSION OBJECT_ROW REASONS RAW QUARANTINED_AT REPLAYED_AT DISCARDED_AT"
LINE = "BUCKET KEY VERSION OUTCOME REASON MODIFIED COMMITTED_AT PRESENT"


class ReviewSql:
    """The statements, for one database in one dialect. Lists are bound as JSON texts."""

    def __init__(self, database: str, dialect: Dialect) -> None:
        self._dialect = dialect
        self._objects = control(database, "ETL_OBJECTS")
        self._quarantine = control(database, "ETL_QUARANTINE")
        self._log = control(database, "ETL_AUDIT_LOG")

    def quarantined(self, selection: Selection, limit: int | None) -> tuple[str, list[object]]:
        """The selected rows, the latest first, as ``ROW`` has it."""
        most = "" if limit is None else f" LIMIT {limit:d}"
        return self._selected(ROW, selection, f"ORDER BY QUARANTINED_AT DESC, DATASET, OBJECT_KEY, OBJECT_ROW{most}")

    def page(self, selection: Selection, after: QuarantinedRow | None, limit: int) -> tuple[str, list[object]]:
        """The selected rows behind that one, by id and time: a row that was rejected again has its id again."""
        beyond = "AND (QUARANTINE_ID > ? OR (QUARANTINE_ID = ? AND QUARANTINED_AT > ?)) " if after else ""
        place = [after.id, after.id, _naive(after.quarantined_at)] if after else []
        order = f"ORDER BY QUARANTINE_ID, QUARANTINED_AT LIMIT {limit:d}"
        statement, values = self._selected(ROW, selection, f"{beyond}{order}")
        return statement, [*values, *place]

    def rejected_in(self, selection: Selection) -> tuple[str, list[object]]:
        """The object versions that the selected rows are of: (dataset, key, version, rows)."""
        columns = "DATASET OBJECT_KEY OBJECT_VERSION"
        grouped = columns.replace(" ", ", ")
        return self._selected(f"{columns} COUNT(*)", selection, f"GROUP BY {grouped} ORDER BY {grouped}")

    def counted(self, selection: Selection) -> tuple[str, list[object]]:
        """How many rows are selected: (dataset, reasons, rows)."""
        return self._selected(
            "DATASET REASONS COUNT(*)", selection, "GROUP BY DATASET, REASONS ORDER BY DATASET, REASONS"
        )

    def places(self, selection: Selection) -> tuple[str, list[object]]:
        """Where the selected rows of some objects are: (key, version, row). Bound last: JSON list of the keys."""
        among = f"AND OBJECT_KEY IN (SELECT KEY FROM ({self._dialect.listed(KEYS)}) AS listed)"
        return self._selected("OBJECT_KEY OBJECT_VERSION OBJECT_ROW", selection, among)

    def discarded(self, selection: Selection, now: datetime) -> tuple[str, list[object]]:
        """Mark the selected rows."""
        condition, values = selection.condition()
        return f"UPDATE {self._quarantine} SET DISCARDED_AT = ? WHERE {condition}", [now, *values]

    def replayed(self, findings: str) -> str:
        """Mark the staged rows that leave the quarantine: time, dataset."""
        name = "ETL_QUARANTINE"
        return f"""
            UPDATE {self._quarantine} SET REPLAYED_AT = ? FROM (
                SELECT OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW FROM {findings} WHERE REASONS IS NOT NULL
            ) AS places
            WHERE {name}.OBJECT_KEY = places.OBJECT_KEY AND {name}.OBJECT_VERSION = places.OBJECT_VERSION
              AND {name}.OBJECT_ROW = places.OBJECT_ROW AND {name}.DATASET = ? AND {STATES["open"]}
        """

    def moved(self) -> str:
        """Correct the ledger's counts of objects whose rows left the quarantine.

        Bound: JSON list of them, dataset, target, bucket, dataset, target, bucket.
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
                WHERE {MINE} AND BUCKET = ? AND OUTCOME = 'loaded' GROUP BY o.KEY
            ) AS moved
            WHERE ETL_OBJECTS.KEY = moved.KEY AND ETL_OBJECTS.COMMITTED_AT = moved.COMMITTED_AT
              AND ETL_OBJECTS.DATASET = ? AND ETL_OBJECTS.TARGET_TABLE = ? AND ETL_OBJECTS.BUCKET = ?
        """

    def logged(self) -> str:
        """Add a line to the audit log: who, when, what, dataset, detail."""
        return (
            f"INSERT INTO {self._log} (WHO, OCCURRED_AT, WHAT, DATASET, DETAIL) "
            f"SELECT ?, CAST(? AS {self._dialect.timestamp}), ?, ?, ?"
        )

    def lines(self) -> str:
        """The keys of a list, as ``LINE`` has it: dataset, target, JSON list of the keys."""
        return self._latest(f"AND o.KEY IN (SELECT KEY FROM ({self._dialect.listed(KEYS)}) AS listed) ")

    def refused(self) -> str:
        """Keys whose latest version was refused, as ``LINE`` has it: dataset, target."""
        return f"{self._latest()} HAVING MAX_BY(o.OUTCOME, o.COMMITTED_AT) = 'refused' ORDER BY o.BUCKET, o.KEY"

    def delivered(self) -> str:
        """Keys of the last commit that loaded objects: dataset, target, bucket, dataset, target."""
        loaded = f"FROM {self._objects} WHERE {MINE} AND OUTCOME = 'loaded'"
        return f"SELECT KEY {loaded} AND BUCKET = ? AND COMMITTED_AT = (SELECT MAX(COMMITTED_AT) {loaded})"

    def balanced(self, dataset: Dataset, *, made: bool = True) -> str:
        """Ledger and target side by side, in one statement since commits go on: dataset, target.

        Rows of key, the key's rows in the target, their latest LastModified, and ``LINE``. A target that is not
        ``made`` yet holds nothing.
        """
        nothing = f"(SELECT KEY AS _OBJECT_KEY, MODIFIED AS _OBJECT_MODIFIED FROM {self._objects} WHERE 1 = 0) AS empty"
        outside = "WHERE DETECTED_BY NOT LIKE 'etl_daemon:%' " if dataset.kind is Kind.ANOMALIES else ""
        held = (
            "SELECT _OBJECT_KEY AS HELD_KEY, COUNT(*) AS HELD, MAX(_OBJECT_MODIFIED) AS HELD_MODIFIED "
            f"FROM {dataset.table if made else nothing} {outside}GROUP BY _OBJECT_KEY"
        )
        lines = ", ".join(f"l.{column}" for column in LINE.split())
        return (
            f"SELECT COALESCE(l.KEY, h.HELD_KEY), COALESCE(h.HELD, 0), h.HELD_MODIFIED, {lines} "
            f"FROM ({self._latest()}) AS l FULL OUTER JOIN ({held}) AS h ON l.KEY = h.HELD_KEY"
        )

    def _latest(self, among: str = "") -> str:
        """Each key's latest line, and what it brought in less what gave way, over all its versions."""
        latest = ", ".join(
            f"MAX_BY(o.{name}, o.COMMITTED_AT) AS {name}" for name in ("VERSION", "OUTCOME", "REASON", "MODIFIED")
        )
        return (
            f"SELECT o.BUCKET, o.KEY, {latest}, MAX(o.COMMITTED_AT) AS COMMITTED_AT, "
            f"SUM(o.ROWS_LOADED - o.ROWS_REPLACED) AS PRESENT FROM {self._objects} AS o WHERE {MINE} "
            f"{among}GROUP BY o.BUCKET, o.KEY"
        )

    def _selected(self, columns: str, selection: Selection, more: str) -> tuple[str, list[object]]:
        condition, values = selection.condition()
        return f"SELECT {columns.replace(' ', ', ')} FROM {self._quarantine} WHERE {condition} {more}", values


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
