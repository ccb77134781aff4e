"""Arrow tables into temporary tables: Parquet files of the size that loads best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from snowflake.connector import SnowflakeConnection
from snowflake.connector.pandas_tools import write_pandas

from etl_daemon.core.rules.origin import plain_type
from etl_daemon.core.sql.dialect import SNOWFLAKE
from etl_daemon.core.tables.plaintext import hexadecimal
from etl_daemon.errors import TransientError

FILE_BYTES = 150 * 2**20
"""Size of a file, compressed: between 100 and 250 MB load best."""

COMPRESSED_SHARE = 0.25
"""What Parquet with snappy leaves of Arrow's bytes, about: 0.2 to 0.3 of rows of prices."""


PART_BYTES = 128 * 2**20
"""Rows in memory of a table that is larger than memory: their file is smaller than one that loads best."""


FILES_PER_COPY = 1_000
"""So many names one COPY takes."""


def staging_ddl(full_name: str, schema: pa.Schema) -> str:
    """The statement that makes the table; columns have the exact names, in upper case."""
    columns = ", ".join(f'"{field.name}" {_column_type(field.type)}' for field in schema)
    return f"CREATE OR REPLACE TEMPORARY TABLE {full_name} ({columns})"


def load(connection: SnowflakeConnection, table: pa.Table, full_name: str) -> None:
    """Upload and copy the rows into the table. Three statements, and one more per file.

    Raises:
        TransientError: Snowflake reports another number of rows than were sent.
    """
    database, schema, name = full_name.split(".")
    # Arrow arrays stay what they are under pandas' index: no value is copied or converted.
    frame = _plain(table).to_pandas(types_mapper=pd.ArrowDtype)
    result = write_pandas(
        connection,
        frame,
        name,
        database=database,
        schema=schema,
        chunk_size=rows_per_file(table),
        compression="snappy",
        quote_identifiers=True,
        use_logical_type=True,  # or timestamps would be read as numbers
    )
    require_all(result.copy_results, table.num_rows, full_name)


def rows_per_file(table: pa.Table) -> int:
    """How many rows make a file of ``FILE_BYTES``, about."""
    return rows_per_part(table, int(FILE_BYTES / COMPRESSED_SHARE))


def rows_per_part(table: pa.Table, part_bytes: int) -> int:
    """How many rows take so many bytes in memory, about."""
    return max(int(part_bytes * table.num_rows / max(table.nbytes, 1)), 1)


def require_all(copied: Sequence[tuple[Any, ...]], rows: int, full_name: str) -> None:
    """Check what COPY says of each file: file, status, rows_parsed, rows_loaded, ...

    Raises:
        TransientError: other than so many rows arrived.
    """
    arrived = sum(int(line[3]) for line in copied)
    if arrived != rows or any(line[1] != "LOADED" for line in copied):
        detail = f"{arrived} of {rows} rows arrived in {full_name}."
        raise TransientError(detail, hint="it is staged again; if it stays so, look at COPY_HISTORY")


def require_files(copied: Sequence[tuple[Any, ...]], files: Sequence[str], stage: str) -> None:
    """Check what COPY says of each file: file, status, ...

    Raises:
        TransientError: other than these files were taken whole.
    """
    taken = sum(len(line) > 1 and line[1] == "LOADED" for line in copied)
    if taken != len(files):
        detail = f"Snowflake took {taken} of {len(files)} files from {stage}."
        raise TransientError(detail, hint="its URL is to be s3://S3_BUCKET/_etl_daemon/staging/")


def _column_type(type_: pa.DataType) -> str:
    """The publish makes JSON and bytes of text: write_pandas' COPY would take bytes for text, and then refuse them."""
    named = SNOWFLAKE.column_type(plain_type(type_))
    return "VARCHAR" if named in {"VARIANT", "BINARY"} else named


def _plain(table: pa.Table) -> pa.Table:
    """Timestamps without zone, in UTC, bytes in hexadecimal, and extension types as what they are stored as."""
    return pa.table({name: _plain_column(table[name]) for name in table.column_names})


def _plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    type_ = column.type
    if pa.types.is_binary(type_):
        return pa.chunked_array([hexadecimal(chunk) for chunk in column.chunks], pa.large_string())
    if pa.types.is_timestamp(type_):
        return column.cast(pa.timestamp(type_.unit))
    return column.cast(type_.storage_type) if isinstance(type_, pa.BaseExtensionType) else column
