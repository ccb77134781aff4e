"""SQL of the control tables: what is asked and written for one commit; one text for every destination."""

from __future__ import annotations

import pyarrow as pa

from etl_daemon.core.datasets import SCHEMAS, TEXT, Kind
from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.publish import KEYS, quoted
from etl_daemon.core.sql.tables import CONTROL_TABLES, control
from etl_daemon.core.sql.versions import latest

MINE = "DATASET = ? AND TARGET_TABLE = ?"
GIVEN_WAY = KEYS.append(pa.field("GONE", pa.int64()))
VERSIONS = KEYS.append(pa.field("VERSION", TEXT))


class LedgerSql:
    """The statements, for one database in one dialect. Lists are bound as JSON texts."""

    def __init__(self, database: str, dialect: Dialect) -> None:
        self.dialect = dialect
        self.objects = control(database, "ETL_OBJECTS")
        self.batches = control(database, "ETL_BATCHES")
        self.cursors = control(database, "ETL_CURSORS")
        self.quarantine = control(database, "ETL_QUARANTINE")
        self.schema_version = latest(database)

    def fence(self) -> str:
        """Claim a cursor and move its watermark: generation, holder, mark, mark, cursor, generation twice, holder."""
        mark = f"CAST(? AS {self.dialect.timestamp})"
        moved = f"CASE WHEN WATERMARK >= {mark} THEN WATERMARK ELSE COALESCE({mark}, WATERMARK) END"
        return (
            f"UPDATE {self.cursors} SET LEASE_GENERATION = ?, HOLDER = ?, WATERMARK = {moved} WHERE DATASET = ? "
            "AND (LEASE_GENERATION < ? OR (LEASE_GENERATION = ? AND HOLDER = ?))"
        )

    def holder(self, staged: str, anomalies: str) -> str:
        """Who holds a cursor, the tables' version, what the ledger has of the batch's keys, and what is staged.

        Bound: detector, dataset, target, dataset, target, bucket, JSON list of keys and versions, cursor. Rows of
        (generation, holder, version, rows staged, 1 if there are anomalies of the detector, time of the target's last
        commit, key, its latest version, that one's outcome, its rows in the target, rows that were rejected when the
        listed version was read before); the last five are null where the ledger has none of the keys. The dataset's own
        lines are taken first: DuckDB would go by the keys, and read those of all datasets.
        """
        count = f"(SELECT COUNT(*) FROM {staged})" if staged else "0"
        found = f"(SELECT COUNT(*) FROM (SELECT 1 FROM {anomalies} WHERE DETECTED_BY = ? LIMIT 1) AS f)"
        last = f"(SELECT MAX(COMMITTED_AT) FROM {self.batches} WHERE {MINE})"
        return f"""
            SELECT c.LEASE_GENERATION, c.HOLDER, {self.schema_version}, {count}, {found}, {last},
                   e.KEY, e.LATEST, e.OUTCOME, e.PRESENT, e.REJECTED
            FROM {self.cursors} AS c LEFT JOIN (
                WITH mine AS {self.dialect.made_first} (
                    SELECT KEY, VERSION, OUTCOME, COMMITTED_AT, ROWS_LOADED, ROWS_REPLACED, ROWS_QUARANTINED
                    FROM {self.objects} WHERE {MINE} AND BUCKET = ?
                )
                SELECT o.KEY AS KEY, MAX_BY(o.VERSION, o.COMMITTED_AT) AS LATEST,
                       MAX_BY(o.OUTCOME, o.COMMITTED_AT) AS OUTCOME,
                       SUM(o.ROWS_LOADED - o.ROWS_REPLACED) AS PRESENT,
                       SUM(CASE WHEN o.VERSION = l.VERSION THEN o.ROWS_QUARANTINED ELSE 0 END) AS REJECTED
                FROM mine AS o JOIN ({self.dialect.listed(VERSIONS)}) AS l ON o.KEY = l.KEY GROUP BY o.KEY
            ) AS e ON TRUE
            WHERE c.DATASET = ?
        """

    def elsewhere(self) -> str:
        """Keys of which the target may have rows from another bucket: JSON list of keys, dataset, target, bucket."""
        return f"""
            SELECT o.BUCKET, o.KEY FROM {self.objects} AS o JOIN ({self.dialect.listed(KEYS)}) AS l ON o.KEY = l.KEY
            WHERE {MINE} AND o.BUCKET <> ? GROUP BY o.BUCKET, o.KEY
            HAVING SUM(o.ROWS_LOADED - o.ROWS_REPLACED) <> 0
        """

    def latest(self) -> str:
        """What is known of a bucket's keys: (dataset, target, key, latest version, whether refused, its LastModified).

        Bound: bucket.
        """
        return (
            "SELECT DATASET, TARGET_TABLE, KEY, MAX_BY(VERSION, COMMITTED_AT), "
            "MAX_BY(OUTCOME, COMMITTED_AT) = 'refused', MAX_BY(MODIFIED, COMMITTED_AT) "
            f"FROM {self.objects} WHERE BUCKET = ? GROUP BY DATASET, TARGET_TABLE, KEY"
        )

    def batch_of(self) -> str:
        """A batch by its id, holder and time, in this order, if it was committed."""
        return f"SELECT BATCH_ID FROM {self.batches} WHERE BATCH_ID = ? AND HOLDER = ? AND COMMITTED_AT = ?"

    def replaced(self) -> str:
        """Note on the latest loaded line of each key how many of its rows gave way.

        Bound: JSON list of keys and rows gone, dataset, target, dataset, target.
        """
        name = self.objects.rpartition(".")[2]
        return f"""
            UPDATE {self.objects} SET ROWS_REPLACED = ROWS_REPLACED + gave.GONE FROM (
                SELECT o.KEY AS KEY, MAX(o.COMMITTED_AT) AS COMMITTED_AT, MAX(g.GONE) AS GONE
                FROM {self.objects} AS o JOIN ({self.dialect.listed(GIVEN_WAY)}) AS g ON o.KEY = g.KEY
                WHERE {MINE} AND OUTCOME = 'loaded' GROUP BY o.KEY
            ) AS gave
            WHERE {name}.KEY = gave.KEY AND {name}.COMMITTED_AT = gave.COMMITTED_AT
              AND {name}.DATASET = ? AND {name}.TARGET_TABLE = ? AND {name}.OUTCOME = 'loaded'
        """

    def emptied(self) -> str:
        """Note on all lines of a target that none of their rows is there any more: dataset, target."""
        return f"UPDATE {self.objects} SET ROWS_REPLACED = ROWS_LOADED WHERE {MINE} AND ROWS_REPLACED <> ROWS_LOADED"

    def forgotten(self) -> str:
        """Delete all lines of a target: dataset, target."""
        return f"DELETE FROM {self.objects} WHERE {MINE}"

    def lines(self, loaded_into: str = "") -> str:
        """Add lines: a JSON list of them.

        Where rows were loaded into a table, only lines of which this has as many rows as they say; bound after: batch
        id and time of the commit.
        """
        insertion = self._insertion(self.objects, CONTROL_TABLES["ETL_OBJECTS"])
        if not loaded_into:
            return insertion
        return (
            f"{insertion} LEFT JOIN ({arrived(loaded_into)}) AS arrived ON listed.KEY = arrived.ARRIVED_KEY "
            "WHERE listed.ROWS_LOADED = COALESCE(arrived.ARRIVED_ROWS, 0)"
        )

    def batch(self) -> str:
        """Add a batch: a JSON list of one."""
        return self._insertion(self.batches, CONTROL_TABLES["ETL_BATCHES"])

    def reopened(self) -> str:
        """Delete open quarantined rows of versions that were read again: JSON list of keys and versions, dataset."""
        name = self.quarantine.rpartition(".")[2]
        return (
            f"DELETE FROM {self.quarantine} USING ({self.dialect.listed(VERSIONS)}) AS again "
            f"WHERE {name}.DATASET = ? AND {name}.OBJECT_KEY = again.KEY AND {name}.OBJECT_VERSION = again.VERSION "
            f"AND {name}.REPLAYED_AT IS NULL AND {name}.DISCARDED_AT IS NULL"
        )

    def quarantined(self, findings: str) -> str:
        """Keep the rejected rows among staged findings: dataset, batch id, time.

        A row that an operator discarded, and that is rejected again, stays discarded; one that was replayed is open
        again.
        """
        row = "DATASET, OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, REASONS, RAW, BATCH_ID, QUARANTINED_AT"
        identity = "MD5(CONCAT_WS(CHR(31), DATASET, OBJECT_KEY, OBJECT_VERSION, CAST(OBJECT_ROW AS VARCHAR)))"
        return f"""
            INSERT INTO {self.quarantine} (QUARANTINE_ID, {row})
            SELECT r.QUARANTINE_ID, {row} FROM (
                SELECT {identity} AS QUARANTINE_ID, rejected.* FROM (
                    SELECT CAST(? AS VARCHAR) AS DATASET, OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, REASONS, RAW,
                           CAST(? AS VARCHAR) AS BATCH_ID, CAST(? AS {self.dialect.timestamp}) AS QUARANTINED_AT
                    FROM {findings} WHERE REASONS IS NOT NULL
                ) AS rejected
            ) AS r
            WHERE NOT EXISTS (SELECT 1 FROM {self.quarantine} AS q WHERE q.QUARANTINE_ID = r.QUARANTINE_ID
                              AND q.REPLAYED_AT IS NULL)
        """

    def _insertion(self, table: str, columns: pa.Schema) -> str:
        names = quoted(columns.names)
        return f"INSERT INTO {table} ({names}) SELECT {names} FROM ({self.dialect.listed(columns)}) AS listed"


def flagged(anomalies: str, target: str, findings: str, dialect: Dialect) -> str:
    """Keep the anomalies among staged findings whose rows were loaded: batch id, time, batch id, time."""
    names = [*SCHEMAS[Kind.ANOMALIES].target.names, "_OBJECT_KEY", "_OBJECT_ROW", "_OBJECT_MODIFIED"]
    return f"""
        INSERT INTO {anomalies} ({quoted(names)}, _BATCH_ID, _LOADED_AT)
        SELECT {quoted(names, "f")},
               CAST(? AS VARCHAR), CAST(? AS {dialect.timestamp})
        FROM {findings} AS f
        WHERE f.ANOMALY_TYPE IS NOT NULL AND EXISTS (
            SELECT 1 FROM {target} AS t WHERE t._BATCH_ID = ? AND t._LOADED_AT = ?
            AND t._OBJECT_KEY = f._OBJECT_KEY AND t._OBJECT_ROW = f._OBJECT_ROW)
    """


def arrived(target: str) -> str:
    """How many rows of each object a commit put there: batch id, time."""
    return (
        f"SELECT _OBJECT_KEY AS ARRIVED_KEY, COUNT(*) AS ARRIVED_ROWS FROM {target} "
        "WHERE _BATCH_ID = ? AND _LOADED_AT = ? GROUP BY _OBJECT_KEY"
    )


def severities(anomalies: str) -> str:
    """How many anomalies of each severity a commit put there: batch id, time, detector."""
    return (
        f"SELECT SEVERITY, COUNT(*) FROM {anomalies} WHERE _BATCH_ID = ? AND _LOADED_AT = ? AND DETECTED_BY = ? "
        "GROUP BY SEVERITY"
    )
