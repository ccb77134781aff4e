"""Chunks of JSON lines to pieces with every key as a column of JSON text, for datasets of kind ``table``."""

# ruff: noqa: S608 - SQL text is made here; every name in it is quoted by literal()

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.decode.lines import Lines
from etl_daemon.adapters.decode.numerals import marked, unmarked
from etl_daemon.adapters.decode.pieces import NONE, Piece
from etl_daemon.adapters.decode.plan import IS_OBJECT, literal, pointer, reader
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.streams import Block
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.rules.columns import match_columns
from etl_daemon.core.tables.plaintext import JSON

ROWS = ""
"""A column that holds nothing but the number of rows, since a piece may have no other."""


class TableLines:
    """Decodes the chunks of one object. ``names`` are the keys of its records, as far as read, in their order."""

    def __init__(self, dataset: Dataset, workshop: Workshop, max_record_bytes: int) -> None:
        self._dataset = dataset
        self._workshop = workshop
        self._max_record_bytes = max_record_bytes
        self.names: dict[str, None] = {}
        self.has_records = False

    def pieces(self, chunks: Iterable[Block]) -> Iterator[Piece]:
        """The rows of chunks that end at line ends."""
        for piece, names in self._workshop.in_order(self._piece, chunks):
            self.names.update(dict.fromkeys(names))
            self.has_records = self.has_records or len(piece.malformed) < piece.table.num_rows
            yield piece

    def _piece(self, chunk: Block) -> tuple[Piece, Sequence[str]]:
        lines = Lines(chunk, self._max_record_bytes)
        if not lines.rows:
            return Piece(pa.table({}), NONE, lines.text), ()
        data, mark = marked(lines.data)
        longest = lines.longest + len(data) - len(lines.data)
        with self._workshop.scratch() as scratch:
            sheet = scratch.chunk
            sheet.load(data)
            names = scratch.table(_keys_sql(sheet.path, longest))["key"].to_pylist()
            found = match_columns(names, self._dataset).found
            table = scratch.table(_values_sql(sheet.path, longest, [name for (name,) in found.values()]))
        columns = {name: unmarked(table[at + 1], mark).cast(JSON) for at, name in enumerate(found)}
        malformed = np.flatnonzero(~table[0].to_numpy())
        table = pa.table({ROWS: pa.nulls(lines.rows), **columns})
        return Piece(table, malformed, lines.text, text_bytes=len(chunk)), names


def _keys_sql(path: str, longest: int) -> str:
    """The distinct keys of the records in the order in which they come."""
    source = reader("read_ndjson_objects", path, longest)
    return (
        "SELECT key FROM (SELECT line, unnest(keys) AS key, generate_subscripts(keys, 1) AS place FROM "
        f"(SELECT row_number() OVER () AS line, json_keys(json) AS keys FROM {source})) "
        "GROUP BY key ORDER BY min(line), min_by(place, line)"
    )


def _values_sql(path: str, longest: int, names: Sequence[str]) -> str:
    """Whether each line is a record, then the value of each key as JSON text."""
    paths = ", ".join(literal(pointer(name)) for name in names)
    values = f", json_extract(json, [{paths}])::VARCHAR[] AS v" if names else ""
    picked = "".join(f", nullif(v[{at + 1}], 'null') AS c{at}" for at in range(len(names)))
    return (
        f"SELECT record{picked} FROM "
        f"(SELECT {IS_OBJECT} AS record{values} FROM {reader('read_ndjson_objects', path, longest)})"
    )
