"""Which rows of a batch stay when several of its slices hold the same key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.datasets import ROW_ORDER, TEXT, Dataset, Mode
from etl_daemon.core.model import CleanBatch, CleanSlice, Counts, Deferral, Refusal, StagedBatch
from etl_daemon.core.rules import dedupe
from etl_daemon.core.tables.plaintext import is_json

MOST_CELLS = 2**62

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


@dataclass(frozen=True, slots=True)
class Room:
    """Where codes lie, and how memory is kept free.

    ``codes`` makes zeros (int64, one per row); ``let_go`` is called whenever some rows were looked at.
    """

    codes: Callable[[int], Ints] = lambda rows: np.zeros(rows, np.int64)
    let_go: Callable[[], None] = lambda: None


MEMORY = Room()


def settle(slices: Sequence[CleanSlice], dataset: Dataset, room: Room = MEMORY) -> tuple[CleanSlice, ...]:
    """The slices in order, with the rows marked that lose to another one of the batch.

    The greater row by the dataset's order wins, in INCREMENTAL the earlier one. Within a slice each key of the kind is
    there once already. Anomalies of rows that lose are let go. For all rows at once there is nothing but a code for
    the key of each, in the ``room``.
    """
    ordered = tuple(sorted(slices, key=lambda part: (part.ref.modified, part.ref.key, part.first_row)))
    single = not ordered or (len(ordered) == 1 and dataset.key == dataset.schema.primary_key)
    empty = not any(part.accepted.num_rows for part in ordered)  # which may have no columns either
    if dataset.mode is Mode.APPEND or single or empty or not dataset.key:
        return ordered
    accepted = [part.accepted for part in ordered]
    keys = key_codes(pa.concat_tables([table.select(list(dataset.key)) for table in accepted]), room)
    stays = _winners(keys, accepted, dataset, room)
    if stays.all():
        return ordered
    filtered = _unwanted(keys, ordered, stays) if dataset.mode is Mode.INCREMENTAL else np.zeros(len(keys), np.bool_)
    bounds = np.cumsum([table.num_rows for table in accepted])[:-1]
    parts = zip(ordered, np.split(stays, bounds), np.split(filtered, bounds), strict=True)
    thinned = []
    for each in parts:
        thinned.append(_thinned(*each))
        room.let_go()
    return tuple(thinned)


def _unwanted(keys: Ints, ordered: Sequence[CleanSlice], stays: Marks) -> Marks:
    """Rows that lose to a row of another object, as they would if that object had been committed before."""
    codes = {ref: code for code, ref in enumerate(dict.fromkeys(part.ref for part in ordered))}
    objects = np.repeat([codes[part.ref] for part in ordered], [part.accepted.num_rows for part in ordered])
    own = dedupe.combine(keys, objects)
    return ~stays & dedupe.first_of_each(own)


def _winners(keys: Ints, accepted: Sequence[pa.Table], dataset: Dataset, room: Room) -> Marks:
    """Marks the row of each key that stays; rows come in the order of their objects."""
    if dataset.mode is Mode.INCREMENTAL:
        return dedupe.first_of_each(keys, room.let_go)
    instants = dataset.order[: -len(ROW_ORDER)]
    if not instants:
        return dedupe.last_of_each(keys, room.let_go)
    column = comparable(pa.concat_tables([table.select(list(instants)) for table in accepted]).column(0))
    order = arrow.values(pc.array_sort_indices(column, null_placement="at_start"))
    stays = np.empty(len(keys), np.bool_)
    stays[order] = dedupe.last_of_each(keys[order])
    return stays


def key_codes(keys: pa.Table, room: Room = MEMORY) -> Ints:
    """One code per row of a table of key columns without nulls: equal codes for equal keys."""
    keys = pa.concat_tables(arrow.merged(keys))
    codes, cells = room.codes(keys.num_rows), 1
    for column in keys.columns if keys.num_rows else ():
        width, parts = _codes(comparable(column), room)
        if cells * width >= MOST_CELLS:
            codes = dedupe.combine(codes, np.concatenate([*parts]))
            cells = int(codes.max()) + 1
            continue
        cells *= width
        at = 0
        for part in parts:
            codes[at : at + len(part)] *= width
            codes[at : at + len(part)] += part
            at += len(part)
            room.let_go()
    return codes


def comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON as its text, for which Arrow has an order and a hash."""
    return column.cast(TEXT) if is_json(column.type) else column


def _codes(column: pa.ChunkedArray, room: Room) -> tuple[int, Iterator[Ints]]:
    """How many codes there may be, and those of each chunk."""
    if pa.types.is_timestamp(column.type):
        return _offsets([chunk.view(pa.int64()) for chunk in column.chunks if len(chunk)], room)
    if pa.types.is_signed_integer(column.type) and _spread(column) < MOST_CELLS:
        return _offsets([chunk.cast(pa.int64()) for chunk in column.chunks if len(chunk)], room)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()  # all chunks share one dictionary
        return len(column.chunk(0).dictionary), (arrow.values(chunk.indices) for chunk in column.chunks)
    words = pa.chunked_array([chunk.dictionary for chunk in column.chunks], column.type.value_type).unique()
    return len(words), (_places(chunk, words) for chunk in column.chunks)


def _spread(column: pa.ChunkedArray) -> int:
    bounds = pc.min_max(column)
    return int(bounds["max"].as_py() - bounds["min"].as_py())


def _offsets(chunks: Sequence[pa.Int64Array], room: Room) -> tuple[int, Iterator[Ints]]:
    """Distances from the least value, in the largest unit that all share."""
    bounds = []
    for chunk in chunks:
        bounds.append((int(arrow.values(chunk).min()), int(arrow.values(chunk).max())))
        room.let_go()
    low, high = min(least for least, _ in bounds), max(greatest for _, greatest in bounds)

    def offsets() -> Iterator[Ints]:
        for chunk in chunks:
            yield arrow.values(chunk) - low
            room.let_go()

    unit = dedupe.common_unit(offsets)
    return int(high - low) // unit + 1, (part // unit for part in offsets())


def _places(chunk: pa.DictionaryArray, words: pa.Array) -> Ints:
    """Where among the words each value is."""
    places: Ints = arrow.values(pc.index_in(chunk.dictionary, words))[arrow.values(chunk.indices)]
    return places


def _thinned(part: CleanSlice, stays: Marks, filtered: Marks) -> CleanSlice:
    lost, unwanted = int((~stays).sum()), int(filtered.sum())
    if not lost:
        return part
    counts = part.counts + Counts(loaded=-lost, superseded=lost - unwanted, filtered=unwanted)
    anomalies = part.anomalies
    if anomalies.num_rows:
        gone = arrow.values(part.accepted["_OBJECT_ROW"])[~stays]
        anomalies = anomalies.filter(arrow.array(~np.isin(arrow.values(anomalies["_OBJECT_ROW"]), gone)))
    return replace(part, stays=stays, anomalies=anomalies, counts=counts)
