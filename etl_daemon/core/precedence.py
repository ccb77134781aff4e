"""Which rows of a batch stay when several of its slices hold the same key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow, dedupe
from etl_daemon.core.datasets import ROW_ORDER, TEXT, Dataset, Mode
from etl_daemon.core.model import CleanBatch, CleanSlice, Counts, Deferral, Refusal, StagedBatch
from etl_daemon.core.tables.plaintext import is_json

Ints = np.ndarray[Any, np.dtype[np.int64]]
Marks = np.ndarray[Any, np.dtype[np.bool_]]


def gather(batch: CleanBatch) -> StagedBatch:
    """Bring the results of a batch together; rows of a refused or deferred object are let go."""
    slices: list[CleanSlice] = []
    refusals: list[Refusal] = []
    deferrals: list[Deferral] = []
    for result in batch.results:
        if isinstance(result, CleanSlice):
            slices.append(result)
            continue
        slices = [kept for kept in slices if kept.ref != result.ref]
        if isinstance(result, Refusal):
            refusals.append(result)
        else:
            deferrals.append(result)
    return StagedBatch(batch.plan, tuple(slices), tuple(refusals), tuple(deferrals))


def whole(batch: StagedBatch) -> StagedBatch:
    """A delivery is taken as a whole: with one of its objects refused the others are too."""
    if not batch.refusals or batch.plan.dataset.mode is not Mode.TRUNCATE_INSERT:
        return batch
    refused, first = {item.ref for item in batch.refusals}, batch.refusals[0]
    why = f"its delivery lacks {first.ref.key} ({first.reason})"
    others = (Refusal(ref, "delivery_incomplete", why) for ref in batch.plan.objects if ref not in refused)
    return replace(batch, slices=(), refusals=(*batch.refusals, *others))


def settle(slices: Sequence[CleanSlice], dataset: Dataset) -> tuple[CleanSlice, ...]:
    """The slices in order, with the rows marked that lose to another one of the batch.

    The greater row by the dataset's order wins, in INCREMENTAL the earlier one. Within a slice each key of the kind is
    there once already. Anomalies of rows that lose are let go.
    """
    ordered = tuple(sorted(slices, key=lambda part: (part.ref.modified, part.ref.key, part.first_row)))
    single = not ordered or (len(ordered) == 1 and dataset.key == dataset.schema.primary_key)
    empty = not any(part.accepted.num_rows for part in ordered)  # which may have no columns either
    if dataset.mode is Mode.APPEND or single or empty or not dataset.key:
        return ordered
    accepted = [part.accepted for part in ordered]
    keys = key_codes(pa.concat_tables([table.select(list(dataset.key)) for table in accepted]))
    stays = _winners(keys, accepted, dataset)
    if stays.all():
        return ordered
    filtered = _unwanted(keys, ordered, stays) if dataset.mode is Mode.INCREMENTAL else np.zeros(len(keys), np.bool_)
    bounds = np.cumsum([table.num_rows for table in accepted])[:-1]
    parts = zip(ordered, np.split(stays, bounds), np.split(filtered, bounds), strict=True)
    return tuple(_thinned(*each) for each in parts)


def _unwanted(keys: Ints, ordered: Sequence[CleanSlice], stays: Marks) -> Marks:
    """Rows that lose to a row of another object, as they would if that object had been committed before."""
    codes = {ref: code for code, ref in enumerate(dict.fromkeys(part.ref for part in ordered))}
    objects = np.repeat([codes[part.ref] for part in ordered], [part.accepted.num_rows for part in ordered])
    own = dedupe.combine(keys, objects)
    return ~stays & dedupe.first_of_each(own)


def _winners(keys: Ints, accepted: Sequence[pa.Table], dataset: Dataset) -> Marks:
    """Marks the row of each key that stays; rows come in the order of their objects."""
    if dataset.mode is Mode.INCREMENTAL:
        return dedupe.first_of_each(keys)
    instants = dataset.order[: -len(ROW_ORDER)]
    if not instants:
        return dedupe.last_of_each(keys)
    column = comparable(pa.concat_tables([table.select(list(instants)) for table in accepted]).column(0))
    order = arrow.values(pc.array_sort_indices(column, null_placement="at_start"))
    stays = np.empty(len(keys), np.bool_)
    stays[order] = dedupe.last_of_each(keys[order])
    return stays


def key_codes(keys: pa.Table) -> Ints:
    """One code per row of a table of key columns without nulls: equal codes for equal keys."""
    codes = np.zeros(keys.num_rows, np.int64)
    for column in keys.unify_dictionaries().columns:
        codes = dedupe.combine(codes, _codes(column))
    return codes


def comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON as its text, for which Arrow has an order and a hash."""
    return column.cast(TEXT) if is_json(column.type) else column


def _codes(column: pa.ChunkedArray) -> Ints:
    column = comparable(column)
    if pa.types.is_timestamp(column.type):
        micros = arrow.values(column.cast(pa.int64()))
        return dedupe.shrunk(micros - micros.min()) if len(micros) else micros
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode().unify_dictionaries()
    return np.concatenate([arrow.values(chunk.indices) for chunk in column.chunks] or [np.zeros(0, np.int64)])


def _thinned(part: CleanSlice, stays: Marks, filtered: Marks) -> CleanSlice:
    lost, unwanted = int((~stays).sum()), int(filtered.sum())
    if not lost:
        return part
    counts = part.counts + Counts(loaded=-lost, superseded=lost - unwanted, filtered=unwanted)
    gone = arrow.values(part.accepted["_OBJECT_ROW"])[~stays]
    flagged = ~np.isin(arrow.values(part.anomalies["_OBJECT_ROW"]), gone)
    return replace(part, stays=stays, anomalies=part.anomalies.filter(arrow.array(flagged)), counts=counts)
