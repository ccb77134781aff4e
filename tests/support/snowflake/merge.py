"""MERGE as one DuckDB statement, with Snowflake's error for duplicate keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakesnow.dialect import parse_one
from fakesnow.transforms.merge import operations
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

if TYPE_CHECKING:
    from tests.support.snowflake.cursor import Cursor

DUPLICATE_ROW = 100090
_COUNTED = {"inserted": "INSERT", "updated": "UPDATE", "deleted": "DELETE"}


def run(cursor: Cursor, statement: exp.Merge, binds: list[Any]) -> None:
    """Run the statement and answer with its counts.

    Raises:
        ProgrammingError: 100090, a row of the target would be updated from more than one row of the source.
    """
    cursor.check_db_and_schema(statement)
    whens = list(statement.args["whens"].expressions)
    if any(isinstance(when.args["then"], exp.Update) for when in whens):
        _refuse_duplicates(cursor, statement, whens, binds)
    counted = [operation for operation, clauses in operations(statement).items() if clauses]
    _take_aliases_off(whens)
    sql = cursor.transformed(statement.copy(), list(binds))
    actions = [row[0] for row in cursor.run_on_duckdb(f"{sql} RETURNING merge_action", binds)]
    counts = {operation: actions.count(_COUNTED[operation]) for operation in counted}
    cursor.answer("SELECT " + ", ".join(f'{count} AS "number of rows {name}"' for name, count in counts.items()))
    cursor.count_rows(sum(counts.values()))


def _refuse_duplicates(cursor: Cursor, statement: exp.Merge, whens: list[Expr], binds: list[Any]) -> None:
    """As ERROR_ON_NONDETERMINISTIC_MERGE does, which is on unless a session turns it off."""
    target, source, on = statement.this, statement.args["using"], statement.args["on"]
    condition = _update_condition(whens)
    where = f" WHERE {condition}" if condition else ""
    check = (
        f"SELECT 1 FROM {target.sql('snowflake')} JOIN {source.sql('snowflake')} ON {on.sql('snowflake')}{where} "
        f"GROUP BY {exp.to_identifier(target.alias_or_name).sql('snowflake')}.rowid HAVING COUNT(*) > 1 LIMIT 1"
    )
    bound = len([*source.find_all(exp.Placeholder), *on.find_all(exp.Placeholder)])
    if cursor.run_on_duckdb(cursor.transformed(parse_one(check), binds[:bound]), binds[:bound]):
        raise ProgrammingError(msg="Duplicate row detected during DML action", errno=DUPLICATE_ROW, sqlstate="42P18")


def _update_condition(whens: list[Expr]) -> str | None:
    """When rows are updated; None stands for always, also where the conditions have bound values."""
    conditions = [when.args.get("condition") for when in whens if isinstance(when.args["then"], exp.Update)]
    if any(condition is None or condition.find(exp.Placeholder) for condition in conditions):
        return None
    return " OR ".join(f"({condition.sql('snowflake')})" for condition in conditions if condition)


def _take_aliases_off(whens: list[Expr]) -> None:
    """DuckDB wants bare columns where they are written to."""
    for when in whens:
        then = when.args["then"]
        if isinstance(then, exp.Update):
            written = [assignment.this for assignment in then.expressions]
        elif isinstance(then, exp.Insert) and then.this is not None:
            written = list(then.this.find_all(exp.Column))
        else:
            written = []
        for column in written:
            if isinstance(column, exp.Column):
                column.set("table", None)
