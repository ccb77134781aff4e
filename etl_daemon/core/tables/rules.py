"""The rules of datasets of kind ``table``: keys are there, declared types hold, one row per key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core.datasets import RESCUED, SCHEMAS, TEXT, Dataset, Drift, Kind, Mode
from etl_daemon.core.model import CleanSlice, Counts, RawSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules import dedupe, reasons
from etl_daemon.core.rules.precedence import comparable, key_codes
from etl_daemon.core.rules.reasons import Judged
from etl_daemon.core.rules.stack import Stack
from etl_daemon.core.rules.timestamps import parse_timestamps
from etl_daemon.core.tables.canonical import canonical
from etl_daemon.core.tables.exact import TextForms, exact_cast
from etl_daemon.core.tables.plaintext import is_json
from etl_daemon.core.tables.rescue import Misfit, rescued

Mask = np.ndarray[Any, Any]
Ints = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Cells:
    """A slice's columns under their target names, in the types that tables have or that the dataset declares.

    ``invalid`` marks rows with a wall time that does not exist or comes twice. ``misfits`` are values that have not
    their declared type.
    """

    columns: dict[str, pa.ChunkedArray]
    invalid: Mask
    misfits: tuple[Misfit, ...]
    truncated: int


def clean_table(raw: RawSlice, dataset: Dataset, rules: Rules, *, counts_only: bool) -> CleanSlice:
    """Everything that the rules make of a slice; with ``counts_only`` without its accepted rows."""
    judged = judge_table(raw.table, dataset, rules, raw.malformed)
    return CleanSlice(
        raw.ref,
        pa.table({}) if counts_only else _accepted(raw, judged, dataset),
        reasons.quarantined(Stack([raw]), judged.flags, judged.rejected),
        SCHEMAS[Kind.ANOMALIES].target.append(pa.field("_OBJECT_ROW", pa.int64())).empty_table(),
        Counts(len(judged.flags), len(judged.kept), len(judged.rejected), judged.superseded),
        reasons.count(judged.flags),
        truncated=judged.cells.truncated,
        extra=raw.extra,
        first_row=raw.first_row,
    )


def judge_table(table: pa.Table, dataset: Dataset, rules: Rules, malformed: Ints | None = None) -> Judged[Cells]:
    """Read, check and deduplicate. ``malformed`` holds the positions of lines that are no rows."""
    cells = _read(table, dataset, rules)
    flags = _flags(table, cells, dataset)
    if malformed is not None:
        flags[malformed] = reasons.Reason.undecodable
    fit, rejected = np.flatnonzero(flags == 0), np.flatnonzero(flags)
    kept = fit if dataset.mode is Mode.APPEND else fit[_survivors(cells.columns, fit, dataset)]
    return Judged(cells, flags, kept, rejected)


def _read(table: pa.Table, dataset: Dataset, rules: Rules) -> Cells:
    forms = TextForms(rules.timezone, dataset.timestamp_formats, dataset.thousands_separators)
    columns: dict[str, pa.ChunkedArray] = {}
    misfits: list[Misfit] = []
    invalid, truncated = np.zeros(table.num_rows, np.bool_), 0
    for name in filter(None, table.column_names):
        given, nonexistent, cut = _in_utc(table[name], rules.timezone)
        invalid, truncated = invalid | nonexistent, truncated + cut
        given = canonical(given)
        columns[name] = given
        if name in dataset.types:
            cast = exact_cast(given, dataset.types[name], forms, declared=True)
            if cast.misfit.any():
                cast = exact_cast(_present(given, dataset.types[name]), dataset.types[name], forms, declared=True)
            columns[name], truncated = cast.values, truncated + cast.truncated
            misfits.append((name, given, cast.misfit))
    return Cells(columns, invalid, tuple(misfits), truncated)


def _present(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Blank text is no value where the type is not one of text."""
    if not pa.types.is_string(column.type) or pa.types.is_string(type_) or is_json(type_):
        return column
    blank = pc.equal(pc.utf8_trim_whitespace(column), "")
    return pc.if_else(blank, pa.scalar(None, TEXT), column)


def _in_utc(column: pa.ChunkedArray, timezone: str) -> tuple[pa.ChunkedArray, Mask, int]:
    """Timestamps without zone are wall times; told along: which of them are none, and how many lose nanoseconds."""
    type_ = column.type
    if timezone == "UTC" or not pa.types.is_timestamp(type_) or type_.tz is not None:
        return column, np.zeros(len(column), np.bool_), 0
    found = parse_timestamps(column, timezone)
    valid = ~(found.missing | found.invalid)
    micros = pa.array(found.micros, mask=~valid).cast(pa.timestamp("us"))
    return pa.chunked_array([micros]), found.invalid, found.truncated


def _flags(table: pa.Table, cells: Cells, dataset: Dataset) -> reasons.Flags:
    rows = table.num_rows
    missing, mismatch = np.zeros(rows, np.bool_), np.zeros(rows, np.bool_)
    for name in dataset.primary_key:
        missing |= np.asarray(table[name].is_null()) if name in cells.columns else True
    for name, given, misfit in cells.misfits:
        if name in dataset.primary_key:  # a blank one, too
            missing |= np.asarray(pc.and_not(cells.columns[name].is_null(), given.is_null())) & ~misfit
        if dataset.drift is not Drift.RESCUE or name in dataset.primary_key:
            mismatch |= misfit
    return reasons.flag(rows, missing_field=missing, timestamp_invalid=cells.invalid, type_mismatch=mismatch)


def _survivors(columns: dict[str, pa.ChunkedArray], rows: Ints, dataset: Dataset) -> Mask:
    """Marks, of the given rows, the one of each key that is last in the order (timestamp column, row).

    In INCREMENTAL it is the first.
    """
    if not dataset.primary_key or not len(rows):
        return np.ones(len(rows), np.bool_)
    taken = pa.array(rows)
    keys = key_codes(pa.table({name: columns[name].take(taken) for name in dataset.primary_key}))
    pick = dedupe.first_of_each if dataset.mode is Mode.INCREMENTAL else dedupe.last_of_each
    if dataset.timestamp_column not in columns:
        return pick(keys)
    moments = comparable(columns[dataset.timestamp_column].take(taken))
    order = np.asarray(pc.array_sort_indices(moments.combine_chunks(), null_placement="at_start"))
    stays = np.empty(len(rows), np.bool_)
    stays[order] = pick(keys[order])
    return stays


def _accepted(raw: RawSlice, judged: Judged[Cells], dataset: Dataset) -> pa.Table:
    rows, kept = raw.table.num_rows, judged.kept
    columns = dict(judged.cells.columns)
    if dataset.drift is Drift.RESCUE:
        columns[RESCUED] = rescued(rows, judged.cells.misfits)
    everything = len(kept) == rows
    taken = {name: column if everything else column.take(pa.array(kept)) for name, column in columns.items()}
    return pa.table({**taken, "_OBJECT_ROW": pa.array(raw.numbers(kept), pa.int64())})
