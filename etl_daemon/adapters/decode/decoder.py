"""The decoder: one object's bytes to slices of rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa

from etl_daemon.adapters.decode import sniff
from etl_daemon.adapters.decode.csv_rows import CsvBlocks, cut_records
from etl_daemon.adapters.decode.dialect import detect
from etl_daemon.adapters.decode.documents import RecordsPath, compact
from etl_daemon.adapters.decode.ndjson import JsonLines
from etl_daemon.adapters.decode.parquet import parquet_pieces
from etl_daemon.adapters.decode.pieces import Piece, regroup
from etl_daemon.adapters.decode.plan import Keys, require
from etl_daemon.adapters.decode.raw_lines import RawLines
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.sniff import Format
from etl_daemon.adapters.decode.splitter import Splitter
from etl_daemon.adapters.decode.streams import CHUNK_BYTES, Block, cut_lines, expand
from etl_daemon.adapters.decode.table_lines import TableLines
from etl_daemon.adapters.decode.together import SmallObjects
from etl_daemon.adapters.decode.typed import typed
from etl_daemon.core import arrow
from etl_daemon.core.datasets import Dataset, Kind, Raw
from etl_daemon.core.model import SLICE_ROWS, ObjectRef, RawSlice
from etl_daemon.core.policy import ReadLimits
from etl_daemon.core.rules.columns import match_columns
from etl_daemon.core.tables.exact import TextForms
from etl_daemon.core.tables.naming import SYMBOL
from etl_daemon.errors import DataError

Together = Mapping[ObjectRef, list[RawSlice]]
DEFAULT_LIMITS = ReadLimits()


class ObjectDecoder:
    """JSON, CSV and Parquet, plain or compressed, to rows. Safe for many threads; ``close`` it in the end.

    ``threads`` parse in parallel; without any, whoever takes the slices parses. ``slice_rows`` and ``chunk_bytes``
    (decompressed bytes parsed at a time) change nothing but how much memory is in use. ``timezone`` is that of
    timestamps that name none, where they are told from other text: in datasets of kind ``table``.
    """

    def __init__(
        self,
        limits: ReadLimits = DEFAULT_LIMITS,
        threads: int = 2,
        *,
        slice_rows: int = SLICE_ROWS,
        chunk_bytes: int = CHUNK_BYTES,
        timezone: str = "UTC",
    ) -> None:
        self._limits = limits
        self._timezone = timezone
        self._slice_rows = slice_rows
        self._chunk_bytes = chunk_bytes
        self._workshop = Workshop(threads)

    def decode(self, ref: ObjectRef, body: memoryview, dataset: Dataset) -> Iterator[RawSlice]:
        """The object's rows in order, in slices; an object without rows has none.

        A fault of the object as a whole may show at its end only, after slices have been given out.

        Raises:
            DataError: ``unsupported_format``, ``undecodable``, ``too_large``, ``decompression_bomb``,
                ``nesting_too_deep``, ``missing_columns``, ``ambiguous_columns``, ``records_path_missing``,
                ``symbol_from_key``; for datasets of kind ``table`` also ``column_name``, ``too_many_columns``.
        """
        slices = regroup(ref, self._pieces(ref, body, dataset), self._slice_rows)
        return map(partial(_with_symbol, dataset), slices)  # which holds none while the next is made

    def decode_together(self, bodies: Sequence[tuple[ObjectRef, memoryview]], dataset: Dataset) -> Together:
        """As the port says."""
        small = SmallObjects(dataset, self._workshop, self._limits.max_record_bytes)
        return {
            ref: [_with_symbol(dataset, part) for part in regroup(ref, [piece], self._slice_rows)]
            for ref, piece in small.pieces(bodies).items()
        }

    def close(self) -> None:
        """Let go of threads, connections and files."""
        self._workshop.close()

    def _pieces(self, ref: ObjectRef, body: memoryview, dataset: Dataset) -> Iterator[Piece]:
        codec = sniff.codec(bytes(body[:4]))
        head, blocks = self._begun(body, codec)
        if head.startswith(b"PAR1"):
            if dataset.raw:
                raise DataError("unsupported_format", "A raw table takes JSON, and the object is Parquet.")
            whole = body if codec is None else b"".join(blocks)
            return parquet_pieces(whole, dataset, self._limits)
        if dataset.kind is Kind.TABLE:
            forms = TextForms(self._timezone, dataset.timestamp_formats, dataset.thousands_separators)
            held_bytes = self._limits.typed_bytes
            return typed(lambda: self._text(ref, *self._begun(body, codec), dataset), dataset, forms, held_bytes)
        return self._text(ref, head, blocks, dataset)

    def _begun(self, body: memoryview, codec: str | None) -> tuple[bytes, Iterator[Block]]:
        return _head(expand(body, codec, self._limits, self._chunk_bytes))

    def _text(self, ref: ObjectRef, head: bytes, blocks: Iterator[Block], dataset: Dataset) -> Iterator[Piece]:
        sniff.refuse_foreign(head)
        if head.startswith(sniff.BOM):
            head, blocks = head[len(sniff.BOM) :], _without(blocks, len(sniff.BOM))
        if not head.strip():
            return self._nothing(blocks)
        format_ = sniff.text_format(head[: sniff.HEAD_BYTES], ref.key, whole=len(head) <= sniff.HEAD_BYTES)
        if dataset.raw and format_ is Format.CSV:
            format_ = Format.LINES  # a JSON text without brackets, or no JSON at all
        read: dict[Format, Callable[[Iterator[Block], bytes, Dataset], Iterator[Piece]]] = {
            Format.LINES: self._lines,
            Format.DOCUMENT: self._document,
            Format.CSV: self._csv,
        }
        return read[format_](blocks, head, dataset)

    def _nothing(self, blocks: Iterable[Block]) -> Iterator[Piece]:
        for _ in blocks:  # a broken stream shows at its end
            pass
        return iter(())

    def _lines(self, blocks: Iterator[Block], head: bytes, dataset: Dataset) -> Iterator[Piece]:
        chunks: Iterator[Block] = cut_lines(blocks, self._limits.max_record_bytes)
        return self._records(chunks, dataset)

    def _records(self, chunks: Iterator[Block], dataset: Dataset) -> Iterator[Piece]:
        """The pieces of chunks of lines; ``records_path`` applies to each line."""
        path = RecordsPath(dataset.records_path, self._limits.max_nesting) if dataset.records_path else None
        if path:
            chunks = path.of_lines(chunks)
        yield from self._of_lines(chunks, dataset)
        if path:
            path.check()

    def _of_lines(self, chunks: Iterable[Block], dataset: Dataset) -> Iterator[Piece]:
        if dataset.raw:
            yield from RawLines(self._workshop, self._limits.max_record_bytes).pieces(chunks)
            return
        if dataset.kind is Kind.TABLE:
            yield from self._of_any_lines(chunks, dataset)
            return
        reader = JsonLines(Keys(dataset), self._workshop, self._limits.max_record_bytes)
        yield from reader.pieces(chunks)
        if reader.keys.has_records:
            keys = reader.keys
            require(
                keys.matching,
                [*(name for names in keys.matching.found.values() for name in names), *keys.extra],
                nested=True,
            )

    def _of_any_lines(self, chunks: Iterable[Block], dataset: Dataset) -> Iterator[Piece]:
        reader = TableLines(dataset, self._workshop, self._limits.max_record_bytes)
        yield from reader.pieces(chunks)
        if reader.has_records:
            require(match_columns(reader.names, dataset), reader.names, nested=True)

    def _document(self, blocks: Iterator[Block], head: bytes, dataset: Dataset) -> Iterator[Piece]:
        if head.lstrip().startswith(b"[") and dataset.raw is not Raw.DOCUMENT:
            return map(compact, self._array(blocks, dataset))
        text = b"".join(blocks)
        lines = Splitter(self._limits.max_nesting, members=False)
        try:
            one_line = b"".join(lines.lines([text]))
        except DataError as error:
            if error.reason == "undecodable" and sniff.all_objects(text.splitlines()):
                return self._lines(iter([text]), head, dataset)
            raise
        if dataset.records_path:
            path = RecordsPath(dataset.records_path, self._limits.max_nesting)
            return map(
                compact, self._of_lines(cut_lines(path.of_document(text), self._limits.max_record_bytes), dataset)
            )
        return map(compact, self._of_lines([one_line], dataset))

    def _array(self, blocks: Iterator[Block], dataset: Dataset) -> Iterator[Piece]:
        splitter = Splitter(self._limits.max_nesting, members=True)
        chunks = cut_lines(splitter.lines(blocks), self._limits.max_record_bytes)
        if dataset.records_path:
            yield from self._records(chunks, dataset)
            return
        rows = 0
        for piece in self._of_lines(chunks, dataset):
            rows += piece.table.num_rows
            yield piece
        if rows != splitter.expected:
            raise DataError("undecodable", "A member of the JSON array is missing between its commas.")

    def _csv(self, blocks: Iterator[Block], head: bytes, dataset: Dataset) -> Iterator[Piece]:
        old_line_ends = b"\n" not in head and b"\r" in head
        if old_line_ends:
            head, blocks = head.replace(b"\r", b"\n"), (bytes(block).replace(b"\r", b"\n") for block in blocks)
        dialect = detect(head, dataset)
        if not dialect.matching.found:
            require(dialect.matching, dialect.names)
        reader = CsvBlocks(dialect)
        records = cut_records(_without(blocks, dialect.body_at), self._limits.max_record_bytes)
        for piece in self._workshop.in_order(reader.piece, records):
            if piece.table.num_rows:
                require(dialect.matching, dialect.names)
            yield piece


def _head(blocks: Iterator[Block]) -> tuple[bytes, Iterator[Block]]:
    """The first ``sniff.HEAD_BYTES`` or more, one at least not blank (if there are so many), and all blocks again."""
    taken: list[Block] = []
    head = b""
    for block in blocks:
        taken.append(block)
        head += bytes(block[: sniff.HEAD_BYTES + 1])
        if len(head) > sniff.HEAD_BYTES and head.strip():
            break
        head = head if head.strip() else b""
    return head, chain(taken, blocks)


def _without(blocks: Iterable[Block], count: int) -> Iterator[Block]:
    """The blocks less their first ``count`` bytes."""
    for block in blocks:
        yield block[min(count, len(block)) :]
        count -= min(count, len(block))


def _with_symbol(dataset: Dataset, part: RawSlice) -> RawSlice:
    """The slice with the symbol that its key tells, where the object has none."""
    name = SYMBOL if dataset.kind is Kind.TABLE else "symbol"
    if not dataset.symbol_from_key or name in part.table.column_names:
        return part
    match = re.search(dataset.symbol_from_key, part.ref.key)
    if match is None:
        raise DataError(
            "symbol_from_key",
            f"The key {part.ref.key!r} does not match {dataset.symbol_from_key!r}.",
            hint="correct symbol_from_key in ETL_DATASETS_FILE",
        )
    symbol = match["symbol"] if "symbol" in match.re.groupindex else match[1 if match.re.groups else 0]
    valid = np.ones(part.table.num_rows, np.bool_)
    valid[part.malformed] = False
    column = pa.DictionaryArray.from_arrays(arrow.array(np.zeros(len(valid), np.int8), valid), arrow.texts([symbol]))
    return replace(part, table=part.table.append_column(name, column))
