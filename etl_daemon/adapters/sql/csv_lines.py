"""Rows of text to CSV lines in which a null differs from an empty text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from etl_daemon.adapters.sql.relation import Pulse

CHUNK_ROWS = 10_000

_OPTIONS = arrow_csv.WriteOptions(include_header=False, quoting_style="all_valid")


def append(file: Path, width: int, chunks: Iterable[Sequence[Sequence[str | None]]], pulse: Pulse) -> int:
    """Write rows behind what the file holds; how many. All values are quoted, nulls are not."""
    schema = pa.schema([(f"c{at}", pa.string()) for at in range(width)])
    rows = 0
    with file.open("ab") as out, arrow_csv.CSVWriter(out, schema, write_options=_OPTIONS) as writer:
        for chunk in chunks:
            cells = list(zip(*chunk, strict=True))
            writer.write_table(pa.table([pa.array(column, pa.string()) for column in cells], schema))
            rows += len(chunk)
            pulse()
    return rows
