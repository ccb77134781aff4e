"""The metadata of a Parquet file, looked through for what pyarrow must not be asked: it ends the process then.

Asked for a column that is encrypted with a key of its own, its C++ raises what nobody catches (pyarrow 26). Files say
so in the field ``crypto_metadata`` of a column chunk. The structure is in Thrift's compact protocol; see parquet.thrift
of https://github.com/apache/parquet-format and thrift-compact-protocol.md of https://github.com/apache/thrift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

ROW_GROUPS, COLUMNS, CRYPTO_METADATA = 4, 1, 8
"""Numbers of fields: of the file's metadata, of a row group, and of a column chunk."""
TAIL_BYTES = 8
"""The length of the metadata, and the mark of Parquet."""
BOOLEANS, LIST = (1, 2), 9
"""Types: true and false, and a list; those of integers, texts and so on are where they are skipped."""
MAX_DEPTH = 64
"""Arrow reads no structure that is nested deeper."""


def has_encrypted_columns(file: pa.NativeFile) -> bool:
    """Whether a column of any row group is encrypted with a key of its own.

    Raises:
        pyarrow.ArrowInvalid: the metadata are no such structure.
    """
    try:
        return any(_Compact(_metadata(file)).encrypted_chunks())
    except (IndexError, ValueError) as error:
        raise pa.ArrowInvalid("the structure of its metadata is broken") from error


def _metadata(file: pa.NativeFile) -> bytes:
    end = file.size() - TAIL_BYTES
    file.seek(end)
    length = int.from_bytes(file.read(4), "little")
    file.seek(end - length)
    return bytes(file.read(length))


class _Compact:
    """Goes through a structure, from its first byte on, and sees in it what Thrift's C++ does.

    A field of another type than it should be of is passed over, and numbers of fields have 16 bits.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = self._depth = 0
        self._ways: Mapping[int, Callable[[], object]] = {
            **dict.fromkeys(BOOLEANS, lambda: None),  # a field has its truth in its type
            3: lambda: self._pass(1),
            **dict.fromkeys((4, 5, 6), self._varint),
            7: lambda: self._pass(8),
            8: lambda: self._pass(self._varint()),
            **dict.fromkeys((LIST, 10), self._skip_list),
            11: self._skip_map,
            12: self._skip_structure,
            13: lambda: self._pass(16),
        }

    def encrypted_chunks(self) -> Iterator[bool]:
        """Of each column chunk, whether it is encrypted."""
        for _ in self._members(ROW_GROUPS):
            for _ in self._members(COLUMNS):
                yield CRYPTO_METADATA in [self._skipped(*field) for field in self._fields()]

    def _members(self, wanted: int) -> Iterator[int]:
        """The types of the elements of one field's list; all other fields are skipped."""
        for number, kind in self._fields():
            if number == wanted and kind == LIST:
                yield from self._elements()
            else:
                self._skip(kind)

    def _fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field; whoever asks goes past its value before the next."""
        number = 0
        while head := self._byte():
            step = head >> 4
            number = number + step if step else self._zigzag()
            yield number & 0xFFFF, head & 15

    def _elements(self) -> Iterator[int]:
        head = self._byte()
        size = head >> 4
        for _ in range(self._varint() if size == 15 else size):
            yield head & 15

    def _skipped(self, number: int, kind: int) -> int:
        self._skip(kind)
        return number

    def _skip(self, kind: int) -> None:
        way = self._ways.get(kind)
        if not way or self._depth > MAX_DEPTH:
            raise ValueError
        self._depth += 1
        way()
        self._depth -= 1

    def _skip_structure(self) -> None:
        for _, kind in self._fields():
            self._skip(kind)

    def _skip_list(self) -> None:
        for kind in self._elements():
            self._skip_element(kind)

    def _skip_map(self) -> None:
        size = self._varint()
        kinds = divmod(self._byte(), 16) if size else ()
        for _ in range(size):
            for kind in kinds:
                self._skip_element(kind)

    def _skip_element(self, kind: int) -> None:
        if kind in BOOLEANS:
            self._pass(1)
        else:
            self._skip(kind)

    def _pass(self, size: int) -> None:
        self._at += size

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while (part := self._byte()) & 128:
            value |= (part & 127) << shift
            shift += 7
            if shift > 63:
                raise ValueError
        return value | part << shift

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]
