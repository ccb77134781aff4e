"""Statements as fakesnow can run them: changes to the text that keep its meaning. Pure."""

from __future__ import annotations

import re

from sqlglot import Expr, exp

_FLAGS = re.IGNORECASE | re.DOTALL
_COMMENTS = r"(?:\s+|/\*.*?\*/|--[^\n]*(?:\n|$))*"
_TRANSACTION = re.compile(
    rf"(?:(begin|start)(?:\s+(?:transaction|work))?(?:\s+name\s+\S+)?|(commit|rollback)(?:\s+work)?){_COMMENTS};?{_COMMENTS}$",
    _FLAGS,
)
_TRUNCATE_IF_EXISTS = re.compile(r"^(\s*truncate\s+table)\s+if\s+exists\s", _FLAGS)
_COLUMN_COMMENT = re.compile(r"(?<=\")\s+comment\s+\$\$.*?\$\$", _FLAGS)
_QUOTED_STAGE = re.compile(r"FROM '(@[^']+)'\)", _FLAGS)

_WITHOUT_EFFECT = re.compile(
    r"\s*(?:grant\b|revoke\b|show\s+(?:\w+\s+)?grants\b"
    r"|create\s+(?:or\s+replace\s+)?(?:role|user|storage\s+integration|notification\s+integration|warehouse"
    r"|resource\s+monitor|masking\s+policy|row\s+access\s+policy|tag|pipe|stream|task|alert|procedure|network\s+policy)\b"
    r"|alter\s+(?:task|pipe|warehouse|user|role|account)\b|alter\s+table\s+\S+\s+set\s+\w+_"
    r"|alter\s+table\s+\S+\s+alter\s+\"[^\"]+\"\s+comment\b"
    r"|drop\s+(?:stage|file\s+format|pipe|stream|task|role|user|integration|warehouse|procedure|network\s+policy"
    r"|resource\s+monitor)\b"
    r"|comment\s+on\s+column\b|use\s+(?:secondary|role|warehouse)\b)",
    _FLAGS,
)
_COMMITS_NOTHING = re.compile(r"\s*(?:use|show)\b", _FLAGS)


def rewrite(sql: str) -> str:
    """The statement in the spelling that fakesnow takes."""
    sql = re.sub(rf"^{_COMMENTS}", "", sql, flags=_FLAGS)
    if re.match(r"\s*copy\s+into\b", sql, _FLAGS):
        return _QUOTED_STAGE.sub(r"FROM \1)", sql)  # write_pandas quotes the stage in its COPY
    if re.match(r"\s*create\b", sql, _FLAGS):
        return _COLUMN_COMMENT.sub("", sql)  # a view's columns are named with the comment of each
    return _TRUNCATE_IF_EXISTS.sub(r"\1 ", sql)


def transaction_word(sql: str) -> str | None:
    """BEGIN, COMMIT or ROLLBACK, if a rewritten statement is one of these."""
    match = _TRANSACTION.match(sql)
    return match and ("BEGIN" if match[1] else match[2].upper())


def without_effect(sql: str) -> bool:
    """Whether the statement is taken and does nothing: there are no roles, warehouses, pipes and the like here."""
    return _WITHOUT_EFFECT.match(sql) is not None


def dropped_database(sql: str) -> str | None:
    """The database of a DROP DATABASE, in upper case."""
    match = re.match(r"\s*drop\s+database\s+(?:if\s+exists\s+)?(\w+)", sql, _FLAGS)
    return match[1].upper() if match else None


def commits_nothing(sql: str) -> bool:
    """Whether a statement without effect leaves the open transaction open, as no DDL does."""
    return _COMMITS_NOTHING.match(sql) is not None


def session_assignments(sql: str) -> dict[str, str] | None:
    """What an ALTER SESSION SET sets; None for any other statement and for AUTOCOMMIT, which fakesnow does itself."""
    match = re.match(r"\s*alter\s+session\s+set\s+(?!autocommit\b)(.*)$", sql, _FLAGS)
    if match is None:
        return None
    pairs = re.findall(r"(\w+)\s*=\s*(?:'((?:[^']|'')*)'|([\w.+-]+))", match[1])
    return {name.upper(): text.replace("''", "'") or word for name, text, word in pairs}


def unset_parameter(sql: str) -> str | None:
    """The parameter of an ALTER SESSION UNSET, in upper case."""
    match = re.match(r"\s*alter\s+session\s+unset\s+(\w+)", sql, _FLAGS)
    return match[1].upper() if match else None


def shown_parameter(sql: str) -> str | None:
    """The parameter that a SHOW PARAMETERS LIKE asks for, in upper case."""
    match = re.match(r"\s*show\s+parameters\s+like\s+'([^']+)'", sql, _FLAGS)
    return match[1].upper() if match else None


def infers_schema(sql: str) -> bool:
    """Whether the statement selects from INFER_SCHEMA."""
    return re.match(r"\s*select\s+.+?\s+from\s+table\(\s*infer_schema\(", sql, _FLAGS) is not None


def listed_folder(sql: str) -> str | None:
    """What a LIST asks for, if that is a folder of a stage: ``DATABASE.SCHEMA.STAGE/folder/``."""
    match = re.match(rf"\s*(?:list|ls)\s+@([^\s;/]+/[^\s;]+){_COMMENTS};?{_COMMENTS}$", sql, _FLAGS)
    return match[1] if match else None


def locked_table(statement: Expr | None) -> exp.Table | None:
    """The table that the statement locks until its transaction ends, if it is one that locks."""
    if isinstance(statement, exp.TruncateTable):
        target = statement.expressions[0]
    elif isinstance(statement, (exp.Update, exp.Delete, exp.Merge)) or (
        isinstance(statement, exp.Insert) and statement.args.get("overwrite")
    ):
        target = statement.this
    else:
        return None
    table = target if isinstance(target, exp.Table) else target.find(exp.Table)
    return table if table is not None and table.name and not isinstance(table.this, exp.Anonymous) else None
