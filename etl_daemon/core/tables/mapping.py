"""The columns of arriving slices against those of their table: what the table gains, and the rows cast to fit it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from etl_daemon.core.datasets import INSERTED, INSTANT, RESCUED, SYSTEM_COLUMNS, Dataset, Drift, Extra
from etl_daemon.core.model import CleanSlice, ObjectRef, Refusal
from etl_daemon.core.sql.dialect import SNOWFLAKE
from etl_daemon.core.tables.canonical import canonical
from etl_daemon.core.tables.common_type import candidates, cast_to, holding, unfit, widenings
from etl_daemon.core.tables.naming import MAX_COLUMNS
from etl_daemon.core.tables.plaintext import JSON, plain_text
from etl_daemon.core.tables.rescue import Misfit, rescued

Columns = Mapping[str, pa.ChunkedArray]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A batch's slices as their table takes them.

    ``schema``: the target's own columns after the change, in order. ``added``: those that it lacks, all of them where
    there is no table. ``widened``: those whose type must be altered, with the new type. ``slices``: ``accepted`` is of
    ``schema`` exactly, then ``_OBJECT_ROW``. ``refusals``: objects that cannot be fitted; none of their slices is left.
    """

    schema: pa.Schema
    added: pa.Schema
    widened: pa.Schema
    slices: tuple[CleanSlice, ...]
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A slice and its columns, canonical; none where it has no rows."""

    part: CleanSlice
    columns: Columns


def fit(slices: Sequence[CleanSlice], present: pa.Schema | None, dataset: Dataset) -> Fitted:
    """Find the table's columns and bring all slices to them, each value exactly, or refuse its object.

    ``present`` are the columns that the table has (``Dialect.described``), None where there is none. Types only grow:
    more digits at the same scale, longer text. What a column cannot hold refuses the object (``column_type``), or,
    under ``Drift.RESCUE``, goes to ``_RESCUED``. Columns that the table lacks are added, or under ``Drift.FREEZE``
    left out or refused (``extra_columns``), or rescued. An absent table gets the columns of the batch.
    """
    table = _own(present, dataset)
    arrivals = [_Arrival(part, _canonical(part)) for part in slices]
    refusals: dict[ObjectRef, Refusal] = {}
    while True:
        left = [each for each in arrivals if each.part.ref not in refusals]
        goals, refused = _goals(left, table, dataset)
        if not refused:
            break
        refusals |= refused
    if dataset.drift is Drift.RESCUE or (present is not None and RESCUED in present.names):
        goals[RESCUED] = pa.field(RESCUED, JSON)
    schema = pa.schema(list(goals.values()))
    absent = _Absent(max((part.accepted.num_rows for part in slices), default=0))
    there = set(present.names if present is not None else ())
    stamps = [pa.field(INSERTED, INSTANT)] if dataset.raw else []
    widened = [field for name, field in goals.items() if name in table and not field.equals(table[name], True)]
    return Fitted(
        schema,
        pa.schema([field for field in (*goals.values(), *stamps) if field.name not in there]),
        pa.schema(widened),
        tuple(_fitted(each, schema, dataset, absent) for each in left),
        tuple(refusals.values()),
    )


def _own(present: pa.Schema | None, dataset: Dataset) -> dict[str, pa.Field]:
    kept = {*SYSTEM_COLUMNS.names, *dataset.stamps, RESCUED}
    return {field.name: field for field in present or () if field.name not in kept}


def _canonical(part: CleanSlice) -> Columns:
    if not part.accepted.num_rows:
        return {}
    names = [name for name in part.accepted.column_names if name not in {"_OBJECT_ROW", RESCUED}]
    return {name: canonical(part.accepted[name]) for name in names}


def _takes_all(table: Mapping[str, pa.Field], dataset: Dataset) -> bool:
    """Whether the table gets every column that arrives."""
    return not table or dataset.drift is Drift.EVOLVE


def _goals(
    arrivals: Sequence[_Arrival], table: Mapping[str, pa.Field], dataset: Dataset
) -> tuple[dict[str, pa.Field], dict[ObjectRef, Refusal]]:
    """The columns that the table shall have, and the objects that do not fit them."""
    refused = _too_wide(arrivals, table) if _takes_all(table, dataset) else _with_extra(arrivals, table, dataset)
    arriving = dict.fromkeys(name for each in arrivals for name in each.columns)
    names = [*table, *(name for name in arriving if name not in table)] if _takes_all(table, dataset) else [*table]
    goals: dict[str, pa.Field] = {}
    for name in names:
        parts = [(each.part.ref, each.columns[name]) for each in arrivals if name in each.columns]
        goals[name], misfits = _goal(name, parts, table.get(name), dataset)
        for ref, column in misfits:
            refused.setdefault(ref, _mismatch(ref, goals[name], column, name in table))
    return goals, refused


def _goal(
    name: str, parts: Sequence[tuple[ObjectRef, pa.ChunkedArray]], present: pa.Field | None, dataset: Dataset
) -> tuple[pa.Field, list[tuple[ObjectRef, pa.ChunkedArray]]]:
    """The column's type, and the parts that it does not hold."""
    columns = [column for _, column in parts]
    if present is None:
        declared = dataset.types.get(name)
        options = [pa.field(name, type_) for type_ in ([declared] if declared else candidates(columns))]
    else:
        options = [present] if dataset.drift is not Drift.EVOLVE else widenings(present)
    if present is not None and dataset.drift is Drift.RESCUE and name not in dataset.primary_key:
        return present, []
    goal = holding(options, columns)
    return goal, [(ref, column) for ref, column in parts if unfit(column, goal).any()]


def _with_extra(
    arrivals: Sequence[_Arrival], table: Mapping[str, pa.Field], dataset: Dataset
) -> dict[ObjectRef, Refusal]:
    """Objects with columns that a frozen table does not have, where the dataset refuses them."""
    if dataset.drift is Drift.RESCUE or dataset.extra_columns is Extra.IGNORE:
        return {}
    found: dict[ObjectRef, Refusal] = {}
    for each in arrivals:
        extra = [name for name in each.columns if name not in table]
        if extra:
            detail = (
                f"The table has no column {', '.join(extra)}. Hint: add it to the table, "
                'or say extra_columns = "ignore" or drift = "evolve" in ETL_DATASETS_FILE'
            )
            found.setdefault(each.part.ref, Refusal(each.part.ref, "extra_columns", detail))
    return found


def _too_wide(arrivals: Sequence[_Arrival], table: Mapping[str, pa.Field]) -> dict[ObjectRef, Refusal]:
    """Objects for whose columns the table has no room: where keys are values, each object brings others."""
    found: dict[ObjectRef, Refusal] = {}
    own: defaultdict[ObjectRef, set[str]] = defaultdict(set)
    for each in arrivals:
        own[each.part.ref].update(each.columns)
    there = {*table}
    for ref, columns in own.items():
        added = columns - there
        if added and len(there) + len(added) > MAX_COLUMNS:
            detail = (
                f"With the {len(added)} columns that it adds the table would have more than {MAX_COLUMNS:,}. Hint: if "
                "keys are values, name the way to the records with records_path, or load JSON as it comes with "
                'raw = "records" in ETL_DATASETS_FILE'
            )
            found[ref] = Refusal(ref, "too_many_columns", detail)
        else:
            there |= added
    return found


def _mismatch(ref: ObjectRef, goal: pa.Field, column: pa.ChunkedArray, there: bool) -> Refusal:
    rows = np.flatnonzero(unfit(column, goal))
    example = plain_text(column.take(pa.array(rows[:1])).combine_chunks())[0].as_py()
    wanted = SNOWFLAKE.column_type(goal.type)
    known = "of a type that is never written" if pa.types.is_null(goal.type) else wanted
    detail = (
        f"Column {goal.name} is {known} in the {'table' if there else 'objects before it'}, but "
        f"{SNOWFLAKE.column_type(column.type)} in the object; {str(example)[:80]!r} is one of {len(rows)} values that "
        f'do not fit. Hint: say types = {{ {goal.name} = "{wanted}" }} in ETL_DATASETS_FILE to quarantine such rows, '
        f'drift = "rescue" to keep such values apart, or alter the table'
    )
    return Refusal(ref, "column_type", detail)


class _Absent(dict[pa.DataType, pa.Array]):
    """Nulls of any type, ``most`` of them: all slices share them, since there may be hundreds of absent columns."""

    def __init__(self, most: int) -> None:
        self._most = most

    def __missing__(self, type_: pa.DataType) -> pa.Array:
        self[type_] = pa.nulls(self._most, type_)
        return self[type_]


def _fitted(each: _Arrival, schema: pa.Schema, dataset: Dataset, absent: _Absent) -> CleanSlice:
    """The slice with the table's columns; what has no place there is rescued, or named as extra."""
    rows = each.part.accepted.num_rows
    misfits: list[Misfit] = []
    made: dict[str, pa.ChunkedArray] = {}
    for field in schema:
        given = each.columns.get(field.name)
        if given is None:
            made[field.name] = pa.chunked_array([absent[field.type].slice(0, rows)])
            continue
        cast = cast_to(given, field)
        made[field.name] = cast.values
        misfits.append((field.name, given, cast.misfit))
    extra = [name for name in each.columns if name not in schema.names]
    if dataset.drift is Drift.RESCUE and rows:
        misfits += [(name, each.columns[name], np.asarray(each.columns[name].is_valid())) for name in extra]
        before = each.part.accepted[RESCUED] if RESCUED in each.part.accepted.column_names else None
        made[RESCUED] = rescued(rows, misfits, before)
        extra = []
    numbers = each.part.accepted["_OBJECT_ROW"].cast(pa.int64())
    accepted = pa.table([*made.values(), numbers], schema=schema.append(SYSTEM_COLUMNS.field("_OBJECT_ROW")))
    return replace(each.part, accepted=accepted, extra=(*each.part.extra, *extra))
