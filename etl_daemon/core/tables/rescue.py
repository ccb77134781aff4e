"""Values that do not fit their column, kept beside the row: JSON objects of column name to text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.tables.jsontext import quoted, readable
from etl_daemon.core.tables.plaintext import JSON, plain_text

Misfit = tuple[str, pa.ChunkedArray, "np.ndarray[Any, Any]"]
"""A column's name, its values as they came, and which of them (bool, one per row) do not fit."""


def rescued(rows: int, misfits: Sequence[Misfit], before: pa.ChunkedArray | None = None) -> pa.ChunkedArray:
    """One JSON object per row with what did not fit, null where all did; ``before`` holds what was rescued earlier."""
    fragments = [_fragment(*misfit) for misfit in misfits if misfit[2].any()]
    if before is not None and before.null_count < rows:
        inside = pc.utf8_slice_codeunits(before.cast(pa.string()).combine_chunks(), 1, -1)
        fragments.insert(0, _with_comma(inside))
    if not fragments:
        return pa.chunked_array([pa.nulls(rows, JSON)])
    joined = pc.binary_join_element_wise(*fragments, "")
    objects = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, 1), "}", "")
    return pa.chunked_array([pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), objects).cast(JSON)])


def _fragment(name: str, column: pa.ChunkedArray, misfit: np.ndarray[Any, Any]) -> pa.StringArray:
    texts = pa.chunked_array([_original(chunk) for chunk in column.chunks], pa.string()).combine_chunks()
    kept = pc.if_else(pa.array(misfit), texts, pa.scalar(None, pa.string()))
    return _with_comma(pc.binary_join_element_wise(f"{json.dumps(name)}:", quoted(kept), ""))


def _with_comma(members: pa.StringArray) -> pa.StringArray:
    """Each text behind a comma; nothing where there is none."""
    return pc.binary_join_element_wise(",", members, "").fill_null("")


def _original(array: pa.Array) -> pa.StringArray:
    return readable(array) if pa.types.is_binary(array.type) else plain_text(array)
