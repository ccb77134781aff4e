"""Large objects by several GETs at a time: a store gives each connection only so many bytes per second."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from etl_daemon.adapters.retry import Retries
from etl_daemon.adapters.s3.body import Span, pieces
from etl_daemon.adapters.s3.clients import Clients
from etl_daemon.adapters.s3.failures import translated
from etl_daemon.adapters.spool import Write, spool_parts
from etl_daemon.core.budget import SPOOLED_FROM_BYTES
from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import TransientError

PART_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Large:
    """Objects ``from_bytes`` on come in parts of ``part_bytes``, ``at_once`` of all objects together.

    They lie in files in ``directory`` (None: the system's for temporary files), which nobody else can see.
    """

    directory: Path | None = None
    from_bytes: int = SPOOLED_FROM_BYTES
    part_bytes: int = PART_BYTES
    at_once: int = 8


class Parts:
    """Parts go where they belong in the file of their object. One that fails is asked for again, the others stay."""

    def __init__(self, clients: Clients, retries: Retries, large: Large) -> None:
        self._clients = clients
        self._retries = retries
        self._large = large
        self._pool = ThreadPoolExecutor(large.at_once, "part")

    def fetch(self, ref: ObjectRef, span: Span) -> memoryview:
        """The body from the one place up to the other, mapped from a file that lives as long as the view.

        Raises:
            NotAPartError: the store does not give parts.
            EtlError: as ``S3Source.fetch``, for the first part that cannot be had.
        """
        return spool_parts(span[1] - span[0], partial(self._fill, ref, span), self._large.directory)

    def close(self) -> None:
        """Begin no further part."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fill(self, ref: ObjectRef, whole: Span, write: Write) -> None:
        size, (first, end) = self._large.part_bytes, whole
        spans = [(begin, min(begin + size, end)) for begin in range(first, end, size)]

        def here(at: int, some: bytes | memoryview) -> None:
            write(at - first, some)  # where it belongs in the file

        parts = [self._pool.submit(copy_context().run, self._part, ref, span, here) for span in spans]
        try:
            for part in as_completed(parts):
                part.result()
        finally:
            for part in parts:
                part.cancel()
            wait(parts)  # nobody may write to a file that is closed

    def _part(self, ref: ObjectRef, span: Span, write: Write) -> None:
        self._retries.call(lambda: self._attempt(ref, span, write))

    def _attempt(self, ref: ObjectRef, span: Span, write: Write) -> None:
        reached, end = span
        with translated(f"Reading s3://{ref.bucket}/{ref.key}"):
            for piece in pieces(self._clients, ref, span):
                if reached + len(piece) <= end:  # or it would lie where the next part belongs
                    write(reached, piece)
                reached += len(piece)
        if reached != end:
            what = f"{reached - span[0]} of {end - span[0]} bytes from {span[0]} on"
            raise TransientError(f"Reading s3://{ref.bucket}/{ref.key}: {what} arrived.")
