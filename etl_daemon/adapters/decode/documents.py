"""JSON documents and nested JSON to lines of records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl_daemon.adapters.decode.pieces import Piece
from etl_daemon.adapters.decode.splitter import Splitter, without_blanks
from etl_daemon.adapters.decode.streams import Block
from etl_daemon.errors import DataError

DECODER = json.JSONDecoder()
MEMBER = r'^\s*("(?:[^"\\]|\\.)*")\s*:\s*\{'
BLANKS = re.compile(r"\s*")


class RecordsPath:
    r"""The way to the records in nested JSON: keys separated by dots, ``\.`` for a dot within a key."""

    def __init__(self, path: str, max_nesting: int) -> None:
        self._path = path
        self._keys = [key.replace("\\.", ".") for key in re.split(r"(?<!\\)\.", path)]
        self._max_nesting = max_nesting
        self.found = False

    def of_document(self, text: bytes) -> Iterator[bytes]:
        """The records of one document as lines.

        Raises:
            DataError: ``undecodable``, ``nesting_too_deep``, ``records_path_missing``.
        """
        one_line = b"".join(Splitter(self._max_nesting, members=False).lines([text]))
        records = self._of_line(one_line)
        self.check()
        yield from records

    def of_lines(self, chunks: Iterable[Block]) -> Iterator[bytes]:
        """The records of each line; a line that is no JSON or has none stays as it is."""
        for chunk in chunks:
            lines = bytes(chunk).splitlines(keepends=True)
            yield b"".join(part for line in lines for part in self._line_or_records(line))

    def check(self) -> None:
        """Refuse an object of which nothing had the path.

        Raises:
            DataError: ``records_path_missing``.
        """
        if not self.found:
            raise DataError(
                "records_path_missing", f"Nothing lies at records_path {self._path!r}.", hint="correct records_path"
            )

    def _line_or_records(self, line: bytes) -> list[bytes]:
        if not line.strip():
            return []
        found, self.found = self.found, False
        try:
            records = self._of_line(b"".join(Splitter(self._max_nesting, members=False).lines([line])))
        except DataError:
            records, self.found = [], False
        lost = not self.found
        self.found |= found
        return [line.rstrip(b"\r\n") + b"\n"] if lost else records

    def _of_line(self, text: bytes) -> list[bytes]:
        decoded = text.decode("utf-8", "surrogateescape")
        try:
            json.loads(decoded)
            spot = _locate(decoded, self._keys)
            if spot is None:
                return []
            value, end = DECODER.raw_decode(decoded, spot)
        except ValueError as error:
            raise DataError("undecodable", f"The JSON document is broken: {error}.", hint="upload it again") from error
        except RecursionError as error:
            raise DataError("nesting_too_deep", "The JSON document is nested too deep.") from error
        self.found = value is None or isinstance(value, list | dict)
        return _records(value, decoded[spot:end].encode("utf-8", "surrogateescape"), self._max_nesting)


def _locate(text: str, keys: list[str]) -> int | None:
    """Where the value at the end of the keys begins; the text is valid JSON."""
    at: int | None = _after_blanks(text, 0)
    for key in keys:
        at = _member(text, at, key) if at is not None and text[at] == "{" else None
    return at


def _member(text: str, at: int, wanted: str) -> int | None:
    at = _after_blanks(text, at + 1)
    while text[at] == '"':
        key, at = DECODER.raw_decode(text, at)
        at = _after_blanks(text, _after_blanks(text, at) + 1)
        if key == wanted:
            return at
        _, at = DECODER.raw_decode(text, at)
        at = _after_blanks(text, at)
        at = _after_blanks(text, at + 1) if text[at] == "," else at
    return None


def _after_blanks(text: str, at: int) -> int:
    found = BLANKS.match(text, at)
    return found.end() if found else at


def _records(value: Any, text: bytes, max_nesting: int) -> list[bytes]:
    if isinstance(value, list):
        return [*Splitter(max_nesting, members=True).lines([text])]
    if isinstance(value, dict) and value and all(isinstance(member, dict) for member in value.values()):
        return [_keyed(b"".join(Splitter(max_nesting, members=True).lines([text])))]
    return [text, b"\n"] if isinstance(value, dict) else []


def _keyed(members: bytes) -> bytes:
    """Lines of ``"key": {...}`` as records that carry their key."""
    lines = pa.array([line for line in members.split(b"\n") if line.strip()], pa.binary())
    lines = pc.replace_substring_regex(lines, MEMBER, r'{"_key":\1,')
    lines = pc.replace_substring_regex(lines, r",\s*\}\s*$", "}")
    return b"".join(line + b"\n" for line in lines.to_pylist())


def compact(piece: Piece) -> Piece:
    """The same rows; white space between tokens is left out of their raw text."""

    def raw(positions: Any) -> pa.StringArray:
        texts = piece.raw(positions).to_pylist()
        return pa.array([without_blanks(text.encode()) for text in texts], pa.string())

    return replace(piece, raw=raw)
