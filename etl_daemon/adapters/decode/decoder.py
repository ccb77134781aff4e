"""The decoder: one object's bytes to slices of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from etl_daemon.adapters.decode import sniff
from etl_daemon.adapters.decode.csv_rows import CsvBlocks, cut_records
from etl_daemon.adapters.decode.dialect import detect
from etl_daemon.adapters.decode.documents import RecordsPath, compact
from etl_daemon.adapters.decode.key_symbol import with_symbol
from etl_daemon.adapters.decode.parquet import parquet_pieces
from etl_daemon.adapters.decode.pieces import Piece, regroup
from etl_daemon.adapters.decode.plan import require
from etl_daemon.adapters.decode.portions import ObjectPortions
from etl_daemon.adapters.decode.raw_lines import RawLines
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.sections import LineSections, judge
from etl_daemon.adapters.decode.sizes import Sizes
from etl_daemon.adapters.decode.sniff import Format
from etl_daemon.adapters.decode.splitter import Splitter
from etl_daemon.adapters.decode.streams import Block, cut_lines, expand
from etl_daemon.adapters.decode.table_lines import TableLines
from etl_daemon.adapters.decode.together import SmallObjects
from etl_daemon.adapters.decode.typed import typed
from etl_daemon.core.datasets import Dataset, Kind, Raw
from etl_daemon.core.model import ObjectRef, RawSlice
from etl_daemon.core.policy import ReadLimits
from etl_daemon.core.rules.columns import match_columns
from etl_daemon.core.tables.exact import TextForms
from etl_daemon.errors import DataError

Together = Mapping[ObjectRef, list[RawSlice]]
DEFAULT_LIMITS, DEFAULT_SIZES = ReadLimits(), Sizes()


class ObjectDecoder:
    """JSON, CSV and Parquet, plain or compressed, to rows. Safe for many threads; ``close`` it in the end.

    ``threads`` parse in parallel; without any, whoever takes the slices parses. ``timezone`` is that of timestamps that
    name none, where they are told from other text: in datasets of kind ``table``.
    """

    def __init__(
        self,
        limits: ReadLimits = DEFAULT_LIMITS,
        threads: int = 2,
        sizes: Sizes = DEFAULT_SIZES,
        *,
        timezone: str = "UTC",
    ) -> None:
        self._limits = limits
        self._timezone = timezone
        self._sizes = sizes
        self._workshop = Workshop(threads)
        self.portions = ObjectPortions(self._workshop, limits, sizes)

    def decode(self, ref: ObjectRef, body: memoryview, dataset: Dataset) -> Iterator[RawSlice]:
        """The object's rows in order, in slices; an object without rows has none.

        A fault of the object as a whole may show at its end only, after slices have been given out.

        Raises:
            DataError: ``unsupported_format``, ``undecodable``, ``too_large``, ``decompression_bomb``,
                ``nesting_too_deep``, ``missing_columns``, ``ambiguous_columns``, ``records_path_missing``,
                ``symbol_from_key``; for datasets of kind ``table`` also ``column_name``, ``too_many_columns``.
        """
        slices = regroup(ref, self._pieces(ref, body, dataset), self._sizes.slice_rows)
        return map(partial(with_symbol, dataset), slices)  # which holds none while the next is made

    def decode_together(self, bodies: Sequence[tuple[ObjectRef, memoryview]], dataset: Dataset) -> Together:
        """As the port says."""
        small = SmallObjects(dataset, self._workshop, self._limits.max_record_bytes)
        return {
            ref: [with_symbol(dataset, part) for part in regroup(ref, [piece], self._sizes.slice_rows)]
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
            return parquet_pieces(whole, dataset, self._limits, self._sizes.section_bytes)
        if dataset.kind is Kind.TABLE:
            forms = TextForms(self._timezone, dataset.timestamp_formats, dataset.thousands_separators)
            held_bytes = self._limits.typed_bytes
            return typed(lambda: self._text(ref, *self._begun(body, codec), dataset), dataset, forms, held_bytes)
        return self._text(ref, head, blocks, dataset)

    def _begun(self, body: memoryview, codec: str | None) -> tuple[bytes, Iterator[Block]]:
        return _head(expand(body, codec, self._limits, self._sizes.chunk_bytes, self._sizes.section_bytes))

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
        return self._records(blocks, dataset)

    def _records(self, blocks: Iterator[Block], dataset: Dataset) -> Iterator[Piece]:
        """The pieces of lines; ``records_path`` applies to each line."""
        path = RecordsPath(dataset.records_path, self._limits.max_nesting) if dataset.records_path else None
        if path:
            blocks = path.of_lines(cut_lines(blocks, self._limits.max_record_bytes))
        yield from self._of_lines(blocks, dataset)
        if path:
            path.check()

    def _of_lines(self, blocks: Iterable[Block], dataset: Dataset) -> Iterator[Piece]:
        longest = self._limits.max_record_bytes
        if dataset.raw:
            yield from RawLines(self._workshop, longest).pieces(cut_lines(blocks, longest))
            return
        if dataset.kind is Kind.TABLE:
            yield from self._of_any_lines(cut_lines(blocks, longest), dataset)
            return
        reader = LineSections(dataset, self._workshop, longest, self._sizes.section_bytes)
        yield from reader.pieces(blocks)
        judge(reader.traits, dataset)

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
            return map(compact, self._of_lines(path.of_document(text), dataset))
        return map(compact, self._of_lines([one_line], dataset))

    def _array(self, blocks: Iterator[Block], dataset: Dataset) -> Iterator[Piece]:
        splitter = Splitter(self._limits.max_nesting, members=True)
        members = splitter.lines(blocks)
        if dataset.records_path:
            yield from self._records(members, dataset)
            return
        rows = 0
        for piece in self._of_lines(members, dataset):
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
