"""SQL of a report on quality: everything is counted where it lies, and no answer grows with the rows.

Bound first is whose rows are meant, then from when on and until before when, then what each statement says.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events.examples import RAW_LENGTH
from etl_daemon.core.review import STATES
from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.ledger import MINE
from etl_daemon.core.sql.publish import KEYS, quoted
from etl_daemon.core.sql.tables import control

SHOWN = 20
"""Restated objects and anomalies that are shown one by one."""

MOST_TYPES = 50
"""Types of anomalies that are counted apart: those that arrive as objects have any name."""

CURVES = 3
"""Symbols whose prices are drawn."""

COMMITTED = "COMMITTED_AT >= ? AND COMMITTED_AT < ?"
REJECTED = "DATASET = ? AND QUARANTINED_AT >= ? AND QUARANTINED_AT < ?"
FOUND = "DETECTED_BY = ? AND TIMESTAMP >= ? AND TIMESTAMP < ?"
LISTED_KEYS = "(SELECT KEY FROM ({}) AS listed)"
RANK = "CASE SEVERITY WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END"


@dataclass(frozen=True, slots=True)
class Zone:
    """Where the day of a row is told: a time zone, and how many minutes before its midnight a day begins."""

    name: str = "UTC"
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A target by its columns: ``instant`` (UTC without zone) says of when a row is, where a column does."""

    table: str
    instant: str = ""
    symbol: str = ""
    key: tuple[str, ...] = ()


def place(dataset: Dataset, columns: pa.Schema, dialect: Dialect) -> Place:
    """What the table with these columns can be asked."""
    names = set(columns.names)
    known = dataset.instant in names
    instant = dialect.instant(f'"{dataset.instant}"', columns.field(dataset.instant).type) if known else ""
    symbol = '"SYMBOL"' if "SYMBOL" in names else ""
    return Place(dataset.table, instant, symbol, dataset.key if set(dataset.key) <= names else ())


class QualitySql:
    """The statements, for one database in one dialect."""

    def __init__(self, database: str, anomalies: str, dialect: Dialect) -> None:
        self._dialect = dialect
        self._anomalies = anomalies
        self._objects = control(database, "ETL_OBJECTS")
        self._batches = control(database, "ETL_BATCHES")
        self._quarantine = control(database, "ETL_QUARANTINE")

    # ------------------------------------------------------------ the target

    def extent(self, at: Place, zone: Zone) -> str:
        """Rows of the table, time of the latest one before an instant, and its day: that instant."""
        if not at.instant:
            return f"SELECT COUNT(*), NULL, NULL FROM {at.table}"
        latest = f"MAX(CASE WHEN {at.instant} < ? THEN {at.instant} END) AS LATEST"
        day = self._dialect.day("LATEST", zone.name, zone.ahead)
        return f"SELECT N, LATEST, {day} FROM (SELECT COUNT(*) AS N, {latest} FROM {at.table}) AS extent"

    def days(self, at: Place, zone: Zone) -> str:
        """Rows and symbols by day: (day, rows, symbols)."""
        day = self._dialect.day(at.instant, zone.name, zone.ahead)
        return (
            f"SELECT DAY_OF, COUNT(*), COUNT(DISTINCT SYMBOL_OF) FROM ("
            f"SELECT {day} AS DAY_OF, {at.symbol or 'NULL'} AS SYMBOL_OF FROM {at.table} WHERE {_within(at)}"
            ") AS seen GROUP BY DAY_OF ORDER BY DAY_OF"
        )

    def repeated(self, at: Place) -> str:
        """Keys that are there more than once, and their rows."""
        where = f"WHERE {_within(at)} " if at.instant else ""
        grouped = f"SELECT COUNT(*) AS N FROM {at.table} {where}GROUP BY {quoted(at.key)} HAVING COUNT(*) > 1"
        return f"SELECT COUNT(*), COALESCE(SUM(N), 0) FROM ({grouped}) AS repeated"

    # ------------------------------------------------------------ the ledger

    def volumes(self) -> str:
        """What was committed, by day, in the order of ``Volume``."""
        outcomes = ", ".join(
            f"SUM(CASE WHEN OUTCOME = '{outcome}' THEN 1 ELSE 0 END)" for outcome in ("loaded", "refused", "superseded")
        )
        rows = ", ".join(f"SUM(ROWS_{name})" for name in ("READ", "LOADED", "QUARANTINED", "SUPERSEDED", "FILTERED"))
        return (
            f"SELECT CAST(COMMITTED_AT AS DATE) AS DAY_OF, {outcomes}, "
            f"SUM(CASE WHEN OUTCOME = 'loaded' THEN SIZE ELSE 0 END), {rows} "
            f"FROM {self._objects} WHERE {MINE} AND {COMMITTED} GROUP BY DAY_OF ORDER BY DAY_OF"
        )

    def commits(self) -> str:
        """Commits, rows of others that gave way to theirs, and time of the last commit before the end.

        Bound: from, until, from, until, dataset, target, until.
        """
        within = f"CASE WHEN {COMMITTED} THEN"
        return (
            f"SELECT COALESCE(SUM({within} 1 ELSE 0 END), 0), "
            f"COALESCE(SUM({within} ROWS_REPLACED ELSE 0 END), 0), MAX(COMMITTED_AT) "
            f"FROM {self._batches} WHERE {MINE} AND COMMITTED_AT < ?"
        )

    def lag(self) -> str:
        """Median, 95th percentile and maximum of the seconds from LastModified to commit."""
        return (
            "SELECT MEDIAN(LAG_OF), PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY LAG_OF), MAX(LAG_OF) FROM ("
            f"SELECT DATEDIFF('second', MODIFIED, COMMITTED_AT) AS LAG_OF FROM {self._objects} "
            f"WHERE {MINE} AND {COMMITTED} AND OUTCOME = 'loaded') AS lags"
        )

    def restatements(self) -> str:
        """Objects that came again, their versions, and the rows of these; bound as ``restated``."""
        again = self._restated()
        return f"SELECT COUNT(*), COALESCE(SUM(VERSIONS), 0), COALESCE(SUM(ROWS_OF), 0) FROM ({again}) AS again"

    def restated(self) -> str:
        """The latest of them, as ``Restated``: dataset, target, dataset, target, from, until."""
        again = self._restated()
        return f"SELECT * FROM ({again}) AS again ORDER BY AT_LAST DESC, BUCKET, KEY LIMIT {SHOWN}"

    def _restated(self) -> str:
        first = (
            f"SELECT BUCKET, KEY, MIN(COMMITTED_AT) AS FIRST_AT FROM {self._objects} "
            f"WHERE {MINE} AND OUTCOME = 'loaded' GROUP BY BUCKET, KEY"
        )
        return (
            "SELECT o.BUCKET AS BUCKET, o.KEY AS KEY, COUNT(*) AS VERSIONS, SUM(o.ROWS_LOADED) AS ROWS_OF, "
            f"MAX(o.COMMITTED_AT) AS AT_LAST FROM ({first}) AS f JOIN {self._objects} AS o "
            f"ON o.BUCKET = f.BUCKET AND o.KEY = f.KEY WHERE {MINE} AND {COMMITTED} "
            "AND OUTCOME = 'loaded' AND COMMITTED_AT > FIRST_AT GROUP BY o.BUCKET, o.KEY"
        )

    # ------------------------------------------------------------ the quarantine

    def rejected(self) -> str:
        """Rows by their reasons, as ``Rejected``, with two of their ids."""
        states = ", ".join(
            f"SUM(CASE WHEN {STATES[state]} THEN 1 ELSE 0 END)" for state in ("open", "replayed", "discarded")
        )
        return (
            f"SELECT REASONS, COUNT(*) AS N, {states}, MIN(QUARANTINE_ID), MAX(QUARANTINE_ID) "
            f"FROM {self._quarantine} WHERE {REJECTED} GROUP BY REASONS ORDER BY N DESC, REASONS"
        )

    def examples(self) -> str:
        """Some of these rows, as ``RejectedRow``: JSON list of their ids."""
        return (
            f"SELECT OBJECT_KEY, OBJECT_ROW, REASONS, LEFT(RAW, {RAW_LENGTH}), QUARANTINED_AT FROM {self._quarantine} "
            f"WHERE {REJECTED} AND QUARANTINE_ID IN {LISTED_KEYS.format(self._dialect.listed(KEYS))} "
            "ORDER BY OBJECT_KEY, OBJECT_ROW, QUARANTINED_AT LIMIT 100"
        )

    # ------------------------------------------------------------ anomalies

    def flagged_days(self) -> str:
        """Anomalies by day and severity."""
        return (
            f"SELECT CAST(TIMESTAMP AS DATE) AS DAY_OF, SEVERITY, COUNT(*) FROM {self._anomalies} WHERE {FOUND} "
            "GROUP BY DAY_OF, SEVERITY ORDER BY DAY_OF, SEVERITY"
        )

    def flagged(self) -> str:
        """The most frequent types, by severity."""
        return (
            f"SELECT ANOMALY_TYPE, SEVERITY, COUNT(*) AS N FROM {self._anomalies} WHERE {FOUND} "
            f"GROUP BY ANOMALY_TYPE, SEVERITY ORDER BY N DESC, ANOMALY_TYPE, SEVERITY LIMIT {MOST_TYPES}"
        )

    def worst(self) -> str:
        """The most severe ones, the latest first, as ``Anomaly``."""
        return (
            "SELECT SYMBOL, TIMESTAMP, ANOMALY_TYPE, SEVERITY, VALUE, THRESHOLD, DESCRIPTION "
            f"FROM {self._anomalies} WHERE {FOUND} ORDER BY {RANK} DESC, TIMESTAMP DESC, SYMBOL LIMIT {SHOWN}"
        )

    def striking(self) -> str:
        """The symbols with the most anomalies."""
        return (
            f"SELECT SYMBOL FROM {self._anomalies} WHERE {FOUND} "
            f"GROUP BY SYMBOL ORDER BY COUNT(*) DESC, SYMBOL LIMIT {CURVES}"
        )

    def marks(self) -> str:
        """Anomalies of some symbols: (symbol, day, anomalies, severity of the worst); JSON list of the symbols."""
        among = LISTED_KEYS.format(self._dialect.listed(KEYS))
        return (
            f"SELECT SYMBOL, CAST(TIMESTAMP AS DATE) AS DAY_OF, COUNT(*), MAX_BY(SEVERITY, {RANK}) "
            f"FROM {self._anomalies} WHERE {FOUND} AND SYMBOL IN {among} "
            "GROUP BY SYMBOL, DAY_OF ORDER BY SYMBOL, DAY_OF"
        )

    def closes(self, at: Place) -> str:
        """The last close of each day: (symbol, day, close); from, until, JSON list of the symbols."""
        among = LISTED_KEYS.format(self._dialect.listed(KEYS))
        return (
            f"SELECT SYMBOL, CAST({at.instant} AS DATE) AS DAY_OF, MAX_BY(CLOSE_PRICE, {at.instant}) FROM {at.table} "
            f"WHERE {_within(at)} AND SYMBOL IN {among} GROUP BY SYMBOL, DAY_OF ORDER BY SYMBOL, DAY_OF"
        )


def _within(at: Place) -> str:
    return f"{at.instant} >= ? AND {at.instant} < ?"
