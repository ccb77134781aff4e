"""The version of the control tables: which one this program works on, and how older ones are brought up to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.tables import control
from etl_daemon.errors import ConfigError

Upgrade = Callable[[str, Dialect], Sequence[str]]
"""Statements for the control tables of a database."""

UPGRADES: Sequence[Upgrade] = ()
"""The first makes version 2 of version 1, and so on. A statement may meet its own work, since a run may break off or
have a rival, so it says IF NOT EXISTS; it adds and never takes away, so that older programs can still read."""

SCHEMA_VERSION = 1 + len(UPGRADES)


def versions(database: str) -> str:
    """The table that says which version the control tables have: a line for each that they ever had."""
    return control(database, "ETL_SCHEMA_VERSION")


def latest(database: str) -> str:
    """The expression for the version that they have now; null where none is said."""
    return f"(SELECT MAX(VERSION) FROM {versions(database)})"


def accepted(found: int | None, last: int = SCHEMA_VERSION) -> int:
    """The version that tables have, of which ``found`` is said: where nothing is, it is the first.

    Raises:
        ConfigError: it is later than this program's, which must not write there.
    """
    version = 1 if found is None else int(found)
    if version > last:
        raise ConfigError(
            f"The control tables have version {version}; this etl_daemon works on version {last}.",
            hint="a later etl_daemon has upgraded them: install that one here too (docs/upgrading.md)",
        )
    return version


def upgrading(version: int, database: str, dialect: Dialect, upgrades: Sequence[Upgrade] = UPGRADES) -> list[str]:
    """All statements that bring control tables of that version to the last, in order."""
    return [statement for upgrade in upgrades[version - 1 :] for statement in upgrade(database, dialect)]


def noting(database: str, at: str = "NULL", version: int = SCHEMA_VERSION) -> str:
    """Say, if it is not said, that the tables have that version, since the time that the expression ``at`` gives."""
    table = versions(database)
    return (
        f"INSERT INTO {table} (VERSION, APPLIED_AT) SELECT {version}, {at} "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE VERSION = {version})"
    )
