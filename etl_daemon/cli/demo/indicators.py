"""Technical indicators of a series of closes, null while they warm up. Each list is as long as the closes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Series = list[float | None]


def sma(values: Sequence[float | None], days: int) -> Series:
    """The simple moving average over the last ``days`` values; nulls at the beginning are passed over."""
    start = _first(values)
    known = [value for value in values[start:] if value is not None]
    sums = [sum(known[:days])]
    for at in range(days, len(known)):
        sums.append(sums[-1] + known[at] - known[at - days])
    averages: Series = [total / days for total in sums] if len(known) >= days else []
    return _after_nulls(averages, len(values))


def ema(values: Sequence[float | None], days: int) -> Series:
    """The exponential moving average, begun with the simple one; nulls at the beginning are passed over."""
    known = [value for value in values[_first(values) :] if value is not None]
    if len(known) < days:
        return [None] * len(values)
    weight = 2 / (days + 1)
    averages = [sum(known[:days]) / days]
    for value in known[days:]:
        averages.append(averages[-1] + weight * (value - averages[-1]))
    return _after_nulls(averages, len(values))


def macd(closes: Sequence[float]) -> tuple[Series, Series, Series]:
    """MACD 12/26/9 (Appel): the line, its signal, and the histogram between them."""
    fast, slow = ema(closes, 12), ema(closes, 26)
    line = _differences(fast, slow)
    signal = ema(line, 9)
    return line, signal, _differences(line, signal)


def rsi(closes: Sequence[float], days: int = 14) -> Series:
    """The relative strength index with Wilder's smoothing (Wilder, 1978)."""
    changes = [after - before for before, after in pairwise(closes)]
    if len(changes) < days:
        return [None] * len(closes)
    gain = sum(max(change, 0.0) for change in changes[:days]) / days
    loss = sum(max(-change, 0.0) for change in changes[:days]) / days
    found = [_strength(gain, loss)]
    for change in changes[days:]:
        gain = (gain * (days - 1) + max(change, 0.0)) / days
        loss = (loss * (days - 1) + max(-change, 0.0)) / days
        found.append(_strength(gain, loss))
    return _after_nulls(found, len(closes))


def _strength(gain: float, loss: float) -> float:
    return 100 * gain / (gain + loss) if gain + loss else 50.0


def _differences(left: Series, right: Series) -> Series:
    return [None if a is None or b is None else a - b for a, b in zip(left, right, strict=True)]


def _first(values: Sequence[float | None]) -> int:
    return next((at for at, value in enumerate(values) if value is not None), len(values))


def _after_nulls(found: Sequence[float | None], length: int) -> Series:
    return [None] * (length - len(found)) + list(found)
