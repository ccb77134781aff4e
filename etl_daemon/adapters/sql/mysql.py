"""MySQL and MariaDB: the text that the server writes, row by row from a cursor that the server keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pymysql
from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.converters import conversions
from pymysql.cursors import SSCursor

from etl_daemon.adapters.sql.csv_lines import CHUNK_ROWS, append
from etl_daemon.adapters.sql.relation import Column, Pulse, Sort

AS_TEXT = {kind: write for kind, write in conversions.items() if not isinstance(kind, int)}
"""Values are taken as the server writes them; only what we send is converted."""

_BINARY = 63  # the character set of what is none
_NOW = "SELECT GREATEST(NOW(6), UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6)"
_BEGIN = (
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_HEX = ("VARCHAR", "LOWER(HEX({}))", Sort.OTHER)
_TYPES: Mapping[int, tuple[str, str, Sort]] = {
    **dict.fromkeys(
        (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG),
        ("BIGINT", "{}", Sort.WHOLE),
    ),
    FIELD_TYPE.YEAR: ("BIGINT", "{}", Sort.OTHER),
    FIELD_TYPE.FLOAT: ("DOUBLE", "({} + 0e0)", Sort.OTHER),  # by itself a float comes with six digits only
    FIELD_TYPE.DOUBLE: ("DOUBLE", "{}", Sort.OTHER),
    FIELD_TYPE.DATE: ("DATE", "{}", Sort.INSTANT),
    FIELD_TYPE.NEWDATE: ("DATE", "{}", Sort.INSTANT),
    FIELD_TYPE.DATETIME: ("TIMESTAMP", "{}", Sort.INSTANT),
    FIELD_TYPE.TIMESTAMP: ("TIMESTAMP", "CONCAT({}, 'Z')", Sort.INSTANT),
    FIELD_TYPE.BIT: ("NUMBER(20,0)", "CAST({} AS UNSIGNED)", Sort.OTHER),
    FIELD_TYPE.JSON: ("JSON", "{}", Sort.OTHER),
    FIELD_TYPE.GEOMETRY: _HEX,
}
"""By the type of the protocol: type in a table, expression of the text, order; all others are text as it is."""

_BYTES = (
    *(FIELD_TYPE.TINY_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB),
    *(FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.VARCHAR),
)
_WORDS = FLAG.ENUM | FLAG.SET


class MySqlConnection:
    """A read-only transaction at a snapshot of its own; ``connect`` makes another connection."""

    shared = False

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: pymysql.Connection[Any] = connect()
        try:
            wall, now = self.one(_NOW)
            self._wall, self._now = str(wall), str(now)
            with self._connection.cursor() as cursor:
                for statement in _BEGIN:
                    cursor.execute(statement)
        except BaseException:
            self._connection.close()
            raise

    def describe(self, relation: str) -> list[Column]:
        """As the protocol says."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {relation} LIMIT 0")
            # the fields tell what the description of PEP 249 does not: signs, character sets, digits
            return [self._column(each) for each in cursor._result.fields]  # noqa: SLF001

    def quoted(self, name: str) -> str:
        """As the protocol says."""
        return "`" + name.replace("`", "``") + "`"

    def table(self, name: str) -> str:
        """As the protocol says."""
        return name if "`" in name else ".".join(map(self.quoted, name.split(".")))

    def literal(self, text: str) -> str:
        """As the protocol says."""
        return str(self._connection.literal(text))

    def one(self, query: str) -> list[str | None]:
        """As the protocol says."""
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return [None if value is None else str(value) for value in cursor.fetchone() or ()]

    def until(self, column: Column) -> str | None:
        """As the protocol says; wall times may be UTC or those of the server's zone: the later of both is now."""
        if column.sort is not Sort.INSTANT:
            return None
        now = self._now if column.value.endswith("'Z')") else self._wall
        return f"{self.quoted(column.name)} <= {self.literal(now)}"

    def earlier(self, column: Column, value: str, seconds: float) -> str:
        """As the protocol says."""
        del column
        (found,) = self.one(
            f"SELECT CAST(CAST({self.literal(value)} AS DATETIME(6)) - INTERVAL {seconds} SECOND AS CHAR)"
        )
        return str(found)

    def copy(self, columns: list[Column], tail: str, file: Path, pulse: Pulse) -> int:
        """As the protocol says."""
        values = ", ".join(each.value for each in columns)
        with self._connection.cursor(SSCursor) as cursor:
            cursor.execute(f"SELECT {values} {tail}")
            return append(file, len(columns), _chunks(cursor), pulse)

    def beside(self) -> Self:
        """As the protocol says."""
        return type(self)(self._connect)

    def close(self) -> None:
        """As the protocol says; what was not read yet is not waited for."""
        self._connection._force_close()  # noqa: SLF001  # close() would read a cursor's rows to the end

    def _column(self, field: Any) -> Column:
        name = self.quoted(field.name)
        code, unsigned = field.type_code, bool(field.flags & FLAG.UNSIGNED)
        if code in {FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL}:
            digits = field.length - (field.scale > 0) - (not unsigned)
            type_ = f"NUMBER({digits},{field.scale})" if digits <= 38 else "VARCHAR"
            return Column(field.name, type_, name, Sort.OTHER if field.scale else Sort.WHOLE)
        if code in _BYTES and field.charsetnr == _BINARY and not field.flags & _WORDS:
            type_, value, sort = _HEX
        else:
            type_, value, sort = _TYPES.get(code, ("VARCHAR", "{}", Sort.OTHER))
        if code == FIELD_TYPE.LONGLONG and unsigned:
            type_ = "NUMBER(20,0)"
        return Column(field.name, type_, value.format(name), sort)


def _chunks(cursor: SSCursor) -> Iterator[list[tuple[str | None, ...]]]:
    while chunk := cursor.fetchmany(CHUNK_ROWS):
        yield chunk
