"""What an object is, by its content; the key's suffix only where the content leaves it open."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise

from etl_daemon.errors import DataError

CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"} | {
    bytes([0x50 + low, 0x2A, 0x4D, 0x18]): "zstd"
    for low in range(16)  # skippable frames may come first
}
FOREIGN = {
    b"PK\x03\x04": "zip or xlsx",
    b"PK\x05\x06": "an empty zip",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"Obj\x01": "Avro",
    b"ARROW1": "Arrow IPC",
    b"\xff\xff\xff\xff": "an Arrow IPC stream",
    b"FEA1": "Feather",
    b"PARE": "encrypted Parquet",
    b"\xd0\xcf\x11\xe0": "xls",
    b"\x89HDF": "HDF5",
    b"SQLite format 3": "SQLite",
    b"%PDF": "PDF",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
_MAGICS = tuple(CODECS)
BOM = b"\xef\xbb\xbf"
JSON_SUFFIXES = (".json", ".ndjson", ".jsonl")
SAMPLE_LINES = 200
HEAD_BYTES = 2**16
"""Enough of an object to tell what it is."""


class Format(StrEnum):
    """How rows are laid out."""

    LINES = "ndjson"
    DOCUMENT = "json"
    CSV = "csv"
    PARQUET = "parquet"


def codec(head: bytes) -> str | None:
    """The compression that the first bytes tell, by Arrow's name for it."""
    if not head.startswith(_MAGICS):
        return None
    return next(name for magic, name in CODECS.items() if head.startswith(magic))


def refuse_foreign(head: bytes) -> None:
    """Refuse what is not read here, by its first bytes (512 tell a tar).

    Raises:
        DataError: ``unsupported_format``.
    """
    name = next((name for magic, name in FOREIGN.items() if head.startswith(magic)), None)
    if head[257:262] == b"ustar":
        name = "tar"
    if codec(head):
        name = "compressed more than once"
    if name is None and b"\0" in head[:512].rstrip(b"\0") and not head.lstrip().startswith((b"{", b"[")):
        name = "ORC" if head.startswith(b"ORC") else "binary"
    if name:
        raise DataError(
            "unsupported_format",
            f"The object is not JSON, CSV or Parquet: its content is {name}.",
            hint="deliver JSON, CSV or Parquet in UTF-8, plain or as .gz, .zst, .bz2",
        )


def text_format(head: bytes, key: str, *, whole: bool) -> Format:
    """JSON lines, a JSON document or CSV. ``head`` is the beginning of the text, ``whole`` whether it is all of it."""
    text = head.lstrip()
    first, _, more = text.partition(b"\n")
    if is_json(first):
        return Format.LINES if more.strip() or not whole else Format.DOCUMENT
    sample = b"\n".join(head.split(b"\n", SAMPLE_LINES + 1)[: SAMPLE_LINES + 1])
    lines = [line for line in sample.splitlines()[: SAMPLE_LINES + 1] if line.strip()]
    if not whole and len(lines) > 1:
        lines = lines[:-1]  # it may be cut
    if text.startswith((b"{", b"[")):
        return Format.LINES if _are_lines(lines, whole=whole) else Format.DOCUMENT
    stem = key.lower()
    for suffix in (".gz", ".zst", ".bz2"):
        stem = stem.removesuffix(suffix)
    objects = [line for line in lines if line.lstrip().startswith(b"{")]
    mostly_objects = len(objects) * 2 > len(lines) and any(map(is_json, objects))
    json_like = stem.endswith(JSON_SUFFIXES) and (not any(mark in lines[0] for mark in b",;\t|") or _parses(lines[0]))
    return Format.LINES if mostly_objects or json_like else Format.CSV


def _are_lines(lines: list[bytes], *, whole: bool) -> bool:
    """A document cannot go on after its first line if that is complete, nor hold two complete lines side by side."""
    if is_json(lines[0]):
        return len(lines) > 1 or not whole
    return lines[0].lstrip().startswith(b"{") and any(is_json(one) and is_json(other) for one, other in pairwise(lines))


def is_json(line: bytes) -> bool:
    """Whether the line alone is a JSON array or object; too deep counts as no."""
    return line.lstrip().startswith((b"{", b"[")) and _parses(line)


def _parses(line: bytes) -> bool:
    try:
        json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


def all_objects(lines: Iterable[bytes]) -> bool:
    """Whether several lines all begin as objects and one at least is complete: JSON lines, some of them broken."""
    lines = [line for line in lines if line.strip()]
    return len(lines) > 1 and all(line.lstrip().startswith(b"{") for line in lines) and any(map(is_json, lines))
