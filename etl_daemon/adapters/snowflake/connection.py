"""A connection that counts and tags what goes through it, the statements of the connector's own tools among them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor


class CountedCursor(SnowflakeCursor):
    """A cursor of a ``CountedConnection``."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Send a statement with the connection's tag, and count it whatever comes of it."""
        connection = self.connection
        if isinstance(connection, CountedConnection):
            connection.statements += 1
            kwargs["_statement_params"] = {"QUERY_TAG": connection.tag, **(kwargs.get("_statement_params") or {})}
        return super().execute(*args, **kwargs)


class CountedConnection(SnowflakeConnection):
    """``statements``: how many were sent so far; ``tag``: the QUERY_TAG that those to come carry."""

    statements = 0
    tag = ""

    def cursor(self, cursor_class: Any = None) -> Any:
        """A cursor that counts and tags, also for ``write_pandas``, which asks for a class of its own."""
        return super().cursor(CountedCursor)


def connect(arguments: Mapping[str, Any], tag: str) -> CountedConnection:
    """Log in; each statement of the connection carries the tag, which costs none of its own.

    Raises:
        snowflake.connector.errors.Error: it did not work.
    """
    # Or each login asks the metadata services of all clouds where it runs, for the vendor's statistics. There is an
    # argument for it, which this connector ignores.
    os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
    connection = CountedConnection(**arguments)
    connection.tag = tag
    return connection
