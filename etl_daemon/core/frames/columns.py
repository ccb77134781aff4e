"""Columns of pandas frames as Arrow, whatever they hold and without losing anything: for datasets of any columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.core.tables.plaintext import JSON

_WHOLE = {frozenset({int}), frozenset({Decimal}), frozenset({int, Decimal})}
_ONE_KIND = {frozenset({kind}) for kind in (str, bool, float, bytes, date, time)} | {frozenset({int, float})}
_MOMENTS = frozenset({datetime, pd.Timestamp})
_SPANS = frozenset({timedelta, pd.Timedelta})


def any_column(series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    """The values in the Arrow type that holds them all exactly; None, NaN and NaT are missing.

    Python's integers and decimals are decimals together, lists, dicts and values of several kinds JSON; what Arrow has
    no type for is text.
    """
    if isinstance(series.dtype, pd.CategoricalDtype) and series.cat.categories.dtype == object:
        series = series.astype(object)
    if isinstance(series.dtype, pd.SparseDtype):
        series = series.astype(series.dtype.subtype)
    if isinstance(series.dtype, pd.PeriodDtype):  # Arrow would keep its number
        return _texts(_values(series))
    if series.dtype == object:
        return _of_objects(_values(series))
    try:
        return pa.array(series, from_pandas=True)
    except (TypeError, ValueError, NotImplementedError):
        return _texts(_values(series))


def _values(series: pd.Series[Any]) -> list[Any]:
    missing = series.isna()
    return [None if gone else _python(value) for value, gone in zip(series, missing, strict=True)]


def _python(value: Any) -> Any:
    """A single value of NumPy's as Python's."""
    if isinstance(value, np.datetime64):
        return pd.Timestamp(value)
    if isinstance(value, np.timedelta64):
        return pd.Timedelta(value)
    return value.item() if isinstance(value, np.generic) else value


def _of_objects(values: list[Any]) -> pa.Array:
    kinds = frozenset(type(value) for value in values if value is not None)
    with suppress(TypeError, ValueError, OverflowError):  # what Arrow's type does not hold is text or JSON
        if kinds in _WHOLE:
            return _whole(values, kinds)
        if kinds in _ONE_KIND or kinds <= _SPANS or (kinds <= _MOMENTS and len(_awareness(values)) < 2):
            return pa.array(values)
    if len(kinds) == 1 and not issubclass(next(iter(kinds)), Mapping | list | tuple | set | np.ndarray):
        return _texts(values)
    return pa.array([None if value is None else _json(value) for value in values], pa.string()).cast(JSON)


def _whole(values: list[Any], kinds: frozenset[type]) -> pa.Array:
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pa.array(values, pa.int64())
    return pa.array([value if value is None else Decimal(value) for value in values])


def _awareness(values: Iterable[Any]) -> set[bool]:
    """Whether there are times with a zone, and times without."""
    return {value.tzinfo is None for value in values if value is not None}


def _texts(values: Iterable[Any]) -> pa.Array:
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text.encode(errors="backslashreplace").decode()


def _json(value: Any) -> str:
    """A value as JSON text; what JSON has no form for is a string there, NaN too."""
    value = _python(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(name))}:{_json(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple | set | np.ndarray):
        return "[" + ",".join(_json(each) for each in value) + "]"
    if value is None or value is pd.NA or value is pd.NaT:
        return "null"
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float | Decimal) and Decimal(value).is_finite():
        return repr(value) if isinstance(value, float) else format(value, "f")
    return json.dumps(_text(value))
