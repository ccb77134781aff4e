"""float64 -> decimals of a fixed scale, exactly and column-wise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

EXACT = pa.decimal128(38, 18)
"""Decimals as a source wrote them: 20 digits before the point, 18 after it."""

UNITS_BELOW = 2.0**63 * (1 - 2.0**-50)
"""Scaled values below this fit int64, whatever the product's rounding error."""

BLOCK_ROWS = 2**15
"""Rows worked on at a time: their temporary arrays stay in the processor's cache."""

_ROOM = pa.decimal256(40, 18)  # EXACT and a carry: rounding within 38 digits overflows in silence
_SURE = 2.0**51  # below this the scaled value is off by less than a half
_TIES = 2.0**52 / 10  # below this decimals one digit finer are still farther apart than doubles


def to_scale(values: Floats, scale: int) -> tuple[Ints, Bools]:
    """Doubles -> int64 units of 10**-scale, rounded half-even, and whether each had more decimals than that.

    A double stands for the shortest decimal that parses to it. ``scale`` is from 0 to 12. Values that are not finite,
    or whose units do not fit int64 (``UNITS_BELOW``), give 0 and False: range rules come before this.
    """
    power, length = 10.0**scale, len(values)
    units, hard = np.empty(length, np.int64), np.empty(length, np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        for at in range(0, length, BLOCK_ROWS):
            block = values[at : at + BLOCK_ROWS]
            nearest = np.rint(block * power)
            # Division is correctly rounded, so the quotient is the double that the decimal nearest/power parses to.
            hard[at : at + BLOCK_ROWS] = (nearest / power != block) | ~(np.abs(nearest) < _SURE)
            units[at : at + BLOCK_ROWS] = nearest
    finer = np.zeros(length, np.bool_)
    rows = np.flatnonzero(hard)
    if rows.size:
        units[rows], finer[rows] = _precisely(values[rows], scale)
    return units, finer


def _precisely(values: Floats, scale: int) -> tuple[Ints, Bools]:
    """The same for values that have more decimals, are large, or are not finite."""
    power = 10.0**scale
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = values * power
        nearest = np.rint(scaled)
        finer = nearest / power != values
    size = np.abs(scaled)
    sure = size < _SURE
    finer &= sure
    ties = np.flatnonzero(finer & (size < _TIES))
    nearest[ties] = _half_even(values[ties], power)
    units = np.where(sure, nearest, 0.0).astype(np.int64)
    rest = np.flatnonzero((size < UNITS_BELOW) & (~sure | (finer & (size >= _TIES))))
    if rest.size:
        units[rest], finer[rest] = _large(values[rest], scale)
    return units, finer


def _half_even(values: Floats, power: float) -> Floats:
    """Compare with the double of the decimal half way: the order of decimals is the order of their doubles."""
    below = np.floor(values * power)
    halfway = (2 * below + 1) / (2 * power)
    up = (values > halfway) | ((values == halfway) & (below % 2 == 1))
    return np.where(up, below + 1, below)


def _large(values: Floats, scale: int) -> tuple[Ints, Bools]:
    units, finer = np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)
    whole = (values == np.rint(values)) & (np.abs(values) < 2.0**53)
    units[whole] = values[whole].astype(np.int64) * 10**scale
    if not whole.all():
        rounded, finer[~whole] = half_even(printed(values[~whole]), scale)
        units[~whole], _ = words(rounded.cast(pa.decimal128(38, scale)))
    return units, finer


def printed(values: Floats) -> pa.Array:
    """Doubles of at least 1e-2 or so by absolute value -> ``EXACT``: the shortest decimals that parse to them.

    Null from 1e20 on.
    """
    return arrow.array(values, np.abs(values) < 1e20).cast(pa.string()).cast(EXACT)


def half_even(exact: pa.Array, scale: int) -> tuple[pa.Array, Bools]:
    """``EXACT`` decimals -> rounded (decimal256, the digits beyond ``scale`` are 0), and whether that changed them."""
    room = exact.cast(_ROOM)
    rounded = pc.round(room, ndigits=scale, round_mode="half_to_even")
    return rounded, arrow.values(pc.not_equal(rounded, room), False)


def words(array: pa.Array) -> tuple[Ints, Ints]:
    """decimal128 -> the low and the high 64 bits of its integers. Null slots hold anything."""
    if not len(array):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs = np.frombuffer(array.buffers()[1], np.int64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    return pairs[:, 0], pairs[:, 1]


def at_scale(values: Floats, scale: int) -> Floats:
    """Doubles as their column holds them, so that what is derived from a row agrees with what is stored of it."""
    stored = to_scale(values, scale)[0] / 10.0**scale
    return np.where(np.abs(values) * 10.0**scale < _SURE, stored, values)


def decimals(units: Ints, type_: pa.Decimal64Type | pa.Decimal128Type, valid: Bools | None = None) -> pa.Array:
    """int64 units of 10**-scale -> decimals of that type, null where not ``valid``.

    Raises:
        ValueError: a valid value has more digits than the type.
    """
    kept = units if valid is None else np.where(valid, units, 0)
    if type_.precision < 19 and len(kept) and max(int(kept.max()), -int(kept.min())) >= 10**type_.precision:
        raise ValueError(f"a value has more digits than {type_} holds")
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if pa.types.is_decimal64(type_):
        return pa.Array.from_buffers(type_, len(kept), [bitmap, pa.py_buffer(kept)])
    pairs = np.empty((len(kept), 2), np.int64)
    for at in range(0, len(kept), BLOCK_ROWS):
        block = kept[at : at + BLOCK_ROWS]
        pairs[at : at + BLOCK_ROWS, 0] = block
        np.right_shift(block, 63, out=pairs[at : at + BLOCK_ROWS, 1])
    return pa.Array.from_buffers(type_, len(kept), [bitmap, pa.py_buffer(pairs)])
