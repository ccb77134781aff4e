"""Temporary tables of a session: DuckDB keeps them by name alone, outside of any database and schema."""

from __future__ import annotations

import re
from typing import NamedTuple

_FLAGS = re.IGNORECASE | re.DOTALL
_NAME = r'"?[\w$]+"?'
_CREATE = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?(?:local\s+|global\s+|scoped\s+)?temp(?:orary)?\s+(?:table|view)\s+"
    rf"(?:if\s+not\s+exists\s+)?((?:{_NAME}\.){{0,2}}{_NAME})",
    _FLAGS,
)
_DROP = re.compile(rf"\s*drop\s+(?:table|view)\s+(?:if\s+exists\s+)?({_NAME})", _FLAGS)
_DESCRIBE = re.compile(rf"\s*desc(?:ribe)?\s+table\s+({_NAME})\s*(?:/\*.*)?;?\s*$", _FLAGS)


class TemporaryTable(NamedTuple):
    """Where the session believes its table to be, in upper case."""

    database: str
    schema: str
    name: str


class TemporaryTables:
    """Those of one session."""

    def __init__(self) -> None:
        self._tables: dict[str, TemporaryTable] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def created_by(self, sql: str, database: str | None, schema: str | None) -> TemporaryTable | None:
        """Take note of the table that the statement creates, in these unless it names others."""
        match = _CREATE.match(sql)
        parts = [_plain(part) for part in match[1].split(".")] if match else ["IDENTIFIER"]
        if parts[-1] == "IDENTIFIER":
            return None
        table = TemporaryTable(*[str(database), str(schema)][: 3 - len(parts)], *parts)
        self._tables[table.name] = table
        return table

    def dropped_by(self, sql: str) -> None:
        """Forget the table that the statement, with bare names, has dropped."""
        if match := _DROP.match(sql):
            self.forget(_plain(match[1]))

    def forget(self, name: str) -> None:
        """The table is no more, or never was."""
        self._tables.pop(name, None)

    def described_by(self, sql: str) -> str | None:
        """The table, if it is one of these, that a DESCRIBE TABLE with a bare name asks about."""
        match = _DESCRIBE.match(sql)
        return _plain(match[1]) if match and _plain(match[1]) in self else None

    def bare(self, sql: str, binds: list[object]) -> tuple[str, list[object], TemporaryTable | None]:
        """The statement without qualifiers before these tables, also in bound names, and one of those it had."""
        home = None
        for table in self._tables.values():
            database, schema, name = (f'"?{re.escape(part)}"?' for part in table)
            qualified = re.compile(rf'(?<![\w."])(?:{database}\.)?{schema}\.{name}(?![\w"])', _FLAGS)
            sql, count = qualified.subn(f'"{table.name}"', sql)
            named = [isinstance(value, str) and bool(qualified.fullmatch(value)) for value in binds]
            binds = [f'"{table.name}"' if is_name else value for value, is_name in zip(binds, named, strict=True)]
            home = table if count or any(named) else home
        return sql, binds, home


def _plain(name: str) -> str:
    return name.strip('"').upper()
