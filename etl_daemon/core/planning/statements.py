"""How many statements a cycle sends to the destination, before it sends any; docs/cost.md says what they are."""

from __future__ import annotations

from dataclasses import dataclass

from etl_daemon.core.datasets import Dataset, Kind, Mode

_RECALL = 2
"""Cursors and ledger, read once by a process."""

_FRAME = 6
"""BEGIN, the fence, what the ledger has of the objects, their lines in it, the batch's own line, COMMIT."""

_MEETING = {Mode.UPSERT: 1, Mode.INCREMENTAL: 1, Mode.APPEND: 0, Mode.FULL: 2, Mode.TRUNCATE_INSERT: 2}
"""Which rows meet which; or the old rows taken out, and the ledger told."""


@dataclass(frozen=True, slots=True)
class Span:
    """From so many to so many."""

    least: int = 0
    most: int = 0

    def __add__(self, other: Span) -> Span:
        return Span(self.least + other.least, self.most + other.most)


@dataclass(frozen=True, slots=True)
class Statements:
    """So many where all rows are fit and none is flagged, and so many where some are not, or are."""

    fit: Span = Span()
    unfit: Span = Span()

    def __add__(self, other: Statements) -> Statements:
        return Statements(self.fit + other.fit, self.unfit + other.unfit)


def exactly(count: int) -> Statements:
    """So many, whatever the rows are like."""
    return Statements(Span(count, count), Span(count, count))


def of_batch(dataset: Dataset, staging: int, *, loads: bool = True) -> Statements:
    """Of a batch of one file per staged table, which it takes ``staging`` statements to stage.

    Without ``loads`` nothing is brought in, because all objects are parts of older deliveries. It is as few where all
    are refused, and fewer than else where no row at all is fit, which nobody knows before.
    """
    if not loads:
        return exactly(_FRAME)
    columns = Span(1, 3) if dataset.kind is Kind.TABLE else Span()  # what there are; or a schema and a table
    base = staging + _FRAME + 1 + _MEETING[dataset.mode]
    fit = Span(base, base + _giving_way(dataset)) + columns
    # staged, too, and kept in the quarantine; also as anomalies, which are counted, and in place of an earlier look's
    return Statements(fit, fit + Span(staging + 1, staging + 4))


def of_recall(missing: int = 0, cursors: int = 0) -> Statements:
    """Of what a process asks first; it makes tables and schemas that are ``missing``, and all ``cursors`` then."""
    return exactly(_RECALL + (3 + missing + cursors if missing or cursors else 0))


def of_sweep() -> Statements:
    """Of the note that everything was compared."""
    return exactly(1)


def _giving_way(dataset: Dataset) -> int:
    """Anomalies of rows that go; in modes that keep a table also the rows, and a note in the ledger."""
    if dataset.mode.replaces:
        return 1
    return 0 if dataset.by_timestamp else 3
