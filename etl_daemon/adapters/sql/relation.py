"""What all databases do alike: the text of the queries, and what a column is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from etl_daemon.core.upstream.extraction import Origin, Part, Span
from etl_daemon.errors import SetupError


class Sort(StrEnum):
    """What the values of a column are ordered as."""

    WHOLE = "whole"
    INSTANT = "instant"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """``type`` is the SQL type in which a table holds the values, ``value`` the expression that gives their text."""

    name: str
    type: str
    value: str
    sort: Sort = Sort.OTHER


Pulse = Callable[[], None]
"""Called every now and then while rows come; raises where the process is to end."""


class Connection(Protocol):
    """A connection to one kind of database, in a transaction that reads one snapshot."""

    shared: bool

    def describe(self, relation: str) -> list[Column]:
        """The columns of what stands behind FROM."""

    def quoted(self, name: str) -> str:
        """A name as SQL has it."""

    def table(self, name: str) -> str:
        """A table's name, with its schema's before it or not, as SQL has it; quotes that it has stay."""

    def literal(self, text: str) -> str:
        """A text as SQL has it."""

    def one(self, query: str) -> list[str | None]:
        """The first row of a query as text."""

    def until(self, column: Column) -> str | None:
        """A condition that leaves out values of the future; None: nothing is known of them."""

    def earlier(self, column: Column, value: str, seconds: float) -> str:
        """The text of an instant so many seconds before another."""

    def copy(self, columns: list[Column], tail: str, file: Path, pulse: Pulse) -> int:
        """Write rows as CSV lines behind what the file holds; how many."""

    def beside(self) -> Connection:
        """Another connection, to the same snapshot where it is ``shared``."""

    def close(self) -> None:
        """End the transaction and the connection."""


def literal(text: str, quote: str) -> str:
    r"""A text as SQL has it. To databases whose names stand in backquotes, as MySQL's, ``\'`` is no end of it."""
    text = text.replace("\\", "\\\\") if quote == "`" else text
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Relation:
    """What an origin reads, over a connection."""

    origin: Origin
    connection: Connection

    @property
    def text(self) -> str:
        """What stands behind FROM."""
        source = self.origin.source.strip().rstrip(";")
        return f"({source}\n) q" if self.origin.query else self.connection.table(source)

    def named(self, columns: list[Column], name: str, option: str) -> Column:
        """The column of that name, in any case where no other has it.

        Raises:
            SetupError: there is none.
        """
        exact = [each for each in columns if each.name == name]
        found = exact or [each for each in columns if each.name.casefold() == name.casefold()]
        if len(found) != 1:
            there = ", ".join(each.name for each in columns)
            raise SetupError(f"{self.origin.source} has no column {name}.", hint=f"correct {option}; there are {there}")
        return found[0]

    def tail(self, columns: list[Column], span: Span, part: Part) -> str:
        """FROM and WHERE of the rows of a part."""
        conditions: list[str] = []
        if self.origin.column and span != Span():
            column = self.named(columns, self.origin.column, "timestamp_column or primary_key")
            conditions += [
                f"{self.connection.quoted(column.name)} {sign} {self.value(column, bound)}"
                for sign, bound in ((">", span.after), ("<=", span.upto))
                if bound is not None
            ]
        if part.low is not None or part.high is not None:
            name = self.connection.quoted(self.named(columns, self.origin.partition_by, "partition_by").name)
            low = f"{name} >= {int(part.low)}" if part.low is not None else ""
            high = f"{name} < {int(part.high)}" if part.high is not None else ""
            conditions.append(" AND ".join(filter(None, [low, high])) if low else f"({high} OR {name} IS NULL)")
        return f"FROM {self.text}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")

    def value(self, column: Column, text: str) -> str:
        """A value of a column as SQL compares with it; MySQL would compare whole numbers with text as doubles."""
        return str(whole(text)) if column.sort is Sort.WHOLE else self.connection.literal(text)


def whole(text: str | None) -> int:
    """A whole number as a database says it; what Oracle reckons has, by JDBC, ten zeros behind the point."""
    return int(Decimal(text or 0))
