"""A dataset's rows at one moment, whatever the database."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from etl_daemon.adapters.sql.failures import translated
from etl_daemon.adapters.sql.relation import Column, Connection, Pulse, Relation, Sort, whole
from etl_daemon.core.upstream.extraction import By, Origin, Part, Span
from etl_daemon.errors import SetupError


@dataclass(slots=True)
class SqlSnapshot:
    """As the port says. ``pulse`` is called while rows come."""

    origin: Origin
    connection: Connection
    pulse: Pulse
    _columns: list[Column] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self._columns:
            with translated(f"Looking at {self.origin.source}"):
                self._columns = self.connection.describe(self._relation.text)

    @property
    def columns(self) -> Sequence[tuple[str, str]]:
        """As the port says."""
        return [(each.name, each.type) for each in self._columns if each.type]

    @property
    def shared(self) -> bool:
        """As the port says."""
        return self.connection.shared

    def greatest(self, after: str | None) -> str | None:
        """As the port says."""
        column, name = self._increments, self.connection.quoted(self._increments.name)
        beyond = f"{name} > {self._relation.value(column, after)}" if after is not None else None
        conditions = " AND ".join(filter(None, [beyond, self.connection.until(column)]))
        with translated(f"Asking {self.origin.source} how far it has come"):
            (nulls,) = self.connection.one(f"SELECT count(*) AS nulls FROM {self._relation.text} WHERE {name} IS NULL")
            (found,) = self.connection.one(
                f"SELECT max({name}) AS greatest FROM {self._relation.text}"
                + (f" WHERE {conditions}" if conditions else "")
            )
        if whole(nulls):
            hint = f"give a query that fills it, as by COALESCE({column.name}, created_at) AS {column.name}"
            raise SetupError(f"{column.name} of {self.origin.source} is null in {whole(nulls):,} rows.", hint=hint)
        return found

    def back(self, cursor: str) -> str:
        """As the port says."""
        column, overlap = self._increments, self.origin.overlap
        if column.sort is Sort.WHOLE and self.origin.by is By.KEY:
            return str(whole(cursor) - int(overlap))
        if column.sort is not Sort.INSTANT or not overlap:
            return cursor
        with translated(f"Asking {self.origin.source} for an earlier time"):
            return self.connection.earlier(column, cursor, overlap)

    def bounds(self) -> tuple[int, int] | None:
        """As the port says."""
        column = self._relation.named(self._columns, self.origin.partition_by, "partition_by")
        if column.sort is not Sort.WHOLE:
            raise SetupError(f"{column.name} holds no whole numbers.", hint="name another column in partition_by")
        name = self.connection.quoted(column.name)
        with translated(f"Measuring {self.origin.source}"):
            least, greatest = self.connection.one(
                f"SELECT min({name}) AS least, max({name}) AS greatest FROM {self._relation.text}"
            )
        return None if least is None or greatest is None else (whole(least), whole(greatest))

    def write(self, span: Span, part: Part, file: Path) -> int:
        """As the port says."""
        header = io.StringIO()
        csv.writer(header, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([each.name for each in self._columns])
        tail = self._relation.tail(self._columns, span, part)
        with translated(f"Reading {self.origin.source}"):
            file.write_text(header.getvalue(), "utf-8")
            return self.connection.copy(self._columns, tail, file, self.pulse)

    def beside(self) -> Self:
        """As the port says."""
        with translated(f"Connecting for {self.origin.source}"):
            return type(self)(self.origin, self.connection.beside(), self.pulse, self._columns)

    def close(self) -> None:
        """As the port says."""
        self.connection.close()

    @property
    def _relation(self) -> Relation:
        return Relation(self.origin, self.connection)

    @property
    def _increments(self) -> Column:
        return self._relation.named(self._columns, self.origin.column, "timestamp_column or primary_key")
