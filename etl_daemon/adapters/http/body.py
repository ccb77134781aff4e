"""The body of a response, unpacked in steps, so that neither its length nor its compression takes memory."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import httpx

from etl_daemon.core.web.endpoint import MIB, Limits, shown_url
from etl_daemon.errors import SetupError, TransientError

STEP_BYTES = 2**18
GZIP = 31  # what zlib calls a window of 2^15 bytes in a gzip stream


def save(response: httpx.Response, limits: Limits, deadline: float, beat: Callable[[], None], into: Path) -> int:
    """Write the body to a file; how many bytes it has. ``deadline`` is in monotonic seconds.

    Raises:
        SetupError: it is too large, or packed in a way that nobody asked for.
        TransientError: it is cut short or too slow, or the disk is full.
    """
    where, packed = shown_url(str(response.url)), response.headers.get("Content-Encoding", "").strip().lower()
    if packed not in {"", "identity", "gzip", "x-gzip"}:
        raise SetupError(f"{where} answers by {packed[:40]}.", hint="have it answer plain, or by gzip")
    if "gzip" not in packed and int(response.headers.get("Content-Length") or 0) > limits.bytes:
        raise _too_large(where, limits)
    raw = response.iter_raw()  # as it comes: what drips must be noticed
    parts = unpacked(raw, where) if "gzip" in packed else raw
    try:
        with into.open("wb") as file:
            for part in _within(parts, where, limits, deadline):
                beat()
                file.write(part)
            return file.tell()
    except OSError as error:
        raise TransientError(f"Cannot write {into}: {error}.", hint="free space in ETL_STATE_DIR") from error


def _within(parts: Iterable[bytes], where: str, limits: Limits, deadline: float) -> Iterator[bytes]:
    """The parts, as long as they are not too many and not too late."""
    size = 0
    for part in parts:
        size += len(part)
        if size > limits.bytes:
            raise _too_large(where, limits)
        if time.monotonic() > deadline:
            hint = "raise timeout of the api, or ask for smaller pages"
            raise TransientError(f"{where} took more than {limits.seconds:g} s to answer.", hint=hint)
        yield part


def unpacked(parts: Iterable[bytes], where: str) -> Iterator[bytes]:
    """The bytes of a gzip stream, or of several, at most ``STEP_BYTES`` at a time."""
    stream = zlib.decompressobj(GZIP)
    try:
        for part in parts:
            left = part
            while left:
                stream = zlib.decompressobj(GZIP) if stream.eof else stream
                yield stream.decompress(left, STEP_BYTES)
                left = stream.unconsumed_tail or stream.unused_data
    except zlib.error as error:
        raise TransientError(f"{where} sent a broken gzip stream: {error}.") from error
    if not stream.eof:
        raise TransientError(f"{where} sent a gzip stream without its end.")


def _too_large(where: str, limits: Limits) -> SetupError:
    detail = f"{where} answers with more than {limits.bytes / MIB:g} MiB."
    return SetupError(detail, hint="raise max_mb of the api, or ask for smaller pages")
