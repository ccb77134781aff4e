"""Statements that have Snowflake take files from a stage, and let go of rows among them that are not to come in."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

LOST = pa.schema([("_OBJECT_KEY", pa.string()), ("_OBJECT_ROW", pa.int64())])
"""Which row of which object."""


def copying(table: str, columns: Sequence[str], stage: str, files: Sequence[str]) -> str:
    """Take these columns of Parquet files; all of their rows or none.

    ``FORCE``, since the table is a new one, whatever was copied before.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f'$1:"{name}"' for name in columns)
    listed = ", ".join(f"'{file}'" for file in files)
    return (
        f"COPY INTO {table} ({names}) FROM (SELECT {values} FROM @{stage}/) FILES = ({listed}) "
        "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE"
    )


def without_rows(table: str, lost: str) -> str:
    """Let go of the rows that another table names."""
    return (
        f"DELETE FROM {table} USING {lost} AS l "
        f"WHERE {table}._OBJECT_KEY = l._OBJECT_KEY AND {table}._OBJECT_ROW = l._OBJECT_ROW"
    )
