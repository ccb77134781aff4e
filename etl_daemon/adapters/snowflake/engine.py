"""Snowflake as a destination: one session, kept for as long as it is good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from etl_daemon.adapters.snowflake.session import Renew, SnowflakeSession, kept
from etl_daemon.config import Settings
from etl_daemon.core.sql.dialect import SNOWFLAKE, Dialect


class SnowflakeEngine:
    """For use by one thread. Nothing is sent before the first session is asked for something."""

    dialect: ClassVar[Dialect] = SNOWFLAKE

    def __init__(self, settings: Settings, renew: Renew = kept) -> None:
        self.database = settings.snowflake_database
        self._account = settings.snowflake_account
        self._session = SnowflakeSession(settings, renew)

    @property
    def statements(self) -> int:
        """How many statements were sent so far."""
        return self._session.statements

    @property
    def place(self) -> str:
        """The account and the database in it."""
        return f"snowflake://{self._account}/{self.database}"

    def exists(self) -> bool:
        """The database is made by an administrator."""
        return True

    @contextmanager
    def session(self, *, read_only: bool = False) -> Iterator[SnowflakeSession]:
        """The session, tagged for no batch; it replaces its connection by itself where that is old or broken."""
        self._session.tag()
        yield self._session

    def close(self) -> None:
        """Log out."""
        self._session.close()
