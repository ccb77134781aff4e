"""What Spark is told of a database that is read by JDBC."""

from __future__ import annotations

from collections.abc import Mapping

from etl_daemon.core.upstream.extraction import Origin

SCHEME = "jdbc:"
FETCHED_ROWS = 10_000
"""Rows that a driver asks its database for at a time; by themselves some ask for all, others for ten."""

DRIVERS = {
    "postgresql": "org.postgresql.Driver",
    "mysql": "com.mysql.cj.jdbc.Driver",
    "mariadb": "org.mariadb.jdbc.Driver",
    "oracle": "oracle.jdbc.OracleDriver",
    "sqlserver": "com.microsoft.sqlserver.jdbc.SQLServerDriver",
    "redshift": "com.amazon.redshift.Driver",
}
_NLS = "TIME_ZONE=''UTC'' NLS_DATE_FORMAT=''YYYY-MM-DD HH24:MI:SS'' NLS_TIMESTAMP_FORMAT=''YYYY-MM-DD HH24:MI:SS.FF''"
SESSIONS = {
    "postgresql": "SET TIME ZONE 'UTC'",
    "mysql": "SET time_zone = '+00:00'",
    "mariadb": "SET time_zone = '+00:00'",
    "oracle": f"BEGIN EXECUTE IMMEDIATE 'ALTER SESSION SET {_NLS}'; END;",
}
"""What makes times without a zone, which we compare with, times of UTC."""

_OF_MYSQL = {
    "mysql": ("yearIsDateType=false", "tinyInt1isBit=false", "useCursorFetch=true"),
    "mariadb": ("yearIsDateType=false", "tinyInt1isBit=false", "useServerPrepStmts=true", "permitMysqlScheme"),
}
"""What drivers have to be told, or 2 would come as true, a year as a day, a float with six digits, all rows at once."""


def options(origin: Origin, held: Mapping[str, str]) -> dict[str, str] | None:
    """What Spark is told of the database; None: the address is not one of JDBC.

    ``held`` is what the secret has: ``url``, ``username`` or ``user``, ``password``, and ``driver``, its class, where
    it is none of ``DRIVERS``.
    """
    url = origin.url or held.get("url", "")
    if not url.startswith(SCHEME):
        return None
    product = url.removeprefix(SCHEME).partition(":")[0]
    if product in _OF_MYSQL:  # Spark 3.5 knows MySQL's quotes by the scheme of MySQL only
        place = url.removeprefix(SCHEME + product)
        url = f"jdbc:mysql{place}{'&' if '?' in place else '?'}{'&'.join(_OF_MYSQL[product])}"
    given = {
        "url": url,
        "user": held.get("username") or held.get("user"),
        "password": held.get("password"),
        "driver": held.get("driver") or DRIVERS.get(product),
        "sessionInitStatement": SESSIONS.get(product),
        "fetchsize": str(FETCHED_ROWS),
        "preferTimestampNTZ": "true",
    }
    return {name: value for name, value in given.items() if value}
