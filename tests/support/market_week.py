"""A week of a market in a state file: what a daemon would have kept of it, from a seed."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.tables import HISTORY, enter
from etl_daemon.core.events import BatchCommitted, DatasetSettled
from etl_daemon.core.events.examples import Example
from etl_daemon.core.events.sample import FLAGS, POINTS, Sample
from etl_daemon.core.model import Counts, ObjectReceipt, ObjectRef, Outcome, Receipt

DAEMON = "etl-daemon"
SYMBOLS = {"AAPL": 231.0, "MSFT": 418.0, "NVDA": 139.0, "AMZN": 206.0, "TSLA": 342.0}
SHARES = {"price_data": 1.0, "technical_indicators": 0.4, "anomalies": 0.02}
REASONS = {
    "price_data": {"ohlc_relation": 9, "symbol_format": 5, "price_range": 3, "timestamp_future": 1},
    "technical_indicators": {"rsi_range": 3, "macd_invalid": 1},
    "anomalies": {},
}


def fill(folder: Path, now: datetime) -> dict[str, float]:
    """Enter an hour each of the week before, and a batch every other minute of the last hour; gives the last prices."""
    chance = random.Random(7)
    hours = [now - timedelta(hours=back) for back in range(167, 0, -1)]
    minutes = [now - timedelta(minutes=back) for back in range(59, 1, -2)]
    walk = dict(SYMBOLS)

    def act(db: sqlite3.Connection) -> None:
        for at in (*hours, *minutes):
            busy = 0.25 + (math.sin((at.hour - 8) / 24 * math.tau) + 1) * (0.3 if at.weekday() > 4 else 1.0)
            for name, share in SHARES.items():
                rows = int(share * busy * chance.uniform(2_000, 2_600)) // (25 if at in minutes else 1)
                enter(db, DAEMON, _committed(name, at, rows, chance, walk), at)
                enter(db, DAEMON, DatasetSettled(name), at)

    StateFile(folder, HISTORY).write(act, datetime.now(UTC))
    return walk


def _committed(name: str, at: datetime, rows: int, chance: random.Random, walk: dict[str, float]) -> BatchCommitted:
    reasons = {reason: math.ceil(weight * chance.random() * rows / 900) for reason, weight in REASONS[name].items()}
    rejected = sum(reasons.values())
    ref = ObjectRef(at, f"processed/{name}/{at:%Y/%m/%d/%H%M}.json.gz", "1", "market", "", rows * 31)
    receipt = Receipt(
        f"{chance.getrandbits(80):020x}",
        name,
        (ObjectReceipt(ref, Outcome.LOADED, "", Counts(rows, rows - rejected, rejected)),),
        reasons={reason: count for reason, count in reasons.items() if count},
        committed_at=at,
    )
    sample = _sample(list(_moves(at, chance, walk))) if name == "price_data" else None
    example = Example(ref.key, 17, ("ohlc_relation",), '{"symbol":"AAPL","open":231.2,"high":230.9,"low":231.4}', "1")
    return BatchCommitted(name, receipt, rows / 9_000, None, (example,) if reasons.get("ohlc_relation") else (), sample)


def _moves(at: datetime, chance: random.Random, walk: dict[str, float]) -> Iterator[dict[str, object]]:
    """A price of each symbol; one in a hundred is far off."""
    for symbol, before in list(walk.items()):
        walk[symbol] = before * (1 + chance.gauss(0, 0.004))
        odd = chance.random() < 0.01
        value = before * (chance.choice((0.9, 1.08)) if odd else 1)
        yield {"SYMBOL": symbol, "TIMESTAMP": at.replace(tzinfo=None), "VALUE": round(value, 2), "odd": odd}


def _sample(rows: list[dict[str, object]]) -> Sample:
    flagged = {"ANOMALY_TYPE": "price_outlier", "SEVERITY": "high", "DESCRIPTION": "price outlier"}
    flags = [{**row, **flagged} for row in rows if row["odd"]]
    return Sample(pa.Table.from_pylist(rows, POINTS), pa.Table.from_pylist(flags, FLAGS))
