"""What happens to one statement: what Snowflake does around it that DuckDB does not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse_one
from snowflake.connector.errors import Error, ProgrammingError
from sqlglot import Expr, exp

from tests.support.snowflake import corrections, descriptions, keys, merge, rewriting, stages

if TYPE_CHECKING:
    from tests.support.snowflake.session import Session

_DDL = (exp.Create, exp.Drop, exp.Alter, exp.Comment)
_WRITING = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy, exp.TruncateTable)
_SUCCESS = "SELECT 'Statement executed successfully.' AS status"


class Cursor(FakeSnowflakeCursor):
    """Runs statements of one session, one at a time."""

    def __init__(self, session: Session, duck_conn: Any) -> None:
        super().__init__(session, duck_conn)
        self.session = session

    def execute(self, command: str, params: Any = None, *args: Any, **kwargs: Any) -> Cursor:
        del args
        binds = list(kwargs.get("binding_params") or params or ())
        with self.session.busy, self._failures():
            self._run(rewriting.rewrite(command), binds)
        return self

    def answer(self, query: str) -> None:
        """Answer with the rows of a query of ours in the statement's place."""
        super().execute(query, server=True)

    def count_rows(self, count: int) -> None:
        """Say that the statement touched so many rows."""
        self._rowcount = count  # type: ignore[assignment]  # fakesnow's annotation is its first value

    def _run(self, sql: str, binds: list[Any]) -> None:
        if self._ends_or_begins_transaction(sql):
            self.answer(_SUCCESS)
            return
        self.session.refuse_if_aborted()
        if self._about_session(sql):
            return
        if rewriting.without_effect(sql):
            if not rewriting.commits_nothing(sql):
                self.session.commit_open()
            self.answer(_SUCCESS)
        elif folder := rewriting.listed_folder(sql):
            stages.list_folder(self, folder)
        elif name := rewriting.dropped_database(sql):
            self.session.commit_open()
            self._empty(name)
            self.answer(_SUCCESS)
        elif rewriting.infers_schema(sql):
            descriptions.infer_schema(self, sql, str(binds[0]))
        else:
            self._run_on_tables(sql, binds)

    def _empty(self, database: str) -> None:
        """Drop all that is in a database: other sessions may hold on to the database itself."""
        found = self.run_on_duckdb(
            "SELECT schema_name FROM information_schema.schemata WHERE upper(catalog_name) = ? "
            "AND schema_name = upper(schema_name)",  # DuckDB's own and fakesnow's are in lower case
            [database],
        )
        for (schema,) in found:
            super().execute(f"DROP SCHEMA IF EXISTS {database}.{schema} CASCADE", server=True)

    def _ends_or_begins_transaction(self, sql: str) -> bool:
        match rewriting.transaction_word(sql):
            case "BEGIN":
                self.session.refuse_if_aborted()
                self.session.begin()
            case "COMMIT":
                self.session.commit_open()
            case "ROLLBACK":
                self.session.roll_back()
            case _:
                return False
        return True

    def _about_session(self, sql: str) -> bool:
        if (values := rewriting.session_assignments(sql)) is not None:
            self.session.set_parameters(values)
        elif name := rewriting.unset_parameter(sql):
            self.session.parameters.pop(name, None)
        elif name := rewriting.shown_parameter(sql):
            descriptions.show_parameter(self, name, self.session.parameters.get(name, ""))
            return True
        else:
            return False
        self.answer(_SUCCESS)
        return True

    def _run_on_tables(self, sql: str, binds: list[Any]) -> None:
        session = self.session
        created = session.temporary_tables.created_by(sql, session.database, session.schema)
        sql, binds, home = session.temporary_tables.bare(sql, binds)
        if table := session.temporary_tables.described_by(sql):
            descriptions.describe_temporary(self, table)
            return
        statement = parse_one(sql)
        if isinstance(statement, _DDL):
            session.commit_open()
            if keys.adds_key(statement):
                self.answer(_SUCCESS)
                return
        self._lock(statement, binds)
        session.see_committed()
        if isinstance(statement, _WRITING) and not session._autocommit:
            session.begin()
        try:
            with session.at_home(home):
                self._execute_statement(statement, sql, binds)
        except BaseException:
            if created:
                session.temporary_tables.forget(created.name)
            raise
        session.temporary_tables.dropped_by(sql)

    def _execute_statement(self, statement: Expr, sql: str, binds: list[Any]) -> None:
        try:
            if isinstance(statement, exp.Merge):
                merge.run(self, statement, binds)
            else:
                super().execute(sql, binding_params=binds or None, server=True)
        finally:
            if not self.session.in_transaction:
                self.session.statement_ended()

    def _lock(self, statement: Expr, binds: Sequence[Any]) -> None:
        table = rewriting.locked_table(statement)
        if table is None:
            return
        if isinstance(table.this, exp.DynamicIdentifier):
            table = exp.to_table(str(binds[0]), dialect="snowflake")
        session = self.session
        if table.name.upper() in session.temporary_tables and not table.db:
            return
        name = f"{table.catalog or session.database}.{table.db or session.schema}.{table.name}".upper()
        session.locks.acquire(name, session.number, session.lock_timeout_seconds, lambda: session.cancelled)

    # ------------------------------------------------------------ parts of fakesnow put right

    def check_db_and_schema(self, expression: Expr) -> None:
        """Refuse bare names in a session that is nowhere; what a bound name says shows only later."""
        if not expression.find(exp.DynamicIdentifier):
            super().check_db_and_schema(expression)

    def _transform(self, expression: Expr, params: Any) -> Expr:
        expression = expression.transform(corrections.qualified_identifier, params, copy=False)
        expression = expression.transform(corrections.session_functions, self.session.facts(), copy=False)
        return super()._transform(corrections.bare_assignments(keys.without_keys(expression)), params)

    def transformed(self, statement: Expr, binds: Any) -> str:
        """The statement in DuckDB's SQL."""
        return self._transform(statement, binds).sql(dialect="duckdb")

    def run_on_duckdb(self, sql: str, binds: Any = None) -> list[tuple[Any, ...]]:
        """The rows of a statement in DuckDB's SQL, in the session's transaction."""
        rows: list[tuple[Any, ...]] = self._duck_conn.execute(sql, binds or None).fetchall()
        return rows

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise what Snowflake would, and see to the transaction."""
        session = self.session
        session.cancelled, session.last_errno = False, None
        before = len(session.written)
        try:
            yield
        except Exception as failure:
            error = _as_snowflake(failure)
            session.last_errno = error.errno
            session.statement_failed(before)
            if error is failure:
                raise
            raise error from failure


def _as_snowflake(failure: Exception) -> Error:
    """The error of the connector for whatever went wrong: fakesnow lets some of DuckDB's own pass."""
    error = failure if isinstance(failure, Error) else _translated(failure)
    error.msg = error.raw_msg  # the client puts code and state in front
    return error


def _translated(failure: Exception) -> Error:
    text = str(failure)
    match failure:
        case duckdb.InterruptException():
            return ProgrammingError(msg="SQL execution canceled", errno=604, sqlstate="57014")
        case duckdb.TransactionException():
            return ProgrammingError(msg=f"Transaction conflict: {text}", errno=625, sqlstate="57014")
        case duckdb.ConstraintException():
            return ProgrammingError(msg=text, errno=100072, sqlstate="22000")
        case duckdb.Error():
            return ProgrammingError(msg=text, errno=100038, sqlstate="22018")
        case _:
            return ProgrammingError(msg=f"Not emulated: {type(failure).__name__} {text}", errno=9999, sqlstate="0A000")
