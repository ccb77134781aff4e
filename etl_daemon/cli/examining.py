"""The rules on local files: what they would make of them, if they were objects."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

from etl_daemon.cli.finding import Finding
from etl_daemon.cli.rejects import Rejects
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import BatchPlan, CleanSlice, ObjectRef
from etl_daemon.core.rules.clean import tally_all
from etl_daemon.errors import DataError
from etl_daemon.pipeline import Intake, read, transform


class Files:
    """Local files as a source, by the keys that they have or are to have."""

    list_requests = 0

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self.refs = [_ref(key, path) for key, path in paths.items()]

    def list(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """The files in the order given."""
        return iter(self.refs)

    def fetch(self, ref: ObjectRef) -> memoryview:
        """The file's bytes, mapped."""
        try:
            with self._paths[ref.key].open("rb") as file:
                empty = os.fstat(file.fileno()).st_size == 0
                return memoryview(b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise DataError("unreadable", error.strerror or str(error)) from error

    def part(self, ref: ObjectRef, begin: int, end: int) -> memoryview:
        """As the port says."""
        return self.fetch(ref)[begin:end]

    def peek(self, ref: ObjectRef) -> None:
        """As the port says."""
        self.fetch(ref)

    def close(self) -> None:
        """Nothing stays open."""


Heard = Callable[[int, int], None]
"""Hears of the bytes of files that are done, and of all rows so far."""


def examine(
    intake: Intake, dataset: Dataset, rejects: Rejects | None = None, heard: Heard = lambda *_: None
) -> list[Finding]:
    """The corridor up to the rules; the time of a file runs until its last row is judged."""
    refs = tuple(intake.source.list("", ""))
    before = dict(zip((ref.key for ref in refs), accumulate((ref.size for ref in refs), initial=0), strict=False))
    rows = 0
    findings = {ref.key: Finding(ref.key) for ref in refs}
    started = time.perf_counter()
    for part in transform(read(BatchPlan(dataset, refs), intake), intake, tally_all).results:
        finding = findings[part.ref.key]
        if isinstance(part, CleanSlice):
            finding.add(part)
            rows += part.counts.read
            if rejects:
                rejects.write(part)
        else:
            finding.refused, finding.detail = getattr(part, "reason", "unreadable"), part.detail
        heard(before[part.ref.key], rows)
        finding.seconds += time.perf_counter() - started
        started = time.perf_counter()
    heard(sum(ref.size for ref in refs), rows)
    return list(findings.values())


def _ref(key: str, path: Path) -> ObjectRef:
    try:
        facts = path.stat()
    except OSError:
        return ObjectRef(datetime.now(UTC), key, "")
    modified = datetime.fromtimestamp(facts.st_mtime, UTC)
    return ObjectRef(modified, key, f"{facts.st_size}-{facts.st_mtime_ns}", size=facts.st_size)
