"""Bringing control tables of an earlier version up to date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.core.sql.versions import UPGRADES, Upgrade, accepted, latest, noting, upgrading


def upgrade(session: Session, engine: Engine, upgrades: Sequence[Upgrade] = UPGRADES, *, new: bool = False) -> None:
    """Change what there is to the last version, and note that; ``new`` tables have it already.

    It is not one transaction, since on Snowflake each statement is one: if it breaks off, the next start begins anew.

    Raises:
        ConfigError: a later program has upgraded the tables.
        SetupError: the role may not change them.
    """
    last = 1 + len(upgrades)
    found = None if new else session.rows(f"SELECT {latest(engine.database)}")[0][0]
    version = last if new else accepted(found, last)
    for statement in upgrading(version, engine.database, engine.dialect, upgrades):
        session.run(statement)
    if found != last:
        now = datetime.now(UTC).replace(tzinfo=None)
        session.run(noting(engine.database, f"CAST(? AS {engine.dialect.timestamp})", last), now)
