"""A database's address and secret to a snapshot of what is to be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from etl_daemon.adapters.sql.failures import translated
from etl_daemon.adapters.sql.generic import GenericConnection
from etl_daemon.adapters.sql.jdbc import JdbcConnection, spark_session
from etl_daemon.adapters.sql.jdbc_options import options
from etl_daemon.adapters.sql.mysql import AS_TEXT, MySqlConnection
from etl_daemon.adapters.sql.postgres import PostgresConnection
from etl_daemon.adapters.sql.proof import proof
from etl_daemon.adapters.sql.relation import Connection, Pulse
from etl_daemon.adapters.sql.snapshot import SqlSnapshot
from etl_daemon.core.upstream.extraction import Origin
from etl_daemon.errors import SetupError

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"} | {
    "mariadb": "mariadb+pymysql"
}
_PARTS = {
    "engine": "drivername",
    "drivername": "drivername",
    "username": "username",
    "user": "username",
    "password": "password",
    "host": "host",
    "port": "port",
    "dbname": "database",
    "database": "database",
}
"""What the parts of a URL are called in secrets."""


def snapshot(origin: Origin, secret: Mapping[str, str], timeout_seconds: float, pulse: Pulse) -> SqlSnapshot:
    """A snapshot of what the origin names; close it after use. ``timeout_seconds`` bounds a silence.

    ``secret`` has the address where the origin has none: ``url``, or its parts.

    Raises:
        SetupError: the address or the names are wrong, or the login (LoginRefusedError).
        TransientError: the database did not answer.
    """
    with translated(f"Connecting for {origin.source}"):
        connection = _opened(origin, secret, math.ceil(timeout_seconds))
    try:
        return SqlSnapshot(origin, connection, pulse)
    except BaseException:
        connection.close()
        raise


def _opened(origin: Origin, secret: Mapping[str, str], seconds: int) -> Connection:
    if given := options(origin, secret):
        return JdbcConnection(spark_session, given)
    return _connection(_address(origin, secret), seconds)


def _address(origin: Origin, held: Mapping[str, str]) -> sa.URL:
    text = origin.url or held.get("url", "")
    parts = {_PARTS[name]: value for name, value in held.items() if name in _PARTS}
    if not text and "drivername" not in parts:
        hint = "let it hold url, or engine, host, port, username, password and database"
        raise SetupError(f"The secret {origin.secret} names no database.", hint=hint)
    url = (
        sa.make_url(text)
        if text
        else sa.URL.create(**{**parts, "port": int(parts["port"])} if "port" in parts else parts)
    )
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def _connection(url: sa.URL, seconds: int) -> Connection:
    """One of the kind that the URL's dialect is; the drivers are used themselves where they can do more."""
    engine = sa.create_engine(url, poolclass=NullPool)
    usual: Mapping[str, Any] = {}
    if url.drivername == "postgresql+psycopg":
        usual = {"connect_timeout": min(seconds, 30), "application_name": "etl-daemon"}
    elif url.drivername in {"mysql+pymysql", "mariadb+pymysql"}:
        usual = {"connect_timeout": min(seconds, 30), "read_timeout": seconds, "charset": "utf8mb4", "conv": AS_TEXT}
    else:
        return GenericConnection(engine)

    def connect() -> Any:
        given, named = engine.dialect.create_connect_args(url)
        return engine.dialect.loaded_dbapi.connect(*given, **{**usual, **proof(url), **named})

    return PostgresConnection(connect) if url.drivername.startswith("postgresql") else MySqlConnection(connect)
