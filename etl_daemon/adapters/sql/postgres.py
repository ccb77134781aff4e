"""PostgreSQL: COPY gives CSV as the server writes it, within a transaction whose snapshot others can share."""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import psycopg
from psycopg import pq

from etl_daemon.adapters.sql.relation import Column, Pulse, Sort

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_ISO = "SET LOCAL DateStyle = 'ISO, YMD'"
_NOW = "SELECT clock_timestamp()::text, greatest(localtimestamp, clock_timestamp() AT TIME ZONE 'UTC')::text"
_SETTINGS = """
    SET LOCAL TimeZone = 'UTC'; SET LOCAL IntervalStyle = 'iso_8601';
    SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL xmloption = 'content';
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL standard_conforming_strings = on
"""
_PULSE_ROWS, _PATIENCE_MILLISECONDS = 2**14, 1_000
_ARRAYS_AND_ROWS = "SELECT oid FROM pg_type WHERE typcategory IN ('A', 'C') AND oid = ANY(%s)"

_BOOL, _BYTEA, _NUMERIC, _MONEY, _DATE, _TIMESTAMP, _TIMESTAMPTZ = 16, 17, 1700, 790, 1082, 1114, 1184
_TYPES: Mapping[int, tuple[str, str, Sort]] = {
    _BOOL: ("BOOLEAN", "{}::text", Sort.OTHER),
    _BYTEA: ("VARCHAR", "encode({}, 'hex')", Sort.OTHER),
    20: ("BIGINT", "{}", Sort.WHOLE),
    21: ("BIGINT", "{}", Sort.WHOLE),
    23: ("BIGINT", "{}", Sort.WHOLE),
    26: ("BIGINT", "{}", Sort.OTHER),
    114: ("JSON", "{}", Sort.OTHER),
    3802: ("JSON", "{}", Sort.OTHER),
    700: ("DOUBLE", "{}", Sort.OTHER),
    701: ("DOUBLE", "{}", Sort.OTHER),
    _MONEY: ("NUMBER(22,3)", "{}::numeric", Sort.OTHER),
    _DATE: ("DATE", "{}", Sort.INSTANT),
    1083: ("TIME", "{}", Sort.OTHER),
    _TIMESTAMP: ("TIMESTAMP", "{}", Sort.INSTANT),
    _TIMESTAMPTZ: ("TIMESTAMP", "({} AT TIME ZONE 'UTC')::text || 'Z'", Sort.INSTANT),
}
"""By OID: the type in a table, the expression of its text, and how it is ordered; all others are text as it is."""


class PostgresConnection:
    """A read-only transaction at one snapshot; ``connect`` makes another connection.

    Wall times are compared with the time of the server's own zone, so that is asked before the zone is set to UTC.
    """

    shared = True

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], snapshot: str = "") -> None:
        self._connect = connect
        self._connection = connect()
        try:
            self._connection.autocommit = True  # we say BEGIN ourselves
            # a database of SQL_ASCII has bytes of any encoding: they come as they are, and bad ones cost their rows
            as_is = self._connection.info.parameter_status("server_encoding") == "SQL_ASCII"
            self._run(f"SET client_encoding = {'SQL_ASCII' if as_is else 'UTF8'}")
            self._run(_BEGIN)
            if snapshot:
                self._run(f"SET TRANSACTION SNAPSHOT {self.literal(snapshot)}")
            self._run(_ISO)
            self._now, self._wall = map(str, self.one(_NOW))
            for statement in _SETTINGS.split(";"):
                self._run(statement)
        except BaseException:
            self._connection.close()
            raise

    def describe(self, relation: str) -> list[Column]:
        """As the protocol says; domains are described as what they stand for."""
        found = self._connection.execute(_bytes(f"SELECT * FROM {relation} LIMIT 0")).description or []
        codes = [column.type_code for column in found]
        nested = {oid for (oid,) in self._connection.execute(_ARRAYS_AND_ROWS, [codes]).fetchall()}
        return [self._column(each, nested=each.type_code in nested) for each in found]

    def quoted(self, name: str) -> str:
        """As the protocol says."""
        return '"' + name.replace('"', '""') + '"'

    def table(self, name: str) -> str:
        """As the protocol says."""
        return name if '"' in name else ".".join(map(self.quoted, name.split(".")))

    def literal(self, text: str) -> str:
        """As the protocol says."""
        return pq.Escaping(self._connection.pgconn).escape_literal(text.encode()).decode()

    def one(self, query: str) -> list[str | None]:
        """As the protocol says."""
        cursor = self._connection.execute(_bytes(query))
        found = cursor.pgresult
        values = [found.get_value(0, at) for at in range(found.nfields)] if found else []
        return [None if value is None else value.decode() for value in values]

    def until(self, column: Column) -> str | None:
        """As the protocol says; wall times may be UTC or those of the server's zone: the later of both is now."""
        if column.sort is not Sort.INSTANT:
            return None
        now = self._now if column.value.endswith("'Z'") else self._wall
        return f"{self.quoted(column.name)} <= {self.literal(now)}"

    def earlier(self, column: Column, value: str, seconds: float) -> str:
        """As the protocol says."""
        type_ = "timestamptz" if column.value.endswith("'Z'") else "timestamp"
        return str(self.one(f"SELECT ({self.literal(value)}::{type_} - interval '{seconds} seconds')::text")[0])

    def copy(self, columns: list[Column], tail: str, file: Path, pulse: Pulse) -> int:
        """As the protocol says."""
        values = ", ".join(each.value for each in columns)
        statement = _bytes(f"COPY (SELECT {values} {tail}) TO STDOUT (FORMAT csv)")
        with file.open("ab", buffering=2**20) as out, self._connection.cursor().copy(statement):
            return self._drain(out, pulse)

    def _drain(self, out: BinaryIO, pulse: Pulse) -> int:
        """Write the rows of the COPY under way; libpq itself is asked for them: psycopg takes three times as long."""
        server, rows = self._connection.pgconn, 0
        readable = select.poll()
        readable.register(server.socket, select.POLLIN)
        while (found := server.get_copy_data(1))[0] >= 0:
            if found[0]:
                out.write(found[1])
                rows += 1
            if not found[0] or not rows % _PULSE_ROWS:
                pulse()
            if not found[0] and readable.poll(_PATIENCE_MILLISECONDS):
                server.consume_input()
        while result := server.get_result():
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result, encoding="utf-8")
        return rows

    def beside(self) -> Self:
        """As the protocol says."""
        snapshot = self._connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        return type(self)(self._connect, str(snapshot[0]))

    def close(self) -> None:
        """As the protocol says."""
        self._connection.close()

    def _run(self, statement: str) -> None:
        self._connection.execute(_bytes(statement))

    def _column(self, described: psycopg.Column, *, nested: bool) -> Column:
        name = self.quoted(described.name)
        if nested:
            return Column(described.name, "JSON", f"to_json({name})")
        if described.type_code == _NUMERIC:
            return Column(described.name, _number(described.precision, described.scale), name, _whole(described))
        type_, value, sort = _TYPES.get(described.type_code, ("VARCHAR", "{}", Sort.OTHER))
        return Column(described.name, type_, value.format(name), sort)


def _bytes(statement: str) -> bytes:
    return statement.encode()  # psycopg takes bytes for SQL that was put together with care


def _number(precision: int | None, scale: int | None) -> str:
    """Without a precision any number of digits may come; these are enough for nearly all."""
    if not precision:
        return "NUMBER(38,18)"
    places = (scale or 0) - 2048 * ((scale or 0) >= 1024)  # eleven bits, and may be negative
    whole = precision - places
    digits = (whole, 0) if places < 0 else (max(precision, places), places)
    return f"NUMBER({digits[0]},{digits[1]})" if digits[0] <= 38 else "VARCHAR"


def _whole(described: psycopg.Column) -> Sort:
    return Sort.WHOLE if described.precision and not described.scale else Sort.OTHER
