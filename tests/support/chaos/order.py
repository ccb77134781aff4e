"""What the log of the Snowflake stand-in says about the order and the number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.support.snowflake import Statement

COMMITTING = ("CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "USE", "PUT", "COPY")
"""First words of what commits an open transaction, or loads files past it."""


def misplaced(statements: Iterable[Statement]) -> list[str]:
    """Statements between BEGIN and COMMIT of their session that have no place there."""
    found, open_sessions = [], set()
    for each in statements:
        word = first_word(each)
        if word == "BEGIN":
            open_sessions.add(each.session)
        elif word in {"COMMIT", "ROLLBACK"}:
            open_sessions.discard(each.session)
        elif each.session in open_sessions and word in COMMITTING:
            found.append(each.sql)
    return found


def batches(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """The statements of each batch: from the mark of its first one, ALTER SESSION, to COMMIT."""
    batch: list[Statement] = []
    for each in statements:
        if first_word(each) == "ALTER":
            batch = []
        batch.append(each)
        if first_word(each) == "COMMIT":
            yield batch
            batch = []


def first_word(statement: Statement) -> str:
    """Such as SELECT."""
    return statement.sql.split(maxsplit=1)[0].upper()
