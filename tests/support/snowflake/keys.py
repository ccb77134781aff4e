"""Keys that are declared and not enforced, as Snowflake's are. Pure."""

from __future__ import annotations

from sqlglot import Expr, exp

_OF_A_TABLE = (exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint)
_OF_A_COLUMN = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)


def without_keys(statement: Expr) -> Expr:
    """A CREATE TABLE without its keys; what is left of a primary key is that its columns are NOT NULL."""
    if not isinstance(statement, exp.Create) or not isinstance(statement.this, exp.Schema):
        return statement
    primary = {name.name.upper() for key in statement.find_all(exp.PrimaryKey) for name in key.expressions}
    kept = [item for item in statement.this.expressions if not _is_key(item)]
    for column in kept:
        if isinstance(column, exp.ColumnDef):
            _free(column, in_primary_key=column.name.upper() in primary)
    statement.this.set("expressions", kept)
    return statement


def adds_key(statement: Expr) -> bool:
    """Whether the statement is an ALTER TABLE that only adds keys."""
    return isinstance(statement, exp.Alter) and all(
        isinstance(action, exp.AddConstraint) and all(map(_is_key, action.expressions))
        for action in statement.args["actions"]
    )


def _is_key(item: Expr) -> bool:
    parts = item.expressions if isinstance(item, exp.Constraint) else [item]
    return all(isinstance(part, _OF_A_TABLE) for part in parts)


def _free(column: exp.ColumnDef, *, in_primary_key: bool) -> None:
    kinds = [constraint.args.get("kind") for constraint in column.constraints]
    kept = [part for part, kind in zip(column.constraints, kinds, strict=True) if not isinstance(kind, _OF_A_COLUMN)]
    primary = in_primary_key or any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
    if primary and not any(isinstance(kind, exp.NotNullColumnConstraint) for kind in kinds):
        kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    column.set("constraints", kept)
