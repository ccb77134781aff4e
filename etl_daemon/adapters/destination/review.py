"""What operators ask of the control tables, and what they mark there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from etl_daemon.adapters.destination.session import Engine
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.adapters.destination.work import listed
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.review import AuditLine, Balance, LedgerLine, QuarantinedRow, RejectedIn, Selection
from etl_daemon.core.sql.review import ReviewSql
from etl_daemon.core.sql.versions import accepted, latest

PAGE_ROWS = 10_000

Ints = np.ndarray[Any, Any]


class SqlReview:
    """Looks into one database."""

    def __init__(self, engine: Engine, page_rows: int = PAGE_ROWS) -> None:
        self._engine = engine
        self._page_rows = page_rows
        self._sql = ReviewSql(engine.database, engine.dialect)

    def quarantined(self, selection: Selection, limit: int | None = None) -> list[QuarantinedRow]:
        """The selected rows, the latest first."""
        return [_row(line) for line in self._asked(*self._sql.quarantined(selection, limit))]

    def pages(self, selection: Selection) -> Iterator[list[QuarantinedRow]]:
        """The selected rows by id, some thousand at a time; the destination is free in between."""
        last: QuarantinedRow | None = None
        while rows := [_row(line) for line in self._asked(*self._sql.page(selection, last, self._page_rows))]:
            yield rows
            last = rows[-1]

    def rejected_in(self, selection: Selection) -> list[RejectedIn]:
        """The object versions that the selected rows are of."""
        lines = self._asked(*self._sql.rejected_in(selection))
        return [RejectedIn(dataset, key, version, int(rows)) for dataset, key, version, rows in lines]

    def counted(self, selection: Selection) -> list[tuple[str, str, int]]:
        """How many rows are selected: (dataset, reasons, rows)."""
        lines = self._asked(*self._sql.counted(selection))
        return [(dataset, reasons, int(rows)) for dataset, reasons, rows in lines]

    def places(self, selection: Selection, keys: Sequence[str]) -> Mapping[tuple[str, str], Ints]:
        """Ordinals (int64) of the selected rows of some objects, by key and version."""
        statement, values = self._sql.places(selection)
        numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
        for key, version, number in self._asked(statement, [*values, listed({"KEY": key} for key in keys)]):
            numbers[key, version].append(int(number))
        return {place: np.array(found, np.int64) for place, found in numbers.items()}

    def discard(self, selection: Selection, line: AuditLine) -> int:
        """Mark the selected rows as done with; how many there were, which the line says too.

        Raises:
            ConfigError: a later program has upgraded the control tables.
        """
        statement, values = self._sql.discarded(selection, _naive(line.at))
        with self._engine.session() as session, session.transaction():
            accepted(session.rows(f"SELECT {latest(self._engine.database)}")[0][0])
            rows = session.run(statement, *values)
            detail = f"{rows} rows: {line.detail}"
            session.run(self._sql.logged(), line.who, _naive(line.at), line.what, line.dataset, detail)
        return rows

    def log(self, line: AuditLine) -> None:
        """Leave a line in the audit log."""
        with self._engine.session() as session:
            session.run(self._sql.logged(), line.who, _naive(line.at), line.what, line.dataset, line.detail)

    def lines(self, dataset: Dataset, keys: Sequence[str]) -> list[LedgerLine]:
        """What the ledger says of these keys, in whatever bucket; nothing of those that it does not know."""
        wanted = listed({"KEY": key} for key in keys)
        return [_line(line) for line in self._asked(self._sql.lines(), [dataset.name, dataset.table, wanted])]

    def refused(self, dataset: Dataset) -> list[LedgerLine]:
        """Objects whose latest version was refused."""
        return [_line(line) for line in self._asked(self._sql.refused(), [dataset.name, dataset.table])]

    def delivered(self, dataset: Dataset, bucket: str) -> set[str]:
        """Keys of the objects that the last commit loaded: where deliveries replace the table, what it holds."""
        whose = (dataset.name, dataset.table)
        return {key for (key,) in self._asked(self._sql.delivered(), [*whose, bucket, *whose])}

    def balanced(self, dataset: Dataset) -> list[Balance]:
        """All keys that the ledger or the target has, at one moment."""
        with self._engine.session() as session:
            made = dataset.kind is not Kind.TABLE or dataset.table in existing(session, dataset.database)
            lines = session.rows(self._sql.balanced(dataset, made=made), dataset.name, dataset.table)
        return [
            Balance(key, _line(line) if line[1] is not None else None, int(held), _aware(modified))
            for key, held, modified, *line in lines
        ]

    def _asked(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._engine.session() as session:
            return session.rows(statement, *values)


def _row(line: Sequence[Any]) -> QuarantinedRow:
    identity, dataset, key, version, number, reasons, raw, *instants = line
    known = (identity, dataset, key, version, int(number), tuple(reasons.split(",")), raw)
    return QuarantinedRow(*known, *map(_aware, instants))


def _line(line: Sequence[Any]) -> LedgerLine:
    bucket, key, version, outcome, reason, modified, at, present = line
    return LedgerLine(bucket, key, version, outcome, reason, _aware(modified), _aware(at), int(present))


def _aware(moment: Any) -> Any:
    return moment.replace(tzinfo=UTC) if moment else None


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
