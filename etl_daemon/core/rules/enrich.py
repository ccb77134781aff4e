"""Values derived from a single row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core import arrow
from etl_daemon.core.datasets import Kind
from etl_daemon.core.rules.scale import BLOCK_ROWS, Floats, Ints, to_scale

Columns = Mapping[str, Floats]

PRICE_COLUMNS = ("price_change", "price_change_percent", "price_range", "price_range_percent", "typical_price")

EXACT_BELOW = 2.0**61 / 1e8
"""Three prices below this still add up within int64, in units of 1e-8."""

RSI_OVERSOLD = 30.0
RSI_OVERBOUGHT = 70.0
"""Wilder's levels (New Concepts in Technical Trading Systems, 1978)."""


def enrich(kind: Kind, columns: Columns) -> dict[str, Floats | pa.DictionaryArray]:
    """Derived columns under their lower-case names; float64 columns in, float64 or text out, NaN or null where unknown.

    Prices and percentages are rounded to 8 decimals, half to even. Prices finer than that are rounded first, so that
    the change of a stored row is the difference of its stored prices.
    """
    if kind is Kind.PRICES:
        return dict(_prices(columns))
    if kind is Kind.INDICATORS:
        return dict(_indicators(columns))
    return {}


def _prices(columns: Columns) -> dict[str, Floats]:
    prices = [columns[name] for name in ("open", "high", "low", "close")]
    units = [to_scale(each, 8)[0] for each in prices]
    derived = [column / 1e8 for column in price_units(units, change_percent(units[0], units[3]))]
    rest = np.flatnonzero(~(np.maximum.reduce([np.abs(each) for each in prices]) < EXACT_BELOW))
    if rest.size:
        for column, values in zip(derived, _in_doubles(*(each[rest] for each in prices)), strict=True):
            column[rest] = values
    return dict(zip(PRICE_COLUMNS, derived, strict=True))


def price_units(prices: Sequence[Ints], percent: Floats) -> list[Ints | Floats]:
    """``PRICE_COLUMNS`` in whole units of 1e-8 from open, high, low and close in the same.

    Sums are exact, and a third is never half way. Prices are below ``EXACT_BELOW``, and ``percent`` is their
    ``change_percent``.
    """
    opened, high, low, close = prices
    change, spread, typical = close - opened, high - low, (high + low + close + 1) // 3
    return [change, percent, spread, _percent(spread, opened), typical]


def change_percent(opened: Ints, close: Ints) -> Floats:
    """The change in percent of the open, in units of 1e-8: float64, since it may leave int64, and NaN of nothing."""
    return _percent(close - opened, opened)


def _percent(part: Ints, whole: Ints) -> Floats:
    blocks = (slice(at, at + BLOCK_ROWS) for at in range(0, len(part), BLOCK_ROWS))
    percent = np.empty(len(part))
    for rows in blocks:
        percent[rows] = _percent_block(part[rows], whole[rows])
    return percent


def _percent_block(part: Ints, whole: Ints) -> Floats:
    """``part`` in percent of ``whole``; only what may lie half way is divided a second time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = part / whole * 1e10
        nearest = np.rint(scaled)
        size = np.abs(scaled)
        doubtful = np.flatnonzero((np.abs(scaled - nearest) + size * 2.0**-50 >= 0.5) & (size < 2.0**53))
    nearest[doubtful] = _half_even(part[doubtful], whole[doubtful], nearest[doubtful].astype(np.int64))
    nearest[whole == 0] = np.nan
    return nearest


def _half_even(part: Ints, whole: Ints, near: Ints) -> Ints:
    """``part * 1e10 / whole`` rounded exactly, from a quotient close to it.

    The products wrap around in int64, but not the remainder between them, which is all that counts.
    """
    part, whole = np.sign(whole) * part, np.abs(whole)
    steps, remainder = np.divmod(part * 10**10 - near * whole, whole)
    below = near + steps
    rounded: Ints = below + ((2 * remainder > whole) | ((2 * remainder == whole) & (below % 2 == 1)))
    return rounded


def _in_doubles(opened: Floats, high: Floats, low: Floats, close: Floats) -> list[Floats]:
    """The same where a price is absent or has no units in int64."""
    with np.errstate(all="ignore"):
        change, spread = close - opened, high - low
        plain = (change, change / opened * 100.0, spread, spread / opened * 100.0, (high + low + close) / 3.0)
        rounded = [np.where(np.abs(each) < 2.0**53 / 1e8, np.rint(each * 1e8) / 1e8, each) for each in plain]
    return [np.where(np.isfinite(each), each, np.nan) for each in rounded]


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
    return pa.DictionaryArray.from_arrays(arrow.array(codes, ~np.isnan(known)), arrow.texts(words))
