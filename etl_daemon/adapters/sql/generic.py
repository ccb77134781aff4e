"""Any other database that SQLAlchemy speaks: values as Python has them, types as the table's description says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from etl_daemon.adapters.sql.csv_lines import CHUNK_ROWS, append
from etl_daemon.adapters.sql.relation import Column, Pulse, Sort, literal
from etl_daemon.errors import SetupError

_TYPES: tuple[tuple[type[Any], str, Sort], ...] = (
    (sa.Boolean, "BOOLEAN", Sort.OTHER),
    (sa.Integer, "BIGINT", Sort.WHOLE),
    (sa.Float, "DOUBLE", Sort.OTHER),
    (sa.DateTime, "TIMESTAMP", Sort.INSTANT),
    (sa.Date, "DATE", Sort.INSTANT),
    (sa.JSON, "JSON", Sort.OTHER),
    (sa.String, "VARCHAR", Sort.OTHER),
    (sa.LargeBinary, "VARCHAR", Sort.OTHER),
    (sa.Uuid, "VARCHAR", Sort.OTHER),
)


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:(?P<between>[ T])\d\d:\d\d:\d\d(?P<fraction>\.\d{1,6})?Z?)?")


class GenericConnection:
    """Each query sees what its database lets it see: there is no snapshot that all databases have."""

    shared = False

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection = engine.connect()
        self._preparer = engine.dialect.identifier_preparer

    def describe(self, relation: str) -> list[Column]:
        """As the protocol says; the columns of queries have types by their values."""
        found = self._connection.exec_driver_sql(f"SELECT * FROM {relation} WHERE 1 = 0")
        known = self._known(relation)
        return [self._column(name, known.get(name)) for name in found.keys()]  # noqa: SIM118  # rows, no mapping

    def quoted(self, name: str) -> str:
        """As the protocol says."""
        return str(self._preparer.quote_identifier(name))

    def table(self, name: str) -> str:
        """As the protocol says."""
        return name if self._preparer.initial_quote in name else ".".join(map(self.quoted, name.split(".")))

    def literal(self, text: str) -> str:
        """As the protocol says."""
        return literal(text, self._preparer.initial_quote)

    def one(self, query: str) -> list[str | None]:
        """As the protocol says."""
        return [_text(value) for value in self._connection.exec_driver_sql(query).one()]

    def until(self, column: Column) -> str | None:
        """As the protocol says: nothing is known."""

    def earlier(self, column: Column, value: str, seconds: float) -> str:
        """As the protocol says, in the form that the value has: every database has words of its own for it."""
        found = _MOMENT.fullmatch(value)
        if not found:
            hint = "set overlap = 0 beneath sql, or name a column of times in ISO 8601"
            raise SetupError(f"{column.name} has {value!r}, which is no time to go back from.", hint=hint)
        moment = datetime.fromisoformat(value) - timedelta(seconds=seconds)
        if not found["between"]:
            return moment.date().isoformat()
        text = moment.isoformat(found["between"], "microseconds" if found["fraction"] else "seconds")
        return text.replace("+00:00", "Z") if value.endswith("Z") else text

    def copy(self, columns: list[Column], tail: str, file: Path, pulse: Pulse) -> int:
        """As the protocol says."""
        values = ", ".join(each.value for each in columns)
        streaming = self._connection.execution_options(stream_results=True, max_row_buffer=CHUNK_ROWS)
        with streaming.exec_driver_sql(f"SELECT {values} {tail}") as found:
            return append(file, len(columns), _chunks(found), pulse)

    def beside(self) -> Self:
        """As the protocol says."""
        return type(self)(self._engine)

    def close(self) -> None:
        """As the protocol says."""
        self._connection.close()

    def _known(self, relation: str) -> dict[str, sa.types.TypeEngine[Any]]:
        names = [part.strip('"`[]') for part in relation.split(".")]
        if relation.startswith("("):
            return {}
        described = sa.inspect(self._engine).get_columns(names[-1], schema=names[-2] if len(names) > 1 else None)
        return {each["name"]: each["type"] for each in described}

    def _column(self, name: str, known: sa.types.TypeEngine[Any] | None) -> Column:
        if isinstance(known, sa.Numeric) and not isinstance(known, sa.Float):
            digits, places = known.precision or 38, known.scale or 0
            type_ = f"NUMBER({digits},{places})" if known.precision and digits <= 38 else ""
            return Column(name, type_, self.quoted(name))
        type_, sort = next(((type_, sort) for kind, type_, sort in _TYPES if isinstance(known, kind)), ("", Sort.OTHER))
        return Column(name, type_, self.quoted(name), sort)


def _chunks(found: sa.CursorResult[Any]) -> Iterator[list[list[str | None]]]:
    for chunk in found.partitions(CHUNK_ROWS):
        yield [[_text(value) for value in row] for row in chunk]


def _text(value: Any) -> str | None:
    """A value as text that reads back as the same."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return (
            value.isoformat() if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        )
    if isinstance(value, date | time):
        return value.isoformat()
    return _other(value)


def _other(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, timedelta):
        return f"{value / timedelta(seconds=1):f} s"
    if isinstance(value, dict | list):
        return json.dumps(value, default=_text)
    return str(value)
