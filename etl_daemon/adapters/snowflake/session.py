"""One session with Snowflake: opened when first used, replaced when it is old or broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from snowflake.connector.errors import Error

from etl_daemon.adapters.snowflake.connection import CountedConnection, connect
from etl_daemon.adapters.snowflake.errors import lost, translated
from etl_daemon.adapters.snowflake.login import connect_arguments, query_tag
from etl_daemon.adapters.snowflake.staging import (
    FILES_PER_COPY,
    PART_BYTES,
    load,
    require_files,
    rows_per_part,
    staging_ddl,
)
from etl_daemon.config import Settings
from etl_daemon.core.configure import full_table_name
from etl_daemon.core.rules.origin import row_by_row
from etl_daemon.core.sql.copying import copying
from etl_daemon.core.sql.tables import control
from etl_daemon.errors import ConfigError, EtlError, OutcomeUnknownError, SetupError, TransientError

RECYCLE_SECONDS = 3_600.0
"""Age from which a connection is replaced: `write_pandas` leaves a temporary stage in its session each time."""

WORDS_SHOWN = 6

Renew = Callable[[Settings], Settings | None]
"""Settings with another login, where a store of secrets has one by now."""


def kept(_settings: Settings) -> Settings | None:
    """No store has another login."""
    return None


class SnowflakeSession:
    """A connection at a time, for use by one thread. What it raises are our errors, classed by ``errors.TABLE``.

    ``renew`` is asked where a login is refused, and the login then tried once more. ``monotonic`` gives seconds; it
    tells how old the connection is. ``part_bytes``: rows in memory that are staged together of a table that is larger
    than memory.
    """

    def __init__(
        self,
        settings: Settings,
        renew: Renew = kept,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._settings = settings
        self._renew = renew
        self._monotonic = monotonic
        self._part_bytes = part_bytes
        self._proven = False
        self._connection: CountedConnection | None = None
        self._opened_at = 0.0
        self._lost = False
        self._in_transaction = False
        self._staged = False
        self._tag = query_tag()
        self._sent_before = 0

    @property
    def statements(self) -> int:
        """How many statements were sent, on all connections so far."""
        return self._sent_before + (self._connection.statements if self._connection else 0)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the statement selects. ``values`` stand for its question marks; times are bound as UTC without zone."""
        with self._executed(statement, values) as cursor:
            return list(cursor.fetchall())

    def pages(self, size: int, statement: str, *values: object) -> Iterator[list[tuple[Any, ...]]]:
        """As ``rows``, so many at a time."""
        with self._executed(statement, values) as cursor:
            while page := cursor.fetchmany(size):
                yield list(page)

    def run(self, statement: str, *values: object) -> int:
        """How many rows the statement changed; for others than INSERT, UPDATE, DELETE, MERGE it means nothing."""
        with self._executed(statement, values) as cursor:
            return int(cursor.rowcount or 0)

    def tag(self, dataset: str = "", batch_id: str = "") -> None:
        """Mark the statements that follow with the batch, or with none."""
        self._tag = query_tag(dataset, batch_id)
        if self._connection:
            self._connection.tag = self._tag

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the statements within, or none.

        Raises:
            OutcomeUnknownError: the answer to COMMIT did not come; ask the ledger, on the new session.
        """
        self._refuse_within_transaction("Another transaction")
        try:
            self.run("BEGIN")
            self._in_transaction = True
            yield
            self._commit()
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = self._staged = False

    def stage(
        self,
        name: str,
        table: pa.Table,
        stays: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
        let_go: Callable[[], None] | None = None,
    ) -> str:
        """Bring the rows into a temporary table of the session; its full name.

        It lives until the session ends, and the session is not replaced for its age before the next transaction.
        With ``let_go`` the rows go in several parts.
        """
        self._refuse_within_transaction("Staging")  # its DDL would commit what is open
        full_name = control(self._settings.snowflake_database, name)
        self.run(staging_ddl(full_name, table.schema))
        self._staged = True
        size = rows_per_part(table, self._part_bytes) if let_go else max(table.num_rows, 1)
        for at in range(0, table.num_rows, size):
            part = row_by_row(table.slice(at, size))
            self._load(part if stays is None else part.filter(pa.array(stays[at : at + size])), full_name)
            if let_go:
                let_go()
        return full_name

    def copy(self, name: str, schema: pa.Schema, files: Sequence[str]) -> str:
        """Bring all rows of files of the stage ``SPARK_STAGE`` into such a table; its full name.

        Raises:
            TransientError: not all of the files were taken.
        """
        self._refuse_within_transaction("Staging")
        full_name = control(self._settings.snowflake_database, name)
        stage = full_table_name(self._settings.spark_stage or "", self._settings)
        self.run(staging_ddl(full_name, schema))
        self._staged = True
        for at in range(0, len(files), FILES_PER_COPY):
            part = files[at : at + FILES_PER_COPY]
            require_files(self.rows(copying(full_name, schema.names, stage, part)), part, stage)
        return full_name

    def _load(self, table: pa.Table, full_name: str) -> None:
        if table.num_rows and self._connection:
            with self._watched(f"Staging {table.num_rows} rows in {full_name}"):
                load(self._connection, table, full_name)

    def close(self) -> None:
        """Log out; what is not committed is rolled back. The next use opens a new connection."""
        connection, self._connection = self._connection, None
        self._lost = self._staged = False
        if connection:
            self._sent_before += connection.statements
            with suppress(Error, OSError):  # it may be gone already
                connection.close(retry=False)

    def _commit(self) -> None:
        try:
            self.run("COMMIT")
        except TransientError as error:
            self.close()
            detail = f"Whether the COMMIT took effect is not known: {error.detail}"
            hint = "the ledger tells; the batch is loaded again only if it is not there"
            raise OutcomeUnknownError(detail, hint=hint) from error

    def _roll_back(self) -> None:
        if self._lost or not self._connection:
            return self.close()
        try:
            self.run("ROLLBACK")
        except EtlError:
            self.close()  # which rolls back too; the error that brought us here is the one to tell
        return None

    @contextmanager
    def _executed(self, statement: str, values: tuple[object, ...]) -> Iterator[Any]:
        connection = self._ready()
        with self._watched(" ".join(statement.split()[:WORDS_SHOWN])), connection.cursor() as cursor:
            cursor.execute(statement, [_bound(value) for value in values] or None)
            yield cursor

    @contextmanager
    def _watched(self, what: str) -> Iterator[None]:
        try:
            with translated(what):
                yield
        except EtlError as error:
            self._lost = self._lost or lost(error.__cause__)
            raise

    def _ready(self) -> CountedConnection:
        if self._in_transaction and self._lost:
            raise TransientError("The connection was lost within the transaction.", hint="it is tried again")
        if self._connection and not self._in_transaction and self._spent():
            self.close()
        if not self._connection:
            self._connection = self._open()
        return self._connection

    def _spent(self) -> bool:
        old = self._monotonic() - self._opened_at >= RECYCLE_SECONDS
        return self._lost or (old and not self._staged)

    def _open(self) -> CountedConnection:
        try:
            connection = self._log_in(self._settings)
        except ConfigError as error:
            connection = self._log_in_anew(error)
        self._opened_at = self._monotonic()
        self._proven = True
        return connection

    def _log_in_anew(self, error: ConfigError) -> CountedConnection:
        """With what the store has by now. A login that once worked is being changed: the new one is still to come."""
        try:
            if renewed := self._renew(self._settings):
                connection = self._log_in(renewed)
                self._settings = renewed
                return connection
        except ConfigError as again:
            error = again
        if not (self._proven and self._settings.stored):
            raise error
        places = " and ".join(each.place for each in self._settings.stored)
        raise SetupError(error.detail, hint=f"put the new secret into {places}; it is read at the next try") from error

    def _log_in(self, settings: Settings) -> CountedConnection:
        with translated("Logging in to Snowflake"):
            return connect(connect_arguments(settings), self._tag)

    def _refuse_within_transaction(self, what: str) -> None:
        if self._in_transaction:
            raise RuntimeError(f"{what} has no place within a transaction.")


def _bound(value: object) -> object:
    """The value as the connector binds it: it binds any other time as text, and zones are lost on it."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return datetime.combine(moment.date(), moment.time())
    return value
