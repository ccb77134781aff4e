"""A connection that counts the statements which go through it, those of the connector's own tools among them."""

from __future__ import annotations

from typing import Any

from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor


class CountedCursor(SnowflakeCursor):
    """A cursor of a ``CountedConnection``."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Send a statement, and count it whatever comes of it."""
        connection = self.connection
        if isinstance(connection, CountedConnection):
            connection.statements += 1
        return super().execute(*args, **kwargs)


class CountedConnection(SnowflakeConnection):
    """``statements``: how many were sent so far."""

    statements = 0

    def cursor(self, cursor_class: Any = None) -> Any:
        """A cursor that counts, also for ``write_pandas``, which asks for a class of its own."""
        return super().cursor(CountedCursor)
