"""Walking a folder as if it were a bucket: the same keys, the same order, the same meaning of a prefix."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

UNFINISHED = (".tmp", ".part", ".crdownload")
"""Endings of files that are still being written, by convention of those who write them."""

_ESCAPED_BYTE = re.compile(rb"\\x([89a-f][0-9a-f])")


@dataclass(frozen=True, slots=True)
class Span:
    """The keys that are wanted: those with this beginning, beyond that one."""

    prefix: str
    start_after: str

    def holds(self, key: str) -> bool:
        """Whether the key is wanted."""
        return key.startswith(self.prefix) and key > self.start_after

    def touches(self, folder: str) -> bool:
        """Whether a key under ``folder``, which ends with a slash or is empty, may be wanted."""
        beyond = folder > self.start_after or self.start_after.startswith(folder)
        return beyond and (folder.startswith(self.prefix) or self.prefix.startswith(folder))


@dataclass(frozen=True, slots=True)
class _Folder:
    key: str
    path: str
    above: frozenset[str]


def walk(root: str, span: Span) -> Iterator[tuple[str, str]]:
    r"""(key, path) of the regular files under ``root`` (a real path), in key order; only the folders needed are read.

    Left out: names that begin with a dot or end as ``UNFINISHED``, symlinks that lead out of the root or in a circle.
    A file whose name is no UTF-8 has the stray bytes in its key as ``\xff``. A folder that vanishes while we walk is
    empty.
    """
    return _walk(root, span, _Folder("", root, frozenset()))


def path_of(root: str, key: str) -> str | None:
    """The real path of the file with this key; None if there is none, or it leads out of the root."""
    stray = _ESCAPED_BYTE.sub(lambda found: bytes.fromhex(found[1].decode()), os.fsencode(key))
    for name in (key, os.fsdecode(stray)):
        path = os.path.realpath(f"{root}/{name}")
        if Path(path).is_file() and within(root, path):
            return path
    return None


def within(root: str, path: str) -> bool:
    """Whether the real path lies under the root, which is a real path too."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def holds(root: str, descriptor: int) -> bool:
    """Whether the open file lies under the root, whatever its path led to when it was looked at."""
    return within(root, str(Path(f"/proc/self/fd/{descriptor}").readlink()))


def _walk(root: str, span: Span, folder: _Folder) -> Iterator[tuple[str, str]]:
    here = os.path.realpath(folder.path)
    if here in folder.above:
        return
    for key, entry in _entries(root, folder):
        if not key.endswith("/"):
            if span.holds(key):
                yield key, entry.path
        elif span.touches(key):
            yield from _walk(root, span, _Folder(key, entry.path, folder.above | {here}))


def _entries(root: str, folder: _Folder) -> list[tuple[str, os.DirEntry[str]]]:
    """The wanted entries by key; folders end with a slash, which puts them where their contents sort."""
    try:
        with os.scandir(folder.path) as entries:
            named = [(folder.key + _key_name(entry), entry) for entry in entries if _is_wanted(root, entry)]
    except FileNotFoundError:
        return []
    return sorted(named, key=lambda item: item[0])


def _key_name(entry: os.DirEntry[str]) -> str:
    # A ledger holds text only, so a byte that is no text is written out.
    name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
    return f"{name}/" if entry.is_dir() else name


def _is_wanted(root: str, entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name.endswith(UNFINISHED) or not (entry.is_dir() or entry.is_file()):
        return False
    return not entry.is_symlink() or within(root, os.path.realpath(entry.path))
