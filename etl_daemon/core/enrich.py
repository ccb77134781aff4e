"""Values derived from a single row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import Kind

Floats = np.ndarray[Any, np.dtype[np.float64]]
Columns = Mapping[str, Floats]

RSI_OVERSOLD = 30.0
RSI_OVERBOUGHT = 70.0
"""Wilder's levels (New Concepts in Technical Trading Systems, 1978)."""


def enrich(kind: Kind, columns: Columns) -> dict[str, Floats | pa.DictionaryArray]:
    """Derived columns under their lower-case names; float64 columns in, float64 or text out, NaN or null where unknown.

    Prices and percentages are rounded to 8 decimals, half to even.
    """
    if kind is Kind.PRICES:
        return dict(_prices(columns))
    if kind is Kind.INDICATORS:
        return dict(_indicators(columns))
    return {}


def _prices(columns: Columns) -> dict[str, Floats]:
    opened, high, low, close = (columns[name] for name in ("open", "high", "low", "close"))
    change, spread = _to_cent_of_micro(close - opened), _to_cent_of_micro(high - low)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "price_change": change,
            "price_change_percent": _to_cent_of_micro(change / opened * 100.0),
            "price_range": spread,
            "price_range_percent": _to_cent_of_micro(spread / opened * 100.0),
            "typical_price": _to_cent_of_micro((high + low + close) / 3.0),
        }


def _indicators(columns: Columns) -> dict[str, pa.DictionaryArray]:
    rsi, histogram = columns["rsi"], macd_histogram(columns)
    short, long = columns["sma_20"], columns["sma_50"]
    return {
        "rsi_signal": _words(rsi, ("oversold", "neutral", "overbought"), (rsi > RSI_OVERBOUGHT, rsi < RSI_OVERSOLD)),
        "macd_signal_type": _words(histogram, ("bearish", "neutral", "bullish"), (histogram > 0, histogram < 0)),
        "sma_trend": _words(short - long, ("bearish", "neutral", "bullish"), (short > long, short < long)),
    }


def macd_histogram(columns: Columns) -> Floats:
    """The histogram as given, else MACD minus its signal line (its definition)."""
    given = columns["macd_histogram"]
    return np.where(np.isnan(given), columns["macd"] - columns["macd_signal"], given)


def _words(known: Floats, words: tuple[str, str, str], above_below: tuple[Any, Any]) -> pa.DictionaryArray:
    above, below = above_below
    codes = (1 + above.astype(np.int8) - below.astype(np.int8)).astype(np.int8)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=np.isnan(known)), pa.array(words))


def _to_cent_of_micro(values: Floats) -> Floats:
    """Rounded to 8 decimals: in the range of prices the scaled value is exact, so differences come out exact too."""
    return np.rint(values * 1e8) / 1e8
