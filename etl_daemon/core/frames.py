"""pandas frames at the door: their columns as Arrow, and rows back as frames. Input frames are never changed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.core.checks import Cells, normal_severity
from etl_daemon.core.columns import Matching, match_columns
from etl_daemon.core.datasets import INSTANT, TEXT, Column, Dataset
from etl_daemon.errors import DataError

Ints = np.ndarray[Any, Any]


def match_frame(frame: pd.DataFrame, dataset: Dataset) -> Matching:
    """Which of the frame's columns are the dataset's.

    Raises:
        DataError: ``missing_columns`` or ``ambiguous_columns``.
    """
    matching = match_columns([str(name) for name in frame.columns], dataset)
    if matching.missing and len(frame):
        raise DataError(
            "missing_columns",
            f"The frame has no column for {', '.join(matching.missing)}; it has {', '.join(map(str, frame.columns))}.",
            hint="rename the columns, or map them in ETL_DATASETS_FILE",
        )
    return matching


def to_arrow(frame: pd.DataFrame, matching: Matching) -> pa.Table:
    """The matched columns under their canonical names."""
    return pa.table({name: _array(frame[sources[0]]) for name, sources in matching.found.items()})


def cleaned(frame: pd.DataFrame, matching: Matching, dataset: Dataset, cells: Cells, rows: Ints) -> pd.DataFrame:
    """The given rows with parsed values under canonical names, other columns behind, index labels kept."""
    known = {sources[0] for sources in matching.found.values()}
    others = frame.loc[:, [name not in known for name in frame.columns]].iloc[rows]
    index = frame.index[rows]
    values = {
        column.name: pd.Series(_values(column, cells, rows), index=index)
        for column in dataset.schema.columns
        if column.name in matching.found
    }
    return pd.concat([pd.DataFrame(values, index=index), others], axis="columns")


def _values(column: Column, cells: Cells, rows: Ints) -> Any:
    if column.name == "symbol":
        symbols = cells.symbols
        return pa.DictionaryArray.from_arrays(pa.array(symbols.codes[rows]), symbols.dictionary).cast(TEXT).to_pandas()
    if column.type == INSTANT:
        return pd.DatetimeIndex(cells.instants.micros[rows].view("M8[us]"), tz="UTC")
    if column.type == TEXT:
        text = cells.texts[column.name]
        text = normal_severity(text) if column.name == "severity" else text
        return text.take(pa.array(rows)).cast(TEXT).to_pandas()
    return cells.numbers[column.name].values[rows]


def _array(series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    """A column as Arrow; NaN and NaT are missing, values of mixed types become the text that tells them apart."""
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([_text(value) for value in series], TEXT)


def _text(value: Any) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value).encode(errors="replace").decode()
