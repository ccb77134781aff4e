"""One dataset's extraction: plan, write down what is to be put, put it, move the cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.upstream import extraction
from etl_daemon.core.upstream.extraction import Intent, Mark, Origin, Part, Span
from etl_daemon.errors import SetupError
from etl_daemon.extraction.bucket import Bucket, Put
from etl_daemon.extraction.journal import Form, Journal
from etl_daemon.extraction.needs import Snapshot
from etl_daemon.extraction.spool import Spooled, reading, spooled, workplace

MARKS = Form(extraction.to_text, extraction.from_text, Mark())
"""How marks are kept in journals."""

READERS = 4
"""Parts that are read at the same time."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What came of it. ``objects`` is empty where nothing was new."""

    objects: tuple[Put, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Extractor:
    """Extracts one dataset; ``open`` gives a snapshot of its rows.

    ``parquet`` makes a Parquet file of a CSV file, given the types of its columns.
    """

    dataset: Dataset
    origin: Origin
    journal: Journal[Mark]
    bucket: Bucket
    open: Callable[[], Snapshot]
    parquet: Callable[[Path, Mapping[str, str], Path], None]

    def extract(self, *, anew: bool = False) -> Extraction:
        """Put what is new; ``anew`` takes all rows, whatever was taken before.

        Where an extraction was cut short, that one is finished: the same rows under the same keys.

        Raises:
            EtlError: source or bucket did not answer, another process is at it, or the process is to end.
        """
        mark = self.journal.read()
        self._check(mark, anew=anew)
        with workplace(self.bucket.spool) as folder, closing(self.open()) as snapshot:
            finished = self._parts(snapshot, mark, folder) if mark.intent else Extraction((), mark)
            if mark.intent and not anew:
                return finished
            made = self._begin(snapshot, finished.mark, folder, anew=anew)
            return Extraction((*finished.objects, *made.objects), made.mark)

    def _check(self, mark: Mark, *, anew: bool) -> None:
        """Where rows are only added, none may be taken twice."""
        again = anew or (mark.column and mark.column != self.origin.column)
        if self.dataset.mode is Mode.APPEND and again and mark.cursor is not None:
            hint = f"empty the table and set another job_type, or use UPSERT, to take {self.dataset.name} anew"
            raise SetupError(f"{self.dataset.name}: APPEND would add all rows a second time.", hint=hint)

    def _begin(self, snapshot: Snapshot, mark: Mark, folder: Path, *, anew: bool) -> Extraction:
        span = self._span(snapshot, mark, anew=anew)
        if span is None:
            return Extraction((), mark)
        types = extraction.target_types(snapshot.columns, self.dataset)
        cuts = self._cuts(snapshot) if span.after is None else [Part("")]
        at = self.bucket.now()
        if self.dataset.mode.replaces or len(cuts) == 1:
            part = Part(extraction.key_of(self.origin, at))
            mark = mark.begun(Intent(span, (part,)), types, self.origin.column)
            return self._one(snapshot, mark, cuts, folder, anew=anew)
        parts = tuple(
            replace(cut, key=extraction.key_of(self.origin, at, number + 1)) for number, cut in enumerate(cuts)
        )
        mark = mark.begun(Intent(span, parts), types, self.origin.column)
        self.journal.write(mark)
        return self._parts(snapshot, mark, folder)

    def _span(self, snapshot: Snapshot, mark: Mark, *, anew: bool) -> Span | None:
        """What to take; None: nothing is new."""
        if extraction.whole(self.dataset, self.origin):
            return Span()
        known = mark.cursor if mark.column == self.origin.column and not anew else None
        after = None if known is None else snapshot.back(known)
        upto = snapshot.greatest(after)
        return None if upto is None else Span(after, upto)

    def _cuts(self, snapshot: Snapshot) -> list[Part]:
        """The parts of a read of all rows; one where the mode needs one moment, and only one connection has that."""
        alone = self.origin.partitions == 1 or (self.dataset.mode.replaces and not snapshot.shared)
        bounds = None if alone else snapshot.bounds()
        if bounds is None:
            return [Part("")]
        return [Part("", low, high) for low, high in extraction.cuts(*bounds, self.origin.partitions)]

    def _one(self, snapshot: Snapshot, mark: Mark, cuts: list[Part], folder: Path, *, anew: bool) -> Extraction:
        """One object, made before anything is written down: if it holds nothing new, nothing is."""
        intent = mark.intent or Intent(Span(), ())
        with reading(snapshot, min(READERS, len(cuts))) as readers, spooled(readers, intent.span, cuts, folder) as made:
            digest = made.digest
            if not anew and ((not made.rows and not self.dataset.mode.replaces) or digest == mark.digest):
                return Extraction((), replace(mark, intent=None))
            mark = replace(mark, intent=replace(intent, digest=digest))
            self.journal.write(mark)
            put = self._put(intent.parts[0], made, snapshot.columns)
        return self._settled(mark, (put,) if put else ())

    def _parts(self, snapshot: Snapshot, mark: Mark, folder: Path) -> Extraction:
        """The objects of an intent that are not there yet, some at a time."""
        intent = mark.intent or Intent(Span(), ())
        missing = [part for part in intent.parts if not self.bucket.store.find(part.key)]
        if not missing:
            return self._settled(mark, ())
        with reading(snapshot, min(READERS, len(missing))) as idle, ThreadPoolExecutor(len(idle)) as pool:

            def take(part: Part) -> Put | None:
                reader = idle.pop()
                try:
                    with spooled([reader], intent.span, [part], folder) as made:
                        needed = made.rows or self.dataset.mode.replaces
                        return self._put(part, made, snapshot.columns) if needed else None
                finally:
                    idle.append(reader)

            put = tuple(filter(None, pool.map(take, missing)))
        # of one that was begun before, rows were put that its digest is not of
        return self._settled(replace(mark, intent=replace(intent, digest="")), put)

    def _put(self, part: Part, made: Spooled, columns: Sequence[tuple[str, str]]) -> Put | None:
        file = made.file
        if part.key.endswith(extraction.Format.PARQUET):
            file = made.file.with_suffix(".parquet")
            self.parquet(made.file, dict(columns), file)
        return self.bucket.put(self.dataset.name, part.key, file, made.rows)

    def _settled(self, mark: Mark, put: tuple[Put, ...]) -> Extraction:
        self.bucket.fence()
        mark = mark.settled(self.bucket.now())
        self.journal.write(mark)
        return Extraction(put, mark)
