"""The rules applied to slices of rows: validate, deduplicate, enrich, flag, and bring to the target's exact types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT, SCHEMAS, TEXT, Dataset, Kind, Mode
from etl_daemon.core.model import CleanSlice, Counts, RawSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules import dedupe, reasons
from etl_daemon.core.rules.anomalies import SEVERITIES, Found, price_anomalies, rsi_anomalies
from etl_daemon.core.rules.checks import Cells, Reading, check, read_cells
from etl_daemon.core.rules.reasons import Judged
from etl_daemon.core.rules.stack import Stack
from etl_daemon.core.rules.target import in_decimals, target
from etl_daemon.core.tables.rules import clean_table

Ints = np.ndarray[Any, Any]


def clean(raw: RawSlice, dataset: Dataset, rules: Rules) -> CleanSlice:
    """Everything that the rules make of a slice."""
    return clean_all([raw], dataset, rules)[0]


def clean_all(
    raws: Sequence[RawSlice], dataset: Dataset, rules: Rules, *, counts_only: bool = False
) -> list[CleanSlice]:
    """The same of several slices, each by itself: no row meets one of another slice, but all are worked on at once.

    With ``counts_only`` the accepted rows are left unmade: for those who want counts, reasons, anomalies and rejected
    rows.
    """
    if dataset.kind is Kind.TABLE:
        return [clean_table(raw, dataset, rules, counts_only=counts_only) for raw in raws]
    alike = groupby(raws, key=lambda raw: raw.table.schema)
    return [
        made for _, slices in alike for made in _cleaned(Stack(list(slices)), dataset, rules, counts_only=counts_only)
    ]


tally_all = partial(clean_all, counts_only=True)


def _cleaned(stack: Stack, dataset: Dataset, rules: Rules, *, counts_only: bool) -> list[CleanSlice]:
    judged = judge(stack.table, dataset, rules, stack)
    goal = target(judged.cells, judged.kept, dataset, rules)
    groups = _grouped(judged.cells.symbols.codes, stack, judged.kept)
    found = find_anomalies(groups, goal.numbers, dataset.kind, rules)
    accepted = pa.table({}) if counts_only else goal.table()
    if not counts_only:
        accepted = accepted.append_column("_OBJECT_ROW", arrow.array(stack.numbers(judged.kept)))
    quarantined = reasons.quarantined(stack, judged.flags, judged.rejected)
    rounded = [stack.counted(marks, judged.kept) for marks in goal.finer]
    parts = zip(
        stack.slices,
        [accepted] * len(stack.slices) if counts_only else stack.cut(accepted, judged.kept),
        stack.cut(quarantined, judged.rejected),
        anomaly_tables(found, stack, judged, dataset.detector),
        _counts(stack, judged),
        reasons.count_each(judged.flags, stack, judged.rejected),
        np.sum(rounded, axis=0).tolist(),
        stack.counted(judged.cells.instants.cut, np.arange(len(judged.flags))).tolist(),
        strict=True,
    )
    return [replace(CleanSlice(raw.ref, *made), extra=raw.extra, first_row=raw.first_row) for raw, *made in parts]


def _counts(stack: Stack, judged: Judged[Cells]) -> list[Counts]:
    read, loaded, rejected = (
        np.diff(bounds) for bounds in (stack.starts, stack.bounds(judged.kept), stack.bounds(judged.rejected))
    )
    each = zip(read.tolist(), loaded.tolist(), rejected.tolist(), (read - loaded - rejected).tolist(), strict=True)
    return [Counts(*counts) for counts in each]


def judge(table: pa.Table, dataset: Dataset, rules: Rules, of: Stack | int) -> Judged[Cells]:
    """Parse, check and deduplicate.

    ``table`` has canonical column names. ``of`` is what it is made of, or the latest instant that its rows may be
    near, in microseconds since 1970 UTC.
    """
    stack = of if isinstance(of, Stack) else None
    latest = of.latest_micros if isinstance(of, Stack) else np.broadcast_to(of, table.num_rows)
    reading = Reading(dataset.timestamp_formats, dataset.thousands_separators)
    cells = read_cells(table, dataset.schema, rules, reading)
    flags = check(dataset.kind, cells, rules, latest)
    if stack:
        flags[stack.malformed] = reasons.Reason.undecodable
    fit = flags == 0
    rejected = np.flatnonzero(~fit)
    kept = np.flatnonzero(fit)
    if dataset.mode is not Mode.APPEND:
        stays = dedupe.first_of_each if dataset.mode is Mode.INCREMENTAL else dedupe.last_of_each
        kept = kept[stays(_keys(cells, dataset, stack, kept))]
    return Judged(cells, flags, kept, rejected)


def _keys(cells: Cells, dataset: Dataset, stack: Stack | None, rows: Ints) -> Ints:
    micros = cells.instants.micros[rows]
    # distance from the earliest instant: a small range makes a small table in dedupe, whatever the era
    instants = dedupe.shrunk(micros - micros.min()) if len(micros) else micros
    keys = dedupe.combine(instants, cells.symbols.codes[rows])
    if dataset.kind is Kind.ANOMALIES:
        types = cells.texts["anomaly_type"].indices.take(arrow.array(rows))
        keys = dedupe.combine(keys, arrow.values(types))
    return keys if stack is None or stack.single else dedupe.combine(stack.owner[rows], keys)


def _grouped(symbols: Ints, stack: Stack, rows: Ints) -> Ints:
    """A code from 0 for the symbol of each row within its slice."""
    return symbols[rows] if stack.single else dedupe.compact(dedupe.combine(stack.owner[rows], symbols[rows]))


def find_anomalies(symbols: Ints, columns: Mapping[str, Any], kind: Kind, rules: Rules) -> list[Found]:
    """Anomalies among rows: a code per symbol from 0, and their values, derived ones included."""
    if kind is Kind.PRICES:
        return price_anomalies(symbols, columns["close"], columns["price_change_percent"], rules)
    return rsi_anomalies(columns["rsi"]) if kind is Kind.INDICATORS else []


def anomaly_tables(found: list[Found], stack: Stack, judged: Judged[Cells], detector: str) -> list[pa.Table]:
    """Anomalies as rows of the anomalies table, slice by slice, with the row of the object that they point at."""
    schema = SCHEMAS[Kind.ANOMALIES].target.append(pa.field("_OBJECT_ROW", pa.int64()))
    none = pa.Table.from_batches([], schema)
    made = [
        stack.cut(_anomaly_rows(each, stack, judged, detector).select(schema.names), judged.kept[each.rows])
        for each in found
        if len(each.rows)
    ]
    return [
        pa.concat_tables([part for part in parts if part.num_rows] or [none])
        for parts in zip([none] * len(stack.slices), *made, strict=True)
    ]


def _anomaly_rows(found: Found, stack: Stack, judged: Judged[Cells], detector: str) -> pa.Table:
    rows, types = judged.kept[found.rows], SCHEMAS[Kind.ANOMALIES].target
    symbols, instants = judged.cells.symbols, judged.cells.instants
    return pa.table(
        {
            "SYMBOL": symbols.dictionary.take(arrow.array(symbols.codes[rows])),
            "TIMESTAMP": arrow.array(instants.micros[rows]).cast(INSTANT),
            "ANOMALY_TYPE": arrow.constant(found.anomaly_type, len(rows)),
            "SEVERITY": arrow.texts(SEVERITIES).take(arrow.array(found.severity)),
            "VALUE": in_decimals(found.value, types.field("VALUE").type),
            "THRESHOLD": in_decimals(found.threshold, types.field("THRESHOLD").type),
            "DESCRIPTION": sentences(found),
            "DETECTED_BY": arrow.constant(detector, len(rows)),
            "_OBJECT_ROW": arrow.array(stack.numbers(rows)),
        }
    )


def sentences(found: Found) -> pa.Array:
    """What each anomaly is, in words (text, one per anomaly)."""
    value, threshold = (pc.cast(pc.round(arrow.array(each), 4), TEXT) for each in (found.value, found.threshold))
    words = arrow.texts([f"{found.anomaly_type.replace('_', ' ')}: ", " is beyond ", ""])
    return pc.binary_join_element_wise(words[0], value, words[1], threshold, words[2])
