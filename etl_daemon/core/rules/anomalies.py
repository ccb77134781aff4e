"""Flags on accepted rows: an anomaly is loaded and pointed out, never refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from etl_daemon.core.policy import Rules

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, Any]

SEVERITIES = ("low", "medium", "high", "critical")
SEVERITY_STEPS = (1.5, 2.0, 3.0)
"""How many times the threshold makes an anomaly medium, high and critical."""

MAD_SCALE = 0.6745
"""The 0.75 quantile of the normal distribution makes MAD comparable with a standard deviation."""

QUANTILE = 0.95
RSI_LOW, RSI_HIGH = 10.0, 90.0


@dataclass(frozen=True, slots=True)
class Found:
    """Anomalies of one type: positions of rows (int64), value and threshold passed of each, and how far (1 = just)."""

    anomaly_type: str
    rows: Ints
    value: Floats
    threshold: Floats
    ratio: Floats

    @property
    def severity(self) -> Ints:
        """Index into ``SEVERITIES`` per anomaly."""
        return np.searchsorted(SEVERITY_STEPS, self.ratio, side="right")


def price_anomalies(symbols: Ints, close: Floats, change_percent: Floats, rules: Rules) -> list[Found]:
    """Anomalies of price rows; all arrays have one entry per row, NaN where unknown; ``symbols`` are codes from 0."""
    size = np.abs(change_percent)
    moved = np.flatnonzero(size >= rules.move_percent)
    limit = np.full(len(moved), rules.move_percent)
    found = [Found("extreme_price_movement", moved, change_percent[moved], limit, size[moved] / rules.move_percent)]
    find, values = (_above_quantile, size) if rules.outlier_method == "quantile" else (_off_the_median, close)
    unknown = np.isnan(values)
    with np.errstate(over="ignore"):  # frames may hold any double
        if not unknown.any():
            return [*found, find(symbols, values, rules)]
        known = np.flatnonzero(~unknown)
        outliers = find(symbols[known], values[known], rules)
    return [*found, replace(outliers, rows=known[outliers.rows])]


def rsi_anomalies(rsi: Floats) -> list[Found]:
    """RSI below 10 or above 90; the ratio grows from 1 at the threshold to 3 at the end of the scale."""
    rows = np.flatnonzero((rsi < RSI_LOW) | (rsi > RSI_HIGH))
    value = rsi[rows]
    threshold = np.where(value < RSI_LOW, RSI_LOW, RSI_HIGH)
    return [Found("extreme_rsi", rows, value, threshold, 1.0 + np.abs(value - threshold) / 5.0)]


def _off_the_median(symbols: Ints, close: Floats, rules: Rules) -> Found:
    """Robust z-score of the close by median and MAD per symbol; symbols with few rows or no spread are left alone."""
    groups = _Groups(symbols)
    median = groups.quantile(close, 0.5)
    distance = np.abs(close - median[symbols])
    mad = groups.quantile(distance, 0.5)
    reach = np.where((groups.sizes >= rules.outlier_min_rows) & (mad > 0), rules.outlier_z * mad / MAD_SCALE, np.inf)
    rows = np.flatnonzero(distance >= reach[symbols])
    of, value = symbols[rows], close[rows]
    bound = median[of] + np.sign(value - median[of]) * reach[of]
    return Found("price_outlier", rows, value, bound, distance[rows] / reach[of])


def _above_quantile(symbols: Ints, size: Floats, rules: Rules) -> Found:
    """Change in percent beyond the symbol's 95th percentile."""
    groups = _Groups(symbols)
    limit = np.where(groups.sizes >= rules.outlier_min_rows, groups.quantile(size, QUANTILE), np.inf)
    rows = np.flatnonzero(size > limit[symbols])
    threshold = limit[symbols[rows]]
    with np.errstate(divide="ignore"):
        return Found("price_outlier", rows, size[rows], threshold, size[rows] / threshold)


class _Groups:
    """Order statistics per group of rows."""

    def __init__(self, codes: Ints) -> None:
        self.codes = codes
        self.sizes = np.bincount(codes)
        self.starts = np.cumsum(self.sizes) - self.sizes

    def quantile(self, values: Floats, share: float) -> Floats:
        """The quantile of each group by linear interpolation; NaN for an empty group."""
        if not len(values):
            return np.full(len(self.sizes), np.nan)
        place = np.maximum(self.sizes - 1, 0) * share
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(self.sizes - 1, 0))
        places = np.minimum(self.starts + np.stack([low, high]), len(values) - 1)
        below, above = self._ordered(values, places)
        return np.where(self.sizes > 0, below + (above - below) * (place - low), np.nan)

    def _ordered(self, values: Floats, places: Ints) -> Floats:
        """What is at these places once values ascend within their group, groups in code order; to 8 decimals.

        Group and scaled value share one 64-bit key where they fit, which negative values do not: one plain sort is
        many times quicker than an indirect one.
        """
        value_bits = 64 - len(self.sizes).bit_length()
        units = values * 1e8
        np.rint(units, out=units)
        if units.max() >= 2.0**value_bits or units.min() < 0:
            return values[np.lexsort((values, self.codes))[places]]
        keys = self.codes.astype(np.uint64)
        keys <<= np.uint64(value_bits)
        keys |= units.astype(np.uint64)
        keys.sort()
        return (keys[places] & np.uint64(2**value_bits - 1)) / 1e8
