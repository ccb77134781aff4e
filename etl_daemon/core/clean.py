"""The rules applied to a slice of rows: validate, deduplicate, enrich, flag, and bring to the target's exact types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow, dedupe, reasons
from etl_daemon.core.anomalies import SEVERITIES, Found, price_anomalies, rsi_anomalies
from etl_daemon.core.checks import Cells, Reading, check, read_cells
from etl_daemon.core.datasets import INSTANT, SCHEMAS, TEXT, Dataset, Kind, Mode
from etl_daemon.core.model import CleanSlice, Counts, RawSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.reasons import Judged
from etl_daemon.core.tables.rules import clean_table
from etl_daemon.core.target import Target, in_decimals, target

Ints = np.ndarray[Any, Any]


def clean(raw: RawSlice, dataset: Dataset, rules: Rules) -> CleanSlice:
    """Everything that the rules make of a slice."""
    if dataset.kind is Kind.TABLE:
        return clean_table(raw, dataset, rules)
    judged, goal = _examined(raw, dataset, rules)
    accepted = goal.table().append_column("_OBJECT_ROW", arrow.array(raw.numbers(judged.kept)))
    return _cleaned(raw, dataset, rules, (judged, goal, accepted))


def tally(raw: RawSlice, dataset: Dataset, rules: Rules) -> CleanSlice:
    """The same without the accepted rows: for those who want counts, reasons, anomalies and rejected rows."""
    if dataset.kind is Kind.TABLE:
        return clean_table(raw, dataset, rules, counts_only=True)
    return _cleaned(raw, dataset, rules, (*_examined(raw, dataset, rules), pa.table({})))


def _examined(raw: RawSlice, dataset: Dataset, rules: Rules) -> tuple[Judged[Cells], Target]:
    latest = int(raw.ref.modified.timestamp() * 1e6)
    judged = judge(raw.table, dataset, rules, latest_micros=latest, malformed=raw.malformed)
    return judged, target(judged.cells, judged.kept, dataset, rules)


def _cleaned(
    raw: RawSlice, dataset: Dataset, rules: Rules, examined: tuple[Judged[Cells], Target, pa.Table]
) -> CleanSlice:
    judged, goal, accepted = examined
    found = find_anomalies(judged.cells.symbols.codes[judged.kept], goal.numbers, dataset.kind, rules)
    return CleanSlice(
        raw.ref,
        accepted,
        reasons.quarantined(raw, judged.flags, judged.rejected),
        anomaly_table(found, raw, judged, dataset.detector),
        Counts(len(judged.flags), len(judged.kept), len(judged.rejected), judged.superseded),
        reasons.count(judged.flags),
        goal.rounded,
        judged.cells.instants.truncated,
        raw.extra,
        raw.first_row,
    )


def judge(
    table: pa.Table, dataset: Dataset, rules: Rules, *, latest_micros: int, malformed: Ints | None = None
) -> Judged[Cells]:
    """Parse, check and deduplicate.

    ``table`` has canonical column names; ``malformed`` holds the positions of lines that are no rows.
    """
    reading = Reading(dataset.timestamp_formats, dataset.thousands_separators)
    cells = read_cells(table, dataset.schema, rules, reading)
    flags = check(dataset.kind, cells, rules, latest_micros)
    if malformed is not None:
        flags[malformed] = reasons.Reason.undecodable
    fit = flags == 0
    rejected = np.flatnonzero(~fit)
    kept = np.flatnonzero(fit)
    if dataset.mode is not Mode.APPEND:
        stays = dedupe.first_of_each if dataset.mode is Mode.INCREMENTAL else dedupe.last_of_each
        kept = kept[stays(_keys(cells, dataset, kept))]
    return Judged(cells, flags, kept, rejected)


def _keys(cells: Cells, dataset: Dataset, rows: Ints) -> Ints:
    micros = cells.instants.micros[rows]
    # distance from the earliest instant: a small range makes a small table in dedupe, whatever the era
    instants = dedupe.shrunk(micros - micros.min()) if len(micros) else micros
    keys = dedupe.combine(instants, cells.symbols.codes[rows])
    if dataset.kind is Kind.ANOMALIES:
        types = cells.texts["anomaly_type"].indices.take(arrow.array(rows))
        keys = dedupe.combine(keys, arrow.values(types))
    return keys


def find_anomalies(symbols: Ints, columns: Mapping[str, Any], kind: Kind, rules: Rules) -> list[Found]:
    """Anomalies among rows: a code per symbol from 0, and their values, derived ones included."""
    if kind is Kind.PRICES:
        return price_anomalies(symbols, columns["close"], columns["price_change_percent"], rules)
    return rsi_anomalies(columns["rsi"]) if kind is Kind.INDICATORS else []


def anomaly_table(found: list[Found], raw: RawSlice, judged: Judged[Cells], detector: str) -> pa.Table:
    """Anomalies as rows of the anomalies table, with the row of the object that they point at."""
    schema = SCHEMAS[Kind.ANOMALIES].target.append(pa.field("_OBJECT_ROW", pa.int64()))
    parts = [
        pa.table(
            _anomaly_columns(each, raw, judged, schema) | {"DETECTED_BY": arrow.constant(detector, len(each.rows))}
        )
        for each in found
        if len(each.rows)
    ]
    return (
        pa.concat_tables([part.select(schema.names) for part in parts]) if parts else pa.Table.from_batches([], schema)
    )


def _anomaly_columns(found: Found, raw: RawSlice, judged: Judged[Cells], schema: pa.Schema) -> dict[str, pa.Array]:
    rows = judged.kept[found.rows]
    symbols, instants = judged.cells.symbols, judged.cells.instants
    return {
        "SYMBOL": symbols.dictionary.take(arrow.array(symbols.codes[rows])),
        "TIMESTAMP": arrow.array(instants.micros[rows]).cast(INSTANT),
        "ANOMALY_TYPE": arrow.constant(found.anomaly_type, len(rows)),
        "SEVERITY": arrow.texts(SEVERITIES).take(arrow.array(found.severity)),
        "VALUE": in_decimals(found.value, schema.field("VALUE").type),
        "THRESHOLD": in_decimals(found.threshold, schema.field("THRESHOLD").type),
        "DESCRIPTION": sentences(found),
        "_OBJECT_ROW": arrow.array(raw.numbers(rows)),
    }


def sentences(found: Found) -> pa.Array:
    """What each anomaly is, in words (text, one per anomaly)."""
    value, threshold = (pc.cast(pc.round(arrow.array(each), 4), TEXT) for each in (found.value, found.threshold))
    words = arrow.texts([f"{found.anomaly_type.replace('_', ' ')}: ", " is beyond ", ""])
    return pc.binary_join_element_wise(words[0], value, words[1], threshold, words[2])
