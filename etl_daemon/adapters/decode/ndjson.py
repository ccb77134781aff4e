"""Chunks of JSON lines to pieces: one fast reading of all rows, a careful second one of the few that need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.adapters.decode.digits import restore_digits
from etl_daemon.adapters.decode.lines import Lines
from etl_daemon.adapters.decode.pieces import NONE, Piece, Positions
from etl_daemon.adapters.decode.plan import Keys, Plan, keys_sql, objects_sql
from etl_daemon.adapters.decode.scratch import Scratch, Workshop
from etl_daemon.adapters.decode.streams import Block, last_newline
from etl_daemon.core import arrow

SAMPLE_FIRST, SAMPLE_SPREAD = 100, 20
SAMPLE_BYTES = 2**16
FEW_ROWS = 256
"""Rows whose keys Python finds sooner than a query does."""
CAREFUL_SHARE = 0.25
"""Share of doubtful rows from which all are read carefully at once."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A chunk as read by a plan: the columns of ``plan.keys``, and which rows are no records."""

    table: pa.Table
    malformed: Positions


class JsonLines:
    """Decodes the chunks of one object; what it learns of keys in one chunk serves the next."""

    def __init__(self, keys: Keys, workshop: Workshop, max_record_bytes: int) -> None:
        self.keys = keys
        self._workshop = workshop
        self._max_record_bytes = max_record_bytes
        self._sampled = False

    def look(self, chunk: Block) -> None:
        """Learn what the first rows tell, from chunk after chunk until there were some."""
        if not self._sampled:
            lines = Lines(_beginning(chunk), self._max_record_bytes)
            self.keys.sample(lines.samples(np.arange(min(SAMPLE_FIRST, lines.rows))))
            self._sampled = lines.rows > 0

    def piece_of(self, chunk: Block) -> Piece:
        """The rows of a chunk that ends at a line's end."""
        return self.piece(Lines(chunk, self._max_record_bytes))

    def piece(self, lines: Lines) -> Piece:
        """The rows of these lines."""
        if not lines.rows:
            return Piece(pa.table({}), NONE, lines.text)
        self.keys.sample(lines.samples(_spread(lines.rows, SAMPLE_SPREAD)))
        with self._workshop.scratch() as scratch:
            plan, reading = self._settled(lines, scratch)
        table = _with_required(restore_digits(reading.table, plan, lines), plan, lines.rows)
        if len(reading.malformed) < lines.rows:
            self.keys.has_records = True
        return Piece(table, reading.malformed, lines.text, self.keys.extra, len(lines.data))

    def _settled(self, lines: Lines, scratch: Scratch) -> tuple[Plan, _Reading]:
        """Read, and read again as long as reading brings up keys that matter."""
        while True:
            plan = self.keys.plan
            reading = self._read(lines, plan, scratch)
            if self.keys.plan == plan:
                return plan, reading

    def _read(self, lines: Lines, plan: Plan, scratch: Scratch) -> _Reading:
        everything = np.arange(lines.rows)
        if not plan.fast:
            return self._read_carefully(lines, plan, scratch, everything)
        scratch.chunk.load(lines.data)
        table = scratch.table(plan.fast_sql(scratch.chunk.path, lines.longest)).rename_columns(
            [*plan.keys, *plan.probes]
        )
        self.keys.add(name for name in plan.probes if table[name].null_count < lines.rows)
        table = table.select(list(plan.keys)).combine_chunks()
        doubtful = _doubtful(table, plan, lines)
        if len(doubtful) > CAREFUL_SHARE * lines.rows:
            return self._read_carefully(lines, plan, scratch, everything)
        if not len(doubtful):
            return _Reading(table, NONE)
        second = self._read_carefully(lines, plan, scratch, doubtful)
        return _Reading(_replace(table, doubtful, second.table, plan), doubtful[second.malformed])

    def _read_carefully(self, lines: Lines, plan: Plan, scratch: Scratch, rows: Positions) -> _Reading:
        """Only these rows, each value told apart; their keys are taken note of where others could give a value."""
        sheet = scratch.picked
        sheet.load(lines.data if len(rows) == lines.rows else lines.pick(rows))
        table = scratch.table(plan.exact_sql(sheet.path, lines.longest)).rename_columns(["_object", *plan.keys])
        lacking = (
            not plan.complete
            or plan.several
            or any(table[name].null_count for name in plan.required & plan.keys.keys())
        )
        if lacking and len(rows) <= FEW_ROWS:
            self.keys.sample(lines.samples(rows))
        elif lacking:
            self.keys.add(scratch.table(keys_sql(sheet.path, lines.longest))["key"].to_pylist())
        objects = arrow.values(table["_object"], False).copy()
        unknown = np.flatnonzero(arrow.values(table["_object"].is_null()))
        unknown = unknown[lines.braced(rows[unknown])]  # the others are cut, or no objects anyway
        if len(unknown):
            sheet.load(lines.pick(rows[unknown]))
            objects[unknown] = arrow.values(scratch.table(objects_sql(sheet.path, lines.longest))["object"])
        return _Reading(table.drop_columns(["_object"]).combine_chunks(), np.flatnonzero(~objects))


def _beginning(chunk: Block) -> Block:
    """The first lines of a chunk: enough for a sample."""
    return chunk[: last_newline(chunk[:SAMPLE_BYTES]) or len(chunk)]


def _with_required(table: pa.Table, plan: Plan, rows: int) -> pa.Table:
    """The table with nulls for required columns that no record has had so far."""
    columns = dict(zip(table.column_names, table.columns, strict=True))
    for name in sorted(plan.required - plan.keys.keys()):
        columns[name] = pa.nulls(rows, pa.float64() if name in plan.numeric else pa.string())
    return pa.table(columns)


def sampled_rows(rows: int) -> Positions:
    """The rows of an object of one chunk whose keys are looked at before it is read."""
    if rows <= SAMPLE_FIRST:
        return np.arange(rows)
    return np.union1d(np.arange(SAMPLE_FIRST), _spread(rows, SAMPLE_SPREAD))


def _spread(rows: int, count: int) -> Positions:
    return np.unique(np.linspace(0, rows - 1, min(rows, count)).astype(np.int64))


def _doubtful(table: pa.Table, plan: Plan, lines: Lines) -> Positions:
    """Rows to be looked at again: a value may come under another key, or a number may be a boolean or "1_000"."""
    doubt = np.zeros(lines.rows, np.bool_)
    if not plan.complete:
        doubt[:] = True
    for name in table.column_names:
        column = table[name]
        if column.null_count and name in plan.numeric | plan.required | plan.several:
            doubt |= arrow.values(column.is_null())
        if name in plan.numeric:
            values = arrow.values(column, np.nan)
            doubt |= values * values == values  # 0 or 1, in one comparison
    doubt[lines.grouped_digits()] = True
    return np.flatnonzero(doubt)


def _replace(table: pa.Table, rows: Positions, second: pa.Table, plan: Plan) -> pa.Table:
    """The table with the second reading's values in these rows; text of one key reads the same both times."""
    where = arrow.array(rows)
    for at, name in enumerate(table.column_names):
        if name in plan.numeric | plan.several and not table[name].take(where).equals(second[name]):
            mask = np.zeros(table.num_rows, np.bool_)
            mask[rows] = True
            column = pc.replace_with_mask(arrow.chunk(table[name]), arrow.array(mask), arrow.chunk(second[name]))
            table = table.set_column(at, name, column)
    return table
