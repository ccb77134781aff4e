"""A state file with as much in it as it keeps, all of the last week."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.tables import HISTORY

DATASETS = ("price_data", "technical_indicators", "anomalies")
WHOSE = ("etl-daemon", "price_data")


def fill(folder: Path) -> None:
    """Make it."""
    now = float(int(time.time()))  # as a datetime has it again

    def enter(db: sqlite3.Connection) -> None:
        def insert(table: str, rows: Iterable[tuple[object, ...]]) -> None:
            width = len(db.execute(f"PRAGMA table_info({table})").fetchall())
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)

        insert(
            "BATCHES",
            (
                (now - 20_000 + n, *WHOSE, f"batch-{n}", *[1] * 7, "{}", 0.5, "{}", "raw", 0, "{}")
                for n in range(20_000)
            ),
        )
        insert(
            "OBJECTS",
            (
                (now - 20_000 + n // 5, *WHOSE, f"batch-{n // 5}", key(n), "loaded", "", 1, now, *[1] * 5)
                for n in range(100_000)
            ),
        )
        insert("EXAMPLES", ((now, *WHOSE, "b", "key", "v", n, "price_range", "x" * 500) for n in range(2_000)))
        for name, seconds, count in (("MINUTES", 60, 1_500), ("HOURS", 3_600, 800)):
            start = now // seconds * seconds - count * seconds
            insert(name, ((start + n * seconds, WHOSE[0], of, *[n] * 10) for of in DATASETS for n in range(count)))
            insert(
                f"REASON_{name}",
                ((start + n * seconds, *WHOSE, f"reason_{r}", n) for r in range(8) for n in range(count)),
            )
        insert("SYMBOLS", ((now, *WHOSE, f"S{n}", n) for n in range(5_000)))
        insert("POINTS", ((now, *WHOSE, f"S{4_999 - n % 30}", now + n, n % 97) for n in range(9_000)))
        insert("FLAGS", ((now, *WHOSE, f"S{4_999 - n % 30}", now + n, 50, "x", "high", "far") for n in range(10_000)))

    StateFile(folder, HISTORY).write(enter, datetime.now(UTC))


def key(number: int) -> str:
    """The key of an object."""
    return f"processed/price_data/2026/01/02/15/part-{number:06}.json.gz"
