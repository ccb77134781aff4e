"""Which object rows come from, as columns beside them: a run for each object, which takes no memory for each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.model import ObjectRef

OBJECT = ("_OBJECT_KEY", "_OBJECT_MODIFIED")
VERSION = ("OBJECT_KEY", "OBJECT_VERSION")

Rows = tuple[ObjectRef, pa.Table]
"""Rows of one object."""

Ends = np.ndarray[Any, np.dtype[np.int32]]
"""Where each run ends."""


def beside(parts: Iterable[Rows]) -> pa.Table:
    """Accepted rows, or anomalies, below one another, with what the target has beside them."""
    rows, refs, ends = _joined(parts)
    moments = np.array([ref.modified.replace(tzinfo=None) for ref in refs], "datetime64[us]").astype(np.int64)
    columns = arrow.texts(ref.key for ref in refs), arrow.array(moments).view(INSTANT)
    return _with_runs(rows, dict(zip(OBJECT, columns, strict=True)), ends)


def version(parts: Iterable[Rows]) -> pa.Table:
    """Rejected rows below one another, with what the quarantine has beside them."""
    rows, refs, ends = _joined(parts)
    columns = arrow.texts(ref.key for ref in refs), arrow.texts(ref.version for ref in refs)
    return _with_runs(rows, dict(zip(VERSION, columns, strict=True)), ends)


def row_by_row(table: pa.Table) -> pa.Table:
    """The same with a value for each row, text as a place in a dictionary: for files, which know no runs."""
    for place, column in enumerate(table.columns):
        if pa.types.is_run_end_encoded(column.type):
            spread = pa.chunked_array([_spread(chunk) for chunk in column.chunks], _type_by_row(column.type))
            table = table.set_column(place, table.column_names[place], spread)
    return table


def plain_type(type_: pa.DataType) -> pa.DataType:
    """The type of the values, where they come in runs."""
    return type_.value_type if pa.types.is_run_end_encoded(type_) else type_


def _joined(parts: Iterable[Rows]) -> tuple[pa.Table, list[ObjectRef], Ends]:
    """All rows, the objects that have any, and where the rows of each end."""
    there = list(parts)
    full = [(ref, table) for ref, table in there if table.num_rows]
    ends = np.cumsum([table.num_rows for _, table in full], dtype=np.int32)
    return pa.concat_tables([table for _, table in full or there]), [ref for ref, _ in full], ends


def _with_runs(table: pa.Table, columns: Mapping[str, pa.Array], ends: Ends) -> pa.Table:
    for name, values in columns.items():
        table = table.append_column(name, arrow.runs(ends, values))
    return table


def _spread(chunk: pa.RunEndEncodedArray) -> pa.Array:
    values = chunk.values
    numbers = arrow.array(np.arange(len(values), dtype=np.int32), arrow.values(values.is_valid()))
    places = pc.run_end_decode(arrow.runs(arrow.values(chunk.run_ends), numbers).slice(chunk.offset, len(chunk)))
    if not pa.types.is_string(values.type):
        return values.take(places)
    return pa.DictionaryArray.from_arrays(places, values.fill_null(""))  # of which the places are null, as files want


def _type_by_row(type_: pa.DataType) -> pa.DataType:
    values = type_.value_type
    return pa.dictionary(pa.int32(), values) if pa.types.is_string(values) else values
