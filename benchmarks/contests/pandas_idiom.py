"""What a careful user of pandas writes: whole columns, no loop over rows."""

from __future__ import annotations

import pandas as pd

PRICES = ["open", "high", "low", "close"]
NUMBERS = [*PRICES, "volume"]


def validate(given: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Fit rows, one per key; unfit ones with all their reasons; counts."""
    frame = given.copy()
    frame["symbol"] = frame["symbol"].str.strip().str.upper()
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True, errors="coerce", format="ISO8601")
    frame[NUMBERS] = frame[NUMBERS].apply(pd.to_numeric, errors="coerce")
    unfit = _reasons(given, frame)
    bad = unfit.any(axis="columns")
    quarantined = given[bad].assign(reasons=unfit[bad].dot(unfit.columns + ",").str.rstrip(","))
    fit = frame[~bad]
    kept = fit.drop_duplicates(["symbol", "timestamp"], keep="last")
    stats = {
        "total_records": len(given),
        "valid_records": len(kept),
        "invalid_records": int(bad.sum()),
        "duplicate_records": len(fit) - len(kept),
        "missing_values": int(given.isna().sum().sum()),
        **{str(reason): int(rows) for reason, rows in unfit.sum().items()},
    }
    return kept, quarantined, stats


def _reasons(given: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    prices, absent = frame[PRICES], given.isna()
    tomorrow = pd.Timestamp.now("UTC") + pd.Timedelta(days=1)
    not_numeric = frame[NUMBERS].isna() & ~absent[NUMBERS]
    return pd.DataFrame(
        {
            "missing_field": absent.any(axis="columns"),
            "symbol_format": ~frame["symbol"].str.fullmatch("[A-Z]{1,5}", na=True),
            "timestamp_invalid": frame["timestamp"].isna() & ~absent["timestamp"],
            "timestamp_future": frame["timestamp"] > tomorrow,
            "price_not_numeric": not_numeric[PRICES].any(axis="columns"),
            "price_range": ((prices < 0.01) | (prices > 1_000_000)).any(axis="columns"),
            "ohlc_relation": (frame["low"] > prices.min(axis="columns")) | (frame["high"] < prices.max(axis="columns")),
            "volume_invalid": not_numeric["volume"],
            "volume_negative": frame["volume"] < 0,
        }
    )
