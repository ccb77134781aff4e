"""A session: its parameters, its transaction and the locks this holds."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

from tests.support.snowflake.cursor import Cursor
from tests.support.snowflake.locks import TableLocks
from tests.support.snowflake.temporary_tables import TemporaryTable, TemporaryTables

DEFAULT_PARAMETERS = {"AUTOCOMMIT": "true", "LOCK_TIMEOUT": "43200", "QUERY_TAG": "", "TIMEZONE": "Etc/UTC"}
TRANSACTION_ABORTED = 615
_WRITING = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY")


class RoutedConnection:
    """A DuckDB connection that remembers what it wrote (``written``), for a transaction that has to do it again.

    It writes fakesnow's account-wide notes in a transaction of their own: DuckDB lets a transaction write one attached
    database, and the notes are in another one than the tables.
    """

    def __init__(self, inner: duckdb.DuckDBPyConnection, noting: threading.Lock) -> None:
        self._inner = inner
        self._noting = noting
        self.written: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, sql: str, parameters: Any = None) -> Any:
        start = sql.lstrip()[:400].upper()
        if start.startswith(("INSERT", "UPDATE", "DELETE")) and "_FS_GLOBAL._FS_INFORMATION_SCHEMA" in start:
            with self._noting, self._inner.cursor() as notes:
                rows = notes.execute(sql, parameters).fetchall()
            return self._inner.execute("SELECT ?::BIGINT AS Count", [rows[0][0] if rows else 0])
        self._inner.execute(sql, parameters)
        if start.startswith(_WRITING):
            self.written.append((sql, parameters))
        return self._inner


class Session(FakeSnowflakeConnection):
    """What a login opened. ``busy`` is held while a statement runs; ``number`` names the session in log and locks."""

    def __init__(self, number: int, locks: TableLocks, max_lock_wait_seconds: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = number
        self.locks = locks
        self.parameters = dict(DEFAULT_PARAMETERS)
        self.role, self.warehouse = "SYSADMIN", "COMPUTE_WH"
        self.temporary_tables = TemporaryTables()
        self.busy = threading.RLock()
        self.cancelled = False
        self.last_errno: int | None = None
        self.aborted = False
        self._max_lock_wait_seconds = max_lock_wait_seconds
        self._requests = 0
        self._last_seen = time.monotonic()

    def cursor(self, cursor_class: type[SnowflakeCursor] = SnowflakeCursor) -> Cursor:
        del cursor_class  # results leave over HTTP, so rows never become dicts here
        return Cursor(session=self, duck_conn=self._duck_conn)

    # ------------------------------------------------------------ what the session is asked

    def set_parameters(self, values: dict[str, Any]) -> None:
        """Set session parameters, as a login or ALTER SESSION does."""
        self.parameters |= {name.upper(): str(value) for name, value in values.items()}

    def facts(self) -> dict[type[Expr], str | None]:
        """What the functions of the session give."""
        return {
            exp.CurrentAccount: "EMULATED",
            exp.CurrentRole: self.role,
            exp.CurrentSession: str(self.number),
            exp.CurrentTransaction: str(self._last_seen) if self._in_transaction else None,
            exp.CurrentUser: "TESTER",
            exp.CurrentWarehouse: self.warehouse,
        }

    @property
    def lock_timeout_seconds(self) -> float:
        return min(float(self.parameters["LOCK_TIMEOUT"]), self._max_lock_wait_seconds)

    @contextlib.contextmanager
    def at_home(self, table: TemporaryTable | None) -> Iterator[None]:
        """Run a statement about a temporary table, without its qualifiers, in a session that has no schema."""
        if table is None or self.schema_set:
            yield
            return
        kept = self.database, self._schema, self.database_set, self.schema_set
        self.database, self._schema, self.database_set, self.schema_set = table.database, table.schema, True, True
        try:
            yield
        finally:
            self.database, self._schema, self.database_set, self.schema_set = kept

    # ------------------------------------------------------------ the transaction

    @property
    def in_transaction(self) -> bool:
        return self._in_transaction

    def begin(self) -> None:
        """Open a transaction; ignored inside one."""
        if not self._in_transaction:
            self._duck_conn.execute("BEGIN")
            self._in_transaction = True

    def commit_open(self) -> None:
        """Commit the open transaction, if there is one.

        Raises:
            ProgrammingError: the transaction was aborted before; it is rolled back and closed.
            duckdb.Error: it could not be committed; likewise.
        """
        try:
            self.refuse_if_aborted()
            if self._in_transaction:
                self._duck_conn.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise
        self._close_transaction()

    def roll_back(self) -> None:
        """Undo and close the transaction, open or aborted."""
        with contextlib.suppress(duckdb.Error):  # none is open
            self._duck_conn.execute("ROLLBACK")
        self._close_transaction()

    def abort(self) -> None:
        """Undo the transaction at once; the client learns it from its next statement."""
        self.roll_back()
        self.aborted = True

    def refuse_if_aborted(self) -> None:
        """Raise in an aborted transaction, where only COMMIT (which raises too) and ROLLBACK lead out."""
        if self.aborted:
            raise ProgrammingError(
                msg="The transaction was aborted and rolled back; nothing of it is stored.",
                errno=TRANSACTION_ABORTED,
                sqlstate="57014",
            )

    def see_committed(self) -> None:
        """Let the next statement see what others have committed, as READ COMMITTED means.

        DuckDB reads a whole transaction from one snapshot. As long as the transaction has written nothing, a new one
        can take its place.
        """
        if self._in_transaction and not self.written:
            self._start_again([])

    def statement_failed(self, before: int | None = None) -> None:
        """Abort the open transaction if the session asks for it, or undo the statement alone.

        ``before`` is how much the transaction had written before the statement. DuckDB ends a transaction at any
        failure, so what the others wrote is written again.
        """
        if not self._in_transaction:
            return
        if self.parameters.get("TRANSACTION_ABORT_ON_ERROR", "").lower() == "true":
            self.abort()
            return
        try:
            self._start_again(self.written[:before])
        except duckdb.Error:
            self.abort()

    def statement_ended(self) -> None:
        """Let go of what a statement outside of any transaction held."""
        self.written.clear()
        self.locks.release(self.number)

    @property
    def written(self) -> list[tuple[str, Any]]:
        """What the open transaction has written, as statements and their values."""
        return cast("RoutedConnection", self._duck_conn).written

    def _start_again(self, written: list[tuple[str, Any]]) -> None:
        with contextlib.suppress(duckdb.Error):  # none is open
            self._duck_conn.execute("ROLLBACK")
        self._duck_conn.execute("BEGIN")
        self.written.clear()
        for sql, parameters in written:
            self._duck_conn.execute(sql, parameters)

    def _close_transaction(self) -> None:
        self._in_transaction = self.aborted = False
        self.statement_ended()

    # ------------------------------------------------------------ the client's presence

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """A request of this session is being answered."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            self._last_seen = time.monotonic()

    def abort_if_detached(self, after_seconds: float) -> None:
        """Abort a transaction whose client has not been heard of for so long."""
        if self._in_transaction and not self._requests and time.monotonic() - self._last_seen > after_seconds:
            with self.busy:
                self.abort()

    def cancel(self) -> None:
        """Stop the statement that runs, if one does."""
        self.cancelled = True
        self.locks.wake()
        self._duck_conn.interrupt()

    def end(self) -> None:
        """Close the session: its transaction is rolled back, its temporary tables go."""
        self.cancel()
        with self.busy:
            self.roll_back()
            self._duck_conn.close()
