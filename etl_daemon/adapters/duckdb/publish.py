"""How staged rows meet the target, inside the commit's transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import duckdb

from etl_daemon.core.datasets import Dataset, Mode

ORDER = "_OBJECT_MODIFIED, _OBJECT_KEY, _OBJECT_ROW"
"""The order of rows with one key and timestamp: the greater wins."""


@dataclass(frozen=True, slots=True)
class Published:
    """Per object key: staged rows that lost, and target rows that gave way."""

    superseded: Counter[str]
    replaced: Counter[str]


def publish(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> Published:
    """Bring the rows of the view ``staged``, which holds each key once, into the target.

    Leaves two temporary tables: ``lost`` (rows of ``staged`` that are not loaded) and ``beaten`` (rows of the target
    that are gone), each by ``_OBJECT_KEY`` and ``_OBJECT_ROW``.
    """
    for table in ("lost", "beaten"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} (_OBJECT_KEY VARCHAR, _OBJECT_ROW BIGINT)")
    if dataset.mode is Mode.UPSERT and _has_rows(connection, dataset.table):
        _meet(connection, dataset)
    winners = "ANTI JOIN lost USING (_OBJECT_KEY, _OBJECT_ROW)" if _has_rows(connection, "lost") else ""
    connection.execute(f"INSERT INTO {dataset.table} BY NAME SELECT staged.* FROM staged {winners}")
    return Published(_count(connection, "lost"), _count(connection, "beaten"))


def _meet(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Rows of ``staged`` older than a row of the target with their key are lost; else that row is beaten."""
    keys = ", ".join(dataset.schema.primary_key)
    staged_order, target_order = (", ".join(f"{alias}.{name}" for name in ORDER.split(", ")) for alias in "st")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE met AS
        SELECT s._OBJECT_KEY, s._OBJECT_ROW, t.rowid AS target_row, t._OBJECT_KEY AS target_key,
               t._OBJECT_ROW AS target_object_row,
               bool_and(({staged_order}) > ({target_order})) OVER (PARTITION BY s._OBJECT_KEY, s._OBJECT_ROW) AS wins
        FROM staged AS s JOIN {dataset.table} AS t USING ({keys})
    """)
    connection.execute("INSERT INTO lost SELECT DISTINCT _OBJECT_KEY, _OBJECT_ROW FROM met WHERE NOT wins")
    connection.execute("INSERT INTO beaten SELECT target_key, target_object_row FROM met WHERE wins")
    connection.execute(f"DELETE FROM {dataset.table} WHERE rowid IN (SELECT target_row FROM met WHERE wins)")
    connection.execute("DROP TABLE met")


def _has_rows(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> Counter[str]:
    return Counter(dict(connection.execute(f"SELECT _OBJECT_KEY, count(*) FROM {table} GROUP BY ALL").fetchall()))
