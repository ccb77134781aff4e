"""The objects of a run: what was loaded before, what arrives before the kill, and what arrives after it.

Results are compared to the last count, so nothing in here may depend on how objects were batched, by design: all
objects have one size and a batch takes two of them, so a process that takes over cuts the same batches as one that was
never killed. Versions are dated, not timed. In TRUNCATE_INSERT whatever arrives late belongs to an older delivery,
because a delivery that a newer one overtakes before it is loaded is recorded as superseded, not as loaded and emptied.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.corridor import ndjson
from tests.support.rows import price

BASE = datetime(2026, 1, 5, 12, tzinfo=UTC)
OBJECT_BYTES = 2048
BATCH_ROWS = 2 * OBJECT_BYTES // 128
"""ETL_BATCH_SIZE for two objects a batch: a row is taken for 128 bytes."""

FIRST, SECOND, THIRD = "2026-01-02T15:00:00Z", "2026-01-02T15:01:00Z", "2026-01-02T15:02:00Z"


def _jump(symbol: str, timestamp: str, close: float = 13.0) -> dict[str, object]:
    """A row that is flagged as an anomaly, and loaded."""
    return price(symbol, timestamp, close, high=15.0)


BAD = price("bad symbol"), price("BAD", "2026-02-31T00:00:00Z"), price("BAD", close=-1)

LOADED = {
    "old/z.json": [price("ZZZ", FIRST)],
    "old/a.json": [price("AAA", FIRST), price("BBB", FIRST), _jump("CCC", FIRST), BAD[0]],
    "old/b.json": [price("DDD", FIRST), price("AAA", SECOND), BAD[1], BAD[2]],
}
BEFORE_KILL = {
    "new/c.json": [price("AAA", FIRST, 10.1), price("EEE", FIRST), _jump("DDD", FIRST), BAD[0]],
    "old/a.json": [price("AAA", FIRST, 10.2), price("BBB", FIRST, 10.2), BAD[1]],  # restated, without CCC
    "new/d.json": [_jump("FFF", FIRST), price("EEE", FIRST, 10.3), price("EEE", FIRST, 10.31), BAD[2]],
    "new/e.json": b"PAR1" + bytes(range(64)) * 8,  # refused
    "new/f.json": [price("GGG", FIRST), price("GGG", FIRST, 10.4), price("CCC", FIRST), BAD[0], BAD[1]],
    "new/g.json": [_jump("GGG", FIRST, 14.0), price("FFF", FIRST, 10.5), price("HHH", SECOND)],
}
AFTER_KILL = {
    "old/h.json": [price("HHH", SECOND, 10.6), _jump("III", THIRD), BAD[2]],
    "old/b.json": [price("DDD", FIRST, 10.7), price("AAA", THIRD)],  # restated, without AAA at 15:01
}
PHASES = LOADED, BEFORE_KILL, AFTER_KILL
REFUSED = "processed/price_data/new/e.json"

DATASETS = """
[datasets.technical_indicators]
enabled = false
[datasets.anomalies]
enabled = false
"""
DELIVERIES = """
[datasets.price_data]
snapshot_group = "/(old|new)/"
mode = "TRUNCATE_INSERT"
"""


def arrive(folder: Path, phase: int, *, whole: bool = False) -> None:
    """Put a phase's objects into a bucket; they are dated one second after the other, phase after phase.

    ``whole`` leaves out what will be refused: a delivery with such an object replaces nothing.
    """
    moment = BASE + timedelta(minutes=phase)
    for number, (name, content) in enumerate(PHASES[phase].items()):
        if whole and isinstance(content, bytes):
            continue
        put(folder, name, content, moment + timedelta(seconds=number))


def put(folder: Path, name: str, content: bytes | list[dict[str, object]], modified: datetime) -> None:
    """Write an object of ``OBJECT_BYTES`` all at once."""
    data = content if isinstance(content, bytes) else ndjson(content)
    assert len(data) <= OBJECT_BYTES, name
    path = folder / "processed" / "price_data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    made = folder / "under_way"
    made.write_bytes(data.ljust(OBJECT_BYTES, b"\n"))
    os.utime(made, ns=(0, int(modified.timestamp()) * 10**9))
    made.rename(path)


def settings(folder: Path, mode: str) -> Mapping[str, str]:
    """Settings of a daemon that loads the bucket in ``folder``."""
    datasets = folder / "datasets.toml"
    datasets.write_text(DATASETS + (DELIVERIES if mode == "TRUNCATE_INSERT" else ""))
    (folder / "bucket").mkdir(exist_ok=True)
    return {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": str(folder / "bucket"),
        "ETL_STATE_DIR": str(folder / "state"),
        "ETL_DATASETS_FILE": str(datasets),
        "ETL_BATCH_SIZE": str(BATCH_ROWS),
        "ETL_SWEEP_HOURS": "0.000001",  # every cycle is a sweep
        "PRICE_DATA_WINDOW": "876000",
        "PRICE_DATA_MODE": mode,
        "LOG_LEVEL": "WARNING",
    }
