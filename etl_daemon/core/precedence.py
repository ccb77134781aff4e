"""Which rows of a batch stay when several of its slices hold the same key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from etl_daemon.core import dedupe
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.model import CleanSlice, Counts

Ints = np.ndarray[Any, np.dtype[np.int64]]


def settle(slices: Sequence[CleanSlice], dataset: Dataset) -> tuple[CleanSlice, ...]:
    """The slices in order of precedence, with the rows marked that lose to a later one of the batch.

    The order is (LastModified, key, row number): for equal keys the timestamp column is equal too. Within a slice
    each key is there once already. Anomalies of rows that lose are let go.
    """
    ordered = tuple(sorted(slices, key=lambda part: (part.ref.modified, part.ref.key, part.first_row)))
    if dataset.mode is Mode.APPEND or len(ordered) < 2:
        return ordered
    names = list(dataset.schema.primary_key)
    keys = key_codes(pa.concat_tables([part.accepted.select(names) for part in ordered]))
    stays = dedupe.last_of_each(keys)
    if stays.all():
        return ordered
    bounds = np.cumsum([part.accepted.num_rows for part in ordered])[:-1]
    return tuple(_thinned(part, mask) for part, mask in zip(ordered, np.split(stays, bounds), strict=True))


def key_codes(keys: pa.Table) -> Ints:
    """One code per row of a table of key columns without nulls: equal codes for equal keys."""
    codes = np.zeros(keys.num_rows, np.int64)
    for column in keys.unify_dictionaries().columns:
        codes = dedupe.combine(codes, _codes(column))
    return codes


def _codes(column: pa.ChunkedArray) -> Ints:
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.int64()).to_numpy()
        return dedupe.shrunk(micros - micros.min()) if len(micros) else micros
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode().unify_dictionaries()
    return np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks] or [[]])


def _thinned(part: CleanSlice, stays: np.ndarray[Any, Any]) -> CleanSlice:
    lost = int((~stays).sum())
    if not lost:
        return part
    counts = part.counts + Counts(loaded=-lost, superseded=lost)
    gone = part.accepted["_OBJECT_ROW"].to_numpy()[~stays]
    flagged = ~np.isin(part.anomalies["_OBJECT_ROW"].to_numpy(), gone)
    return replace(part, stays=stays, anomalies=part.anomalies.filter(pa.array(flagged)), counts=counts)
