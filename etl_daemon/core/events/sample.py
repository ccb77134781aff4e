"""A few values and anomalies of a batch: for charts. All rows are in the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT, TEXT, Kind
from etl_daemon.core.model import CleanSlice

VALUES: Mapping[Kind, str] = {Kind.PRICES: "CLOSE_PRICE", Kind.INDICATORS: "RSI"}
"""The column that is sampled, in which anomalies are found; other kinds have none."""

PIECES, PIECE_ROWS = 64, 32
"""So many runs of neighbouring rows are looked at in a batch, however many rows it has: pages that are read for them
stay few where rows lie on disk."""

FLAGGED, FLAGGED_IN_SLICE = 500, 50
"""Anomalies of a batch that are kept at most."""

POINTS = pa.schema([("SYMBOL", TEXT), ("TIMESTAMP", INSTANT), ("VALUE", pa.float64())])
"""A value, and when and of what it was."""

FLAGS = pa.schema([*POINTS, ("ANOMALY_TYPE", TEXT), ("SEVERITY", TEXT), ("DESCRIPTION", TEXT)])
"""An anomaly, and the value that its row has; null where that is not known."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``points`` of the form ``POINTS``, ``flags`` of the form ``FLAGS``."""

    points: pa.Table
    flags: pa.Table


def sampled(slices: Sequence[CleanSlice], kind: Kind, seed: int) -> Sample | None:
    """All rows of a small batch, rows from all over a large one; None where there is nothing to chart.

    ``seed`` says which: rows at regular distances would be those of one symbol where symbols come in turn.
    """
    column = VALUES.get(kind)
    whole = [each for each in slices if column in each.accepted.column_names] if column else []
    if column is None or not whole:
        return None
    points = [_points(rows, column) for rows in _pieces(whole, np.random.default_rng(seed))]
    return Sample(_joined(points, POINTS), _joined(list(_flags(whole, column)), FLAGS))


def _pieces(slices: Sequence[CleanSlice], chance: np.random.Generator) -> Iterator[pa.Table]:
    """Runs of rows, in order; every run of the batch is as likely as any other."""
    pieces = np.array([-(-each.accepted.num_rows // PIECE_ROWS) for each in slices])
    bounds = np.cumsum(pieces)
    count = int(bounds[-1])
    chosen = np.arange(count) if count <= PIECES else np.unique(chance.integers(0, count, PIECES))
    owners = np.searchsorted(bounds, chosen, side="right")
    for owner, piece in zip(owners.tolist(), (chosen - (bounds - pieces)[owners]).tolist(), strict=True):
        part, start = slices[owner], piece * PIECE_ROWS
        rows = part.accepted.slice(start, PIECE_ROWS)
        yield rows if part.stays is None else rows.filter(arrow.array(part.stays[start : start + PIECE_ROWS]))


def _points(rows: pa.Table, column: str) -> pa.Table:
    values = [rows["SYMBOL"].cast(TEXT), rows["TIMESTAMP"].cast(INSTANT), rows[column].cast(pa.float64())]
    return pa.Table.from_arrays(values, schema=POINTS)


def _flags(slices: Sequence[CleanSlice], column: str) -> Iterator[pa.Table]:
    """The first anomalies of each slice, until there are enough, each with the value of its row."""
    left = FLAGGED
    for part in slices:
        if part.anomalies.num_rows and left:
            found = part.anomalies.slice(0, min(left, FLAGGED_IN_SLICE))
            left -= found.num_rows
            columns = {name: found[name].cast(FLAGS.field(name).type) for name in FLAGS.names if name != "VALUE"}
            yield pa.table({**columns, "VALUE": _of_rows(part.accepted, found["_OBJECT_ROW"], column)}).select(
                FLAGS.names
            )


def _of_rows(accepted: pa.Table, rows: pa.ChunkedArray, column: str) -> pa.Array:
    """The values of these rows, found by their numbers, which ascend."""
    there, wanted = arrow.values(accepted["_OBJECT_ROW"]), arrow.values(rows)
    places = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    values = accepted[column].take(arrow.array(places)).cast(pa.float64())
    return pc.if_else(arrow.array(there[places] == wanted), values, arrow.null(pa.float64())).combine_chunks()


def _joined(tables: list[pa.Table], schema: Any) -> pa.Table:
    """One table with memory of its own: the batch's must not wait until the sample is written."""
    nothing = pa.table([pa.nulls(0, field.type) for field in schema], schema=schema)
    whole = pa.concat_tables([nothing, *tables]).combine_chunks()
    return whole.take(arrow.array(np.arange(whole.num_rows)))
