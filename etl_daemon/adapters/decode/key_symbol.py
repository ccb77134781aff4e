"""The symbol of rows that have none: their object's key tells it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa

from etl_daemon.core import arrow
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import RawSlice
from etl_daemon.core.tables.naming import SYMBOL
from etl_daemon.errors import DataError


def with_symbol(dataset: Dataset, part: RawSlice) -> RawSlice:
    """The slice with the symbol that its key tells, where the object has none."""
    name = SYMBOL if dataset.kind is Kind.TABLE else "symbol"
    if not dataset.symbol_from_key or name in part.table.column_names:
        return part
    match = re.search(dataset.symbol_from_key, part.ref.key)
    if match is None:
        raise DataError(
            "symbol_from_key",
            f"The key {part.ref.key!r} does not match {dataset.symbol_from_key!r}.",
            hint="correct symbol_from_key in ETL_DATASETS_FILE",
        )
    symbol = match["symbol"] if "symbol" in match.re.groupindex else match[1 if match.re.groups else 0]
    valid = np.ones(part.table.num_rows, np.bool_)
    valid[part.malformed] = False
    column = pa.DictionaryArray.from_arrays(arrow.array(np.zeros(len(valid), np.int8), valid), arrow.texts([symbol]))
    return replace(part, table=part.table.append_column(name, column))
