"""pandas frames at the door: their columns as Arrow, and rows back as frames. Input frames are never changed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.core.datasets import INSTANT, TEXT, Column, Dataset, Kind
from etl_daemon.core.frames.columns import any_column
from etl_daemon.core.frames.numbers import mixed_numbers
from etl_daemon.core.rules.checks import Cells, normal_severity
from etl_daemon.core.rules.columns import Matching, match_columns
from etl_daemon.errors import DataError

Ints = np.ndarray[Any, Any]

IDENTITY = ("_object_", "_raw")
"""How the columns begin that tell where a row comes from."""

_PLAIN_BELOW = 10**20
_READABLE = (
    *(pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_date, pa.types.is_timestamp),
)
_ARROW_KEEPS = {str, bool, int, float, Decimal, date, datetime, pd.Timestamp}


def match_frame(frame: pd.DataFrame, dataset: Dataset) -> Matching:
    """Which of the frame's columns are the dataset's.

    Raises:
        DataError: ``missing_columns`` or ``ambiguous_columns``.
    """
    names = [str(name) for name in frame.columns]
    if dataset.kind is Kind.TABLE:
        names = [name for name in names if not name.startswith(IDENTITY)]
        if not names:
            raise DataError("missing_columns", "The frame has no columns.", hint="reset_index() makes its index one")
    matching = match_columns(names, dataset)
    doubled = [name for found in matching.found.values() for name in found if names.count(name) > 1]
    if doubled:
        raise DataError(
            "ambiguous_columns",
            f"Column {doubled[0]!r} comes more than once in the frame.",
            hint="rename or drop all but the right one",
        )
    if matching.missing and len(frame):
        raise DataError(
            "missing_columns",
            f"The frame has no column for {', '.join(matching.missing)}; it has {', '.join(map(str, frame.columns))}.",
            hint="rename the columns, or map them in ETL_DATASETS_FILE",
        )
    return matching


def to_arrow(frame: pd.DataFrame, matching: Matching, dataset: Dataset) -> pa.Table:
    """The matched columns under their canonical names."""
    places = {str(name): at for at, name in enumerate(frame.columns)}
    numeric = {column.name for column in dataset.schema.columns if pa.types.is_decimal(column.type)}

    def convert(name: str, series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
        if dataset.kind is Kind.TABLE:
            return any_column(series)
        if name in numeric and series.dtype == object:
            numbers = mixed_numbers(series, thousands_separators=dataset.thousands_separators)
            return _array(series) if numbers is None else numbers
        return _array(series)

    return pa.table({name: convert(name, frame.iloc[:, places[of[0]]]) for name, of in matching.found.items()})


def cleaned(frame: pd.DataFrame, matching: Matching, dataset: Dataset, cells: Cells, rows: Ints) -> pd.DataFrame:
    """The given rows with parsed values under canonical names, other columns behind, index labels kept."""
    known = {sources[0] for sources in matching.found.values()}
    others = frame.loc[:, [name not in known for name in frame.columns]].iloc[rows]
    index = frame.index[rows]
    values = {
        column.name: pd.Series(_values(column, cells, rows), index=index, copy=False)
        for column in dataset.schema.columns
        if column.name in matching.found
    }
    return pd.concat([pd.DataFrame(values, index=index, copy=False), others], axis="columns")


def _values(column: Column, cells: Cells, rows: Ints) -> Any:
    if column.name == "symbol":
        symbols = cells.symbols
        return _strings(pa.DictionaryArray.from_arrays(pa.array(symbols.codes[rows]), symbols.dictionary))
    if column.type == INSTANT:
        return pd.DatetimeIndex(cells.instants.micros[rows].view("M8[us]"), tz="UTC")
    if column.type == TEXT:
        text = cells.texts[column.name]
        text = normal_severity(text) if column.name == "severity" else text
        return _strings(text.take(pa.array(rows)))
    return cells.numbers[column.name].values[rows]


def _strings(text: pa.DictionaryArray) -> Any:
    """Without an index, by which pandas would put values in other rows."""
    return text.cast(TEXT).to_pandas().array


def _array(series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    """A column as Arrow; None, NaN and NaT are missing. What Arrow would convert, cut or refuse becomes text."""
    if isinstance(series.dtype, pd.CategoricalDtype) and series.cat.categories.dtype == object:
        series = series.astype(object)
    if series.dtype != object or _uniform(series):
        try:
            array = pa.array(series, from_pandas=True)
        except (TypeError, ValueError, OverflowError, NotImplementedError):
            array = None
        if array is not None and _readable(array.type):
            return array
    missing = series.isna()
    return pa.array([None if gone else _text(value) for value, gone in zip(series, missing, strict=True)], TEXT)


def _readable(kind: pa.DataType) -> bool:
    """Tell whether the rules read columns of that Arrow type."""
    return _readable(kind.value_type) if pa.types.is_dictionary(kind) else any(check(kind) for check in _READABLE)


def _uniform(series: pd.Series[Any]) -> bool:
    """Tell whether all values are of one type that Arrow takes as it is; with a zone or without makes two types."""
    kinds = {(type(value), getattr(value, "tzinfo", None) is None) for value in series[series.notna()]}
    return len(kinds) < 2 and {kind for kind, _ in kinds} <= _ARROW_KEEPS


def _text(value: Any) -> str:
    """A single value as text. Marks what is no text but might read like some, such as True among tickers."""
    if isinstance(value, np.generic):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, bool) or (isinstance(value, float | Decimal) and not Decimal(value).is_finite()):
        return f"<{value}>"
    if isinstance(value, float | Decimal) and -_PLAIN_BELOW < value < _PLAIN_BELOW and value % 1 == 0:
        value = int(value)  # without the exponent, which no timestamp has
    return value.isoformat() if hasattr(value, "isoformat") else str(value).encode(errors="replace").decode()
