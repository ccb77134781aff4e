"""Answers to statements that ask about tables, files and parameters where fakesnow has none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fakesnow.transforms import stage

if TYPE_CHECKING:
    from tests.support.snowflake.cursor import Cursor

_TABLE_TYPES = {
    "BIGINT": "NUMBER(38,0)",
    "INTEGER": "NUMBER(38,0)",
    "DOUBLE": "FLOAT",
    "VARCHAR": "VARCHAR(16777216)",
    "TIMESTAMP": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(9)",
    "JSON": "VARIANT",
    "BLOB": "BINARY(8388608)",
    "TIME": "TIME(9)",
}
_FILE_TYPES = {
    "BIGINT": "NUMBER(38, 0)",
    "INTEGER": "NUMBER(38, 0)",
    "SMALLINT": "NUMBER(38, 0)",
    "TINYINT": "NUMBER(38, 0)",
    "DOUBLE": "REAL",
    "FLOAT": "REAL",
    "VARCHAR": "TEXT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP_NS": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ",
    "BLOB": "BINARY",
}
_DESCRIBED = (
    "name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment",
    "policy name", "privacy domain",
)  # fmt: skip


def describe_temporary(cursor: Cursor, table: str) -> None:
    """DESCRIBE TABLE of a temporary one, which fakesnow looks for in the wrong place."""
    columns = cursor.run_on_duckdb(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE database_name = 'temp' AND upper(table_name) = ? ORDER BY column_index",
        [table],
    )
    rows = ", ".join(
        f"('{name}', '{_type(_TABLE_TYPES, kind, kind)}', 'COLUMN', '{'Y' if nullable else 'N'}', "
        "NULL, 'N', 'N', NULL, NULL, NULL, NULL, NULL)"
        for name, kind, nullable in columns
    )
    wanted = ", ".join(f'column{place} AS "{name}"' for place, name in enumerate(_DESCRIBED, 1))
    cursor.answer(f"SELECT {wanted} FROM VALUES {rows}")


def infer_schema(cursor: Cursor, sql: str, location: str) -> None:
    """INFER_SCHEMA of the Parquet files in a stage."""
    session = cursor.session
    database, schema, name = stage.parts_from_var(location.lstrip("@"), session.database, session.schema)
    folder = stage.internal_dir(f"{database}.{schema}.{name}")
    columns = cursor.run_on_duckdb(f"DESCRIBE SELECT * FROM read_parquet('{folder}*', union_by_name = true)")
    rows = ", ".join(f"('{name}', '{_type(_FILE_TYPES, kind, 'VARIANT')}', TRUE)" for name, kind, *_ in columns)
    everything = re.match(r"\s*select\s+\*", sql, re.IGNORECASE)
    nullable = ", column3 AS NULLABLE" if everything else ""
    cursor.answer(f"SELECT column1 AS COLUMN_NAME, column2 AS TYPE{nullable} FROM VALUES {rows}")


def show_parameter(cursor: Cursor, name: str, value: str) -> None:
    """SHOW PARAMETERS of one session parameter."""
    quoted = value.replace("'", "''")
    cursor.answer(
        f"""SELECT '{name}' AS "key", '{quoted}' AS "value", '' AS "default", 'SESSION' AS "level", """
        """'' AS "description", 'STRING' AS "type" """
    )


def _type(names: dict[str, str], duckdb_type: str, otherwise: str) -> str:
    kind = duckdb_type.upper()
    return kind.replace("DECIMAL", "NUMBER") if kind.startswith("DECIMAL") else names.get(kind, otherwise.upper())
