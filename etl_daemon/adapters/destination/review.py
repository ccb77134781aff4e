"""What operators ask of the control tables, and what they mark there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from etl_daemon.adapters.destination.session import Engine
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.review import AuditLine, LedgerLine, QuarantinedRow, ReviewSql, Selection


class SqlReview:
    """Looks into one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sql = ReviewSql(engine.database, engine.dialect)

    def quarantined(self, selection: Selection, limit: int | None = None) -> list[QuarantinedRow]:
        """The selected rows, the latest first."""
        statement, values = self._sql.quarantined(selection, limit)
        with self._engine.session() as session:
            return [_row(line) for line in session.rows(statement, *values)]

    def counted(self, selection: Selection) -> list[tuple[str, str, int]]:
        """How many rows are selected: (dataset, reasons, rows)."""
        statement, values = self._sql.counted(selection)
        with self._engine.session() as session:
            return [(dataset, reasons, int(rows)) for dataset, reasons, rows in session.rows(statement, *values)]

    def discard(self, selection: Selection, line: AuditLine) -> int:
        """Mark the selected rows as done with; how many there were."""
        statement, values = self._sql.discarded(selection, _naive(line.at))
        with self._engine.session() as session, session.transaction():
            rows = session.run(statement, *values)
            session.run(self._sql.logged(), line.who, _naive(line.at), line.what, line.dataset, line.detail)
        return rows

    def log(self, line: AuditLine) -> None:
        """Leave a line in the audit log."""
        with self._engine.session() as session:
            session.run(self._sql.logged(), line.who, _naive(line.at), line.what, line.dataset, line.detail)

    def ledger(self, dataset: Dataset, bucket: str) -> list[LedgerLine]:
        """The latest line of each key."""
        with self._engine.session() as session:
            lines = session.rows(self._sql.ledger(), dataset.name, dataset.table, bucket)
        return [
            LedgerLine(key, version, outcome, reason, at.replace(tzinfo=UTC), int(rows))
            for key, version, outcome, reason, at, rows in lines
        ]

    def held(self, dataset: Dataset) -> dict[str, tuple[int, datetime]]:
        """How many rows of each object the target holds, and its LastModified."""
        with self._engine.session() as session:
            lines = session.rows(self._sql.held(dataset))
        return {key: (int(rows), at.replace(tzinfo=UTC)) for key, rows, at in lines}


def _row(line: Sequence[Any]) -> QuarantinedRow:
    identity, dataset, key, version, number, reasons, raw, at, *marks = line
    replayed, discarded = (mark.replace(tzinfo=UTC) if mark else None for mark in marks)
    known = (identity, dataset, key, version, int(number), tuple(reasons.split(",")), raw, at.replace(tzinfo=UTC))
    return QuarantinedRow(*known, replayed, discarded)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
