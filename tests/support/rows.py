"""Rows, slices and batches for tests, made the short way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.model import BatchPlan, CleanBatch, CleanSlice, Deferral, ObjectRef, RawSlice, Refusal
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)

PRICES = Dataset("price_data", Kind.PRICES, "processed/price_data", "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA")
INDICATORS = Dataset(
    "technical_indicators",
    Kind.INDICATORS,
    "processed/technical_indicators",
    "FINANCIAL_DATA.ANALYTICS.TECHNICAL_INDICATORS",
)
ANOMALIES = Dataset("anomalies", Kind.ANOMALIES, "processed/anomalies", "FINANCIAL_DATA.ANALYTICS.ANOMALIES")


def price(
    symbol: object = "AAPL", timestamp: object = "2026-01-02T15:00:00Z", close: object = 10.5, **more: object
) -> dict[str, object]:
    """A fit price row, but for what is given."""
    row = {
        "symbol": symbol,
        "timestamp": timestamp,
        "open": 10.0,
        "high": 11.0,
        "low": 9.0,
        "close": close,
        "volume": 100.0,
    }
    return {**row, **more}


def ref(key: str, version: str = "v1", minutes: int = 0) -> ObjectRef:
    """An object last modified so many minutes after noon of 5 January 2026, UTC."""
    return ObjectRef(NOW + timedelta(minutes=minutes), key, version)


def raw(of: ObjectRef, rows: Sequence[dict[str, object]], *, malformed: Sequence[int] = ()) -> RawSlice:
    """The rows as decoded; each column takes the type of its values."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})

    def texts(positions: np.ndarray) -> pa.Array:
        return pa.array([repr(rows[position]) for position in positions.tolist()], pa.string())

    return RawSlice(of, 1, table, np.array(malformed, np.int64), texts)


def cleaned(
    of: ObjectRef, rows: Sequence[dict[str, object]], dataset: Dataset = PRICES, rules: Rules | None = None
) -> CleanSlice:
    """The rows after the rules."""
    return clean(raw(of, rows), dataset, rules or Rules())


def batch(
    results: Iterable[CleanSlice | Refusal | Deferral], dataset: Dataset = PRICES, watermark: datetime | None = None
) -> CleanBatch:
    """A batch of everything given."""
    results = list(results)
    refs = tuple(dict.fromkeys(result.ref for result in results))
    return CleanBatch(BatchPlan(dataset, refs, watermark), iter(results))


def appending(dataset: Dataset) -> Dataset:
    """The dataset in mode APPEND."""
    from dataclasses import replace

    return replace(dataset, mode=Mode.APPEND)
