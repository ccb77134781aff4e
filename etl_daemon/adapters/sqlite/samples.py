"""Values of the busiest symbols, and anomalies, for charts: some of each batch, and never more than a few of each."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from etl_daemon.adapters.sqlite.file import DAY_SECONDS, StateFile, Table
from etl_daemon.core.events.sample import Sample
from etl_daemon.core.status.history import Flag, Point

SYMBOLS_KEPT, POINTS_KEPT = 30, 300
"""Of each dataset values are kept of so many symbols, those with the most rows, and so many of each, the latest."""

FLAGS_SHOWN = 500
"""Anomalies of a symbol that are given at most."""

WHOSE = "DAEMON TEXT NOT NULL, DATASET TEXT NOT NULL, SYMBOL TEXT NOT NULL"

SYMBOLS = Table(
    "SYMBOLS",
    f"{WHOSE}, SEEN INTEGER NOT NULL, UNIQUE (DAEMON, DATASET, SYMBOL)",
    keep_seconds=8 * DAY_SECONDS,
    most=5_000,
)
"""How often a symbol was among the rows that were looked at."""

POINTS = Table(
    "POINTS",
    f"{WHOSE}, INSTANT REAL NOT NULL, VALUE REAL NOT NULL, UNIQUE (DAEMON, DATASET, SYMBOL, INSTANT)",
    keep_seconds=8 * DAY_SECONDS,
    most=50_000,
)
"""``AT`` is when it was loaded, ``INSTANT`` when it was; what is loaded again takes the place of what was."""

FLAGS = Table(
    "FLAGS",
    f"{WHOSE}, INSTANT REAL NOT NULL, VALUE REAL, ANOMALY_TYPE TEXT NOT NULL, SEVERITY TEXT NOT NULL, "
    "DESCRIPTION TEXT NOT NULL, UNIQUE (DAEMON, DATASET, SYMBOL, INSTANT, ANOMALY_TYPE)",
    keep_seconds=8 * DAY_SECONDS,
    most=10_000,
)
SAMPLES = (SYMBOLS, POINTS, FLAGS)


def enter_sample(db: sqlite3.Connection, whose: tuple[str, str], sample: Sample, at: datetime) -> None:
    """Enter a batch's sample; ``whose``: daemon and dataset."""
    loaded = (at.timestamp(), *whose)
    points = [each for each in _rows(sample.points) if each[2] is not None]
    counted = Counter(symbol for symbol, _, _ in points)
    db.executemany(
        "INSERT INTO SYMBOLS VALUES (?, ?, ?, ?, ?) ON CONFLICT (DAEMON, DATASET, SYMBOL) "
        "DO UPDATE SET AT = excluded.AT, SEEN = SEEN + excluded.SEEN",
        [(*loaded, symbol, count) for symbol, count in counted.items()],
    )
    busiest = _busiest(db, whose)
    db.executemany(
        "REPLACE INTO POINTS VALUES (?, ?, ?, ?, ?, ?)", [(*loaded, *each) for each in points if each[0] in busiest]
    )
    _thin(db, whose, busiest, counted)
    flags = [(*loaded, *each) for each in _rows(sample.flags)]
    db.executemany(f"REPLACE INTO FLAGS VALUES ({', '.join('?' * 9)})", flags)


class Samples:
    """Of one daemon. Each method raises TransientError or SetupError where the file cannot be read."""

    def __init__(self, file: StateFile, daemon: str) -> None:
        self._file, self._daemon = file, daemon

    def symbols(self, dataset: str) -> tuple[str, ...]:
        """Those of which there are values, the busiest first, and then those that only have anomalies."""
        query = (
            "SELECT SYMBOL, MAX(SEEN) AS SEEN FROM ("
            "SELECT SYMBOL, SEEN FROM SYMBOLS AS S WHERE DAEMON = :d AND DATASET = :n AND EXISTS (SELECT 1 FROM POINTS "
            "AS P WHERE P.DAEMON = S.DAEMON AND P.DATASET = S.DATASET AND P.SYMBOL = S.SYMBOL) "
            "UNION ALL SELECT DISTINCT SYMBOL, 0 FROM FLAGS WHERE DAEMON = :d AND DATASET = :n"
            ") GROUP BY SYMBOL ORDER BY SEEN DESC, SYMBOL"
        )
        values = {"d": self._daemon, "n": dataset}
        return self._file.read(lambda db: tuple(symbol for symbol, _ in db.execute(query, values)))

    def points(self, dataset: str, symbol: str) -> tuple[Point, ...]:
        """Its values, by their time."""
        query = (
            "SELECT INSTANT, VALUE FROM POINTS WHERE DAEMON = ? AND DATASET = ? AND SYMBOL = ? "
            f"ORDER BY INSTANT LIMIT {POINTS_KEPT}"
        )
        values = (self._daemon, dataset, symbol)
        return self._file.read(lambda db: tuple(Point(_utc(at), value) for at, value in db.execute(query, values)))

    def flags(self, dataset: str, symbol: str) -> tuple[Flag, ...]:
        """Its anomalies, the latest first."""
        query = (
            "SELECT INSTANT, VALUE, ANOMALY_TYPE, SEVERITY, DESCRIPTION FROM FLAGS "
            f"WHERE DAEMON = ? AND DATASET = ? AND SYMBOL = ? ORDER BY INSTANT DESC, ANOMALY_TYPE LIMIT {FLAGS_SHOWN}"
        )
        values = (self._daemon, dataset, symbol)
        return self._file.read(lambda db: tuple(Flag(_utc(at), *rest) for at, *rest in db.execute(query, values)))


def _busiest(db: sqlite3.Connection, whose: tuple[str, str]) -> frozenset[str]:
    query = "SELECT SYMBOL FROM SYMBOLS WHERE DAEMON = ? AND DATASET = ? ORDER BY SEEN DESC, SYMBOL LIMIT ?"
    return frozenset(symbol for (symbol,) in db.execute(query, (*whose, SYMBOLS_KEPT)))


def _thin(db: sqlite3.Connection, whose: tuple[str, str], busiest: frozenset[str], touched: Collection[str]) -> None:
    """Drop the values of symbols that are no longer among the busiest, and the oldest of those that have too many."""
    there = db.execute("SELECT DISTINCT SYMBOL FROM POINTS WHERE DAEMON = ? AND DATASET = ?", whose).fetchall()
    left = [(*whose, symbol) for (symbol,) in there if symbol not in busiest]
    db.executemany("DELETE FROM POINTS WHERE DAEMON = ? AND DATASET = ? AND SYMBOL = ?", left)
    beyond = (
        "SELECT ROWID FROM POINTS WHERE DAEMON = ? AND DATASET = ? AND SYMBOL = ? "
        f"ORDER BY AT DESC, INSTANT DESC LIMIT -1 OFFSET {POINTS_KEPT}"
    )
    full = [(*whose, symbol) for symbol in touched if symbol in busiest]
    db.executemany(f"DELETE FROM POINTS WHERE ROWID IN ({beyond})", full)


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """Its rows, instants in seconds since the epoch."""
    columns = {name: table[name] for name in table.column_names}
    columns["TIMESTAMP"] = columns["TIMESTAMP"].cast(pa.int64())
    lists = {name: column.to_pylist() for name, column in columns.items()}
    lists["TIMESTAMP"] = [micros / 1e6 for micros in lists["TIMESTAMP"]]
    return list(zip(*lists.values(), strict=True))


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
