"""How a CSV object is written: its delimiter, and its header."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.rules.columns import Matching, match_columns
from etl_daemon.errors import DataError

DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Dialect:
    """A delimiter, the header's names as written, and the position in the text after the header line.

    With ``quoted_empty`` a quoted empty cell is text, and only one without quotes is null.
    """

    delimiter: str
    names: tuple[str, ...]
    body_at: int
    matching: Matching
    quoted_empty: bool = False


def detect(head: bytes, dataset: Dataset) -> Dialect:
    """The dialect by the header line: the delimiter by which most columns match, then the one with most fields.

    Raises:
        DataError: ``ambiguous_columns``.
    """
    start = len(head) - len(head.lstrip(b"\r\n \t" if b"\t" not in head[:4096] else b"\r\n "))
    end = _record_end(head, start)
    line = head[start:end].decode("utf-8", "backslashreplace").rstrip("\r\n")
    delimiters = "," if dataset.extracted else DELIMITERS
    candidates = [(delimiter, _fields(line, delimiter)) for delimiter in delimiters]
    delimiter, names = max(candidates, key=lambda one: (_matches(one[1], dataset), len(one[1])))
    matching = match_columns(names, dataset)
    doubled = [name for found in matching.found.values() for name in found if names.count(name) > 1]
    if doubled:
        raise DataError("ambiguous_columns", f"Column {doubled[0]!r} comes more than once in the header.")
    return Dialect(delimiter, tuple(names), end, matching, dataset.extracted)


def _record_end(text: bytes, start: int) -> int:
    """After the first line end that is not within quotes."""
    at = start
    while (newline := text.find(b"\n", at)) >= 0:
        at = newline + 1
        if text.count(b'"', start, at) % 2 == 0:
            return at
    first = text.find(b"\n", start)  # a lone quote: the line ends where it ends
    return len(text) if first < 0 else first + 1


def _fields(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([*line.splitlines(keepends=True)], delimiter=delimiter), [])


def _matches(names: list[str], dataset: Dataset) -> int:
    try:
        return len(match_columns(names, dataset).found)
    except DataError:
        return 2 if len(names) > 1 else 0  # ambiguous: several columns matched
