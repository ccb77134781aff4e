"""CSV to pieces: blocks of whole records, parsed by Arrow; by hand only where a block is broken."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from etl_daemon.adapters.decode.dialect import Dialect
from etl_daemon.adapters.decode.parquet import records_text
from etl_daemon.adapters.decode.pieces import Piece, Positions
from etl_daemon.adapters.decode.streams import Block
from etl_daemon.core import arrow

csv.field_size_limit(sys.maxsize)  # how long a record may be is seen to before it comes here

MAX_RECORD_LINES = 1000
"""Lines that a quoted cell may span; beyond it the quote was never closed."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A block's rows: text columns c0, c1, ... (null where malformed), and the malformed lines' text by position."""

    table: pa.Table
    malformed: dict[int, str]


def cut_records(blocks: Iterable[Block], max_record_bytes: int) -> Iterator[bytes]:
    """The same bytes, each block ending at a line end outside quotes (at any line end where a quote never closes).

    Of a line much longer than ``max_record_bytes`` only the beginning is kept, so that memory stays bounded.
    """
    carry, too_long = b"", False
    for block in blocks:
        if too_long:
            end = bytes(block).find(b"\n")
            if end < 0:
                continue
            yield carry + b"\n"
            carry, too_long, block = b"", False, block[end + 1 :]  # noqa: PLW2901 - what is left of it
        text = carry + bytes(block)
        end = _last_record_end(text)
        if not end and len(text) > max_record_bytes:
            end = text.rfind(b"\n") + 1
            too_long = not end
        if end:
            yield text[:end]
        carry = text[end:]
    if carry:
        yield carry


def _last_record_end(text: bytes) -> int:
    if b'"' not in text:
        return text.rfind(b"\n") + 1
    data = np.frombuffer(text, np.uint8)
    line_ends = np.flatnonzero(data == 10)
    before = np.searchsorted(np.flatnonzero(data == 34), line_ends)
    outside = line_ends[before % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def parse(block: bytes, dialect: Dialect, wanted: Iterable[int] | None = None) -> Rows:
    """The rows of a block as text; an empty cell is null. ``wanted`` limits the columns to these positions."""
    if not block.strip(b"" if dialect.quoted_empty else None):
        return Rows(pa.table({}), {})
    columns = [f"c{index}" for index in (range(len(dialect.names)) if wanted is None else wanted)]
    by_hand = _salvage if dialect.quoted_empty else _recover
    if not _is_text(block):
        return by_hand(block, dialect, columns)
    refused: list[arrow_csv.InvalidRow] = []

    def refuse(row: arrow_csv.InvalidRow) -> str:
        refused.append(row)
        return "skip"

    try:
        table = _read(block, dialect, columns, refuse)
    except pa.ArrowInvalid:
        return by_hand(block, dialect, columns)
    if not dialect.quoted_empty and b'"' in block and _count_lines(block) != table.num_rows + len(refused):
        return _recover(block, dialect, columns)  # a cell goes over a line's end: by intent, or its quote never closed
    malformed: dict[int, str] = {}
    blank = 0
    for row in refused:
        if row.text.strip():
            malformed[row.number - 1 - blank] = row.text
        else:
            blank += 1
    return Rows(_with_gaps(table, malformed), malformed)


def _is_text(block: bytes) -> bool:
    """Whether it is UTF-8. Arrow sees that too, but complains on standard error of lines with too few cells."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(block: bytes, dialect: Dialect, columns: list[str], refuse: object) -> pa.Table:
    return arrow_csv.read_csv(
        pa.BufferReader(block),
        read_options=arrow_csv.ReadOptions(
            column_names=[f"c{index}" for index in range(len(dialect.names))],
            use_threads=False,
            block_size=len(block) + 1,
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=dialect.delimiter,
            newlines_in_values=b'"' in block,
            invalid_row_handler=refuse,
            ignore_empty_lines=not dialect.quoted_empty,  # a null in the only column
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=columns,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=not dialect.quoted_empty,
        ),
    )


def _count_lines(block: bytes) -> int:
    return block.count(b"\n") + (not block.endswith(b"\n"))


def _with_gaps(table: pa.Table, malformed: dict[int, str]) -> pa.Table:
    """The table with a row of nulls at each malformed position."""
    if not malformed:
        return table
    rows = table.num_rows + len(malformed)
    gaps = np.zeros(rows, np.bool_)
    gaps[list(malformed)] = True
    source = np.cumsum(~gaps) - 1
    return table.take(arrow.array(source, ~gaps))


def _recover(block: bytes, dialect: Dialect, columns: list[str]) -> Rows:
    """Row by row: what does not parse costs one line. For blocks with invalid UTF-8 or quotes that do not close."""
    lines = block.splitlines(keepends=True)
    rows: list[list[str] | None] = []
    malformed: dict[int, str] = {}
    at = 0
    while at < len(lines):
        used, fields = _record(lines, at, dialect)
        if fields is None and lines[at].strip():
            malformed[len(rows)] = lines[at].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        if fields is not None or lines[at].strip():
            rows.append(fields)
        at += used
    cells = {name: [row[int(name[1:])] or None if row else None for row in rows] for name in columns}
    return Rows(pa.table({name: pa.array(values, pa.string()) for name, values in cells.items()}), malformed)


def _salvage(block: bytes, dialect: Dialect, columns: list[str]) -> Rows:
    """Without the lines that do not parse; the others by Arrow, which tells a quoted empty cell from none."""
    lines = block.splitlines(keepends=True)
    whole: list[bytes] = []
    malformed: dict[int, str] = {}
    at = row = 0
    while at < len(lines):
        used, fields = _record(lines, at, dialect)
        if fields is None and lines[at].strip():
            malformed[row] = lines[at].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        else:
            whole += lines[at : at + used]
        at, row = at + used, row + 1
    table = _read(b"".join(whole), dialect, columns, lambda _: "error")
    return Rows(_with_gaps(table, malformed), malformed)


def _record(lines: list[bytes], at: int, dialect: Dialect) -> tuple[int, list[str] | None]:
    """The record that begins at a line, and how many lines it takes; no fields where the line is malformed."""
    text = (lines[index].decode("utf-8") for index in range(at, min(at + MAX_RECORD_LINES, len(lines))))
    reader = csv.reader(text, delimiter=dialect.delimiter, strict=True)
    try:
        fields = next(reader, [])
    except (UnicodeDecodeError, csv.Error):
        return 1, None
    return (reader.line_num, fields) if len(fields) == len(dialect.names) else (1, None)


class CsvBlocks:
    """Blocks of one CSV object to pieces."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        found = dialect.matching.found
        self._index = {name: dialect.names.index(sources[0]) for name, sources in found.items()}
        self._extra = tuple(name for name in dialect.matching.extra if name.strip())

    def piece(self, block: bytes) -> Piece:
        """The rows of a block; a repeated header line is malformed."""
        rows = parse(block, self._dialect, list(self._index.values()))
        columns = {name: rows.table[f"c{index}"] for name, index in self._index.items() if rows.table.num_columns}
        headers = np.zeros(0, np.int64) if self._dialect.quoted_empty else self._repeated_headers(columns)
        if len(headers):
            columns = {name: _nulled(column, headers) for name, column in columns.items()}
        malformed = np.union1d(np.fromiter(rows.malformed, np.int64), headers)
        raw = _Raw(block, self._dialect, rows.malformed).text
        return Piece(pa.table(columns), malformed, raw, self._extra, len(block))

    def _repeated_headers(self, columns: dict[str, pa.ChunkedArray]) -> Positions:
        rows: Positions | None = None
        for name, column in columns.items():
            title = self._dialect.names[self._index[name]].strip().lower()
            cells = column if rows is None else column.take(arrow.array(rows))
            same = pc.equal(pc.utf8_lower(pc.utf8_trim_whitespace(cells)), arrow.texts([title])[0])
            hits = np.flatnonzero(arrow.values(same, False))
            rows = hits if rows is None else rows[hits]
            if not len(rows):
                break
        return np.zeros(0, np.int64) if rows is None else rows


def _nulled(column: pa.ChunkedArray, rows: Positions) -> pa.ChunkedArray:
    mask = np.zeros(len(column), np.bool_)
    mask[rows] = True
    return pc.if_else(arrow.array(mask), arrow.null(pa.string()), column)


class _Raw:
    """The text of a block's rows, parsed again with all columns when it is first asked for."""

    def __init__(self, block: bytes, dialect: Dialect, malformed: dict[int, str]) -> None:
        self._block = block
        self._dialect = dialect
        self._malformed = malformed

    @cached_property
    def _table(self) -> pa.Table:
        return parse(self._block, self._dialect).table

    def text(self, positions: Positions) -> pa.StringArray:
        """Malformed lines as they are, other rows as JSON objects of text."""
        cells = self._table.take(arrow.array(positions)).rename_columns(_unique(self._dialect.names)).to_pylist()
        records = [{name: value or "" for name, value in record.items()} for record in cells]
        texts = records_text(records).to_pylist()
        return arrow.texts(self._malformed.get(int(at), text) for at, text in zip(positions, texts, strict=True))


def _unique(names: tuple[str, ...]) -> list[str]:
    """The names, those that come again with their number: ``x``, ``x.2``."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return unique
