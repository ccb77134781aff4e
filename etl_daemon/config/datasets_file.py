"""The TOML file of datasets: a table ``[datasets.NAME]`` with options for a built-in dataset or for another one.

Tables ``[connections.NAME]`` in it are for sources that need secrets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl_daemon.config.api_options import ApiOptions, read_api_options
from etl_daemon.config.checks import (
    LOWER,
    Exchange,
    Hours,
    KeyPattern,
    Pattern,
    PrefixTemplate,
    TableName,
    TimestampFormat,
)
from etl_daemon.config.connections import Connection, read_connections
from etl_daemon.config.problems import unknown, wrong_values
from etl_daemon.config.settings import MODES, Mode
from etl_daemon.config.silver_options import SilverOptions, read_silver_options
from etl_daemon.config.sql_options import SqlOptions, read_sql_options, spelled

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "price_data": ("symbol", "timestamp", "open", "high", "low", "close", "volume", "source"),
    "technical_indicators": ("symbol", "timestamp", "rsi", "macd", "macd_signal", "macd_histogram", "sma_20", "sma_50"),
    "anomalies": ("symbol", "timestamp", "anomaly_type", "severity", "value", "threshold", "description"),
}
"""The columns that ``columns`` may lead to, by kind; ``core.datasets`` holds their types."""

BUILT_IN = tuple(COLUMNS)
NEEDED = ("prefix", "table")
"""What a dataset that is not built in must say."""

TABLE = "table"
"""The kind of a dataset that names none: any columns."""

TABLE_ONLY = ("primary_key", "timestamp_column", "types", "drift", "extra_columns", "raw")
"""Options that datasets of other kinds do not have."""

NOT_RAW = (*TABLE_ONLY[:-1], "columns", "symbol_from_key", "timestamp_formats", "thousands_separators")
"""Options that mean nothing where JSON stays as it is."""

RAW_MODES = ("APPEND", "FULL", "TRUNCATE_INSERT")
"""Modes that compare no rows."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


class DatasetOptions(BaseModel):
    """What the file says of one dataset; ``None`` where it says nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    enabled: bool = Field(True, description="false leaves the dataset out.")
    kind: Annotated[Literal["price_data", "technical_indicators", "anomalies", "table"], LOWER] | None = Field(
        None,
        description="Which rules it follows: price_data, technical_indicators, anomalies, or table for any columns.",
    )
    prefix: PrefixTemplate | None = Field(None, description="Key prefix; may hold {year} {month} {day} {hour}.")
    table: TableName | None = Field(None, description="DATABASE.SCHEMA.TABLE.")
    window_hours: Hours | None = Field(
        None, description="How far back a first start looks, and each listing at least (hours)."
    )
    fresh_hours: Hours | None = Field(
        None, description="Older last rows are an error to `etl-daemon monitor` (hours); left out: what is usual."
    )
    calendar: Exchange | None = Field(
        None, description="Exchange whose sessions `report` expects rows of; none: of no one's; left out: ETL_CALENDAR."
    )
    mode: Mode | None = Field(None, description=f"{MODES}.")
    incremental_by: Literal["primary_key", "timestamp_column"] | None = Field(
        None, description="What INCREMENTAL goes by: primary_key or timestamp_column."
    )
    snapshot_group: Pattern | None = Field(
        None, description="Regular expression on the key: where it finds the same, objects are one delivery."
    )
    truncate_before_insert: bool | None = Field(
        None, description="true says that the mode replaces the table; FULL and TRUNCATE_INSERT always do."
    )
    columns: dict[str, str] | None = Field(None, description='Source name to column name: { Name = "symbol" }.')
    symbol_from_key: KeyPattern | None = Field(None, description="Regular expression on the key, with a group.")
    records_path: str | None = Field(None, description="Where the records are in nested JSON, keys joined by dots.")
    timestamp_formats: tuple[TimestampFormat, ...] | None = Field(None, description="A list of strptime formats.")
    thousands_separators: bool | None = Field(None, description="Whether numbers look like 4,787,699.")
    primary_key: tuple[str, ...] | None = Field(None, description="The columns of which each row has its own values.")
    timestamp_column: str | None = Field(None, description="The column by which the later of two rows is told.")
    types: dict[str, str] | None = Field(None, description='Column to SQL type: { amount = "NUMBER(20,4)" }.')
    drift: Annotated[Literal["evolve", "freeze", "rescue"], LOWER] | None = Field(
        None, description="What happens where columns change: evolve, freeze or rescue."
    )
    extra_columns: Annotated[Literal["ignore", "refuse"], LOWER] | None = Field(
        None, description="What a frozen table does with further columns: ignore or refuse."
    )
    raw: Annotated[Literal["document", "records"], LOWER] | None = Field(
        None, description="Keep JSON as it is, in one column: a row per document, or per record in it."
    )
    immutable_keys: bool | None = Field(None, description="Whether keys only grow and objects never change.")
    api: ApiOptions | None = Field(None, description="The HTTP API that the objects are taken from.")
    sql: SqlOptions | None = Field(None, description="The database that the rows are taken from.")
    silver: SilverOptions | None = Field(None, description="What `etl-daemon models run` makes of the rows.")


@dataclass(frozen=True, slots=True)
class DatasetsFile:
    """What the file says, by dataset, and what is wrong with it."""

    options: Mapping[str, DatasetOptions] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    connections: Mapping[str, Connection] = field(default_factory=dict)


def read_datasets_file(path: Path) -> DatasetsFile:
    """Read and check the file; nothing is raised, so that its problems stand beside those of other settings."""
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        return DatasetsFile(problems=(f"ETL_DATASETS_FILE={str(path)!r}: {error}",))
    tables = document.pop("datasets", {})
    connections, problems = read_connections(document.pop("connections", {}), str(path))
    problems += [unknown(name, ["datasets", "connections"], f" ({path})") for name in document]
    if not isinstance(tables, dict):
        return DatasetsFile(problems=(*problems, f"datasets ({path}): should be tables [datasets.NAME]."))
    options: dict[str, DatasetOptions] = {}
    for name, table in tables.items():
        read, wrong = _options(name, table, f" ({path} [datasets.{name}])")
        problems += wrong
        if read:
            options[name] = read
    return DatasetsFile(options, tuple(problems), connections)


def _options(name: str, table: object, origin: str) -> tuple[DatasetOptions | None, list[str]]:
    if not _NAME.fullmatch(name):
        return None, [f"{name}{origin}: should be letters, digits, _ and -, at most 64, beginning with a letter."]
    if not isinstance(table, dict):
        return None, [f"{name}{origin}: should be a table [datasets.{name}]."]
    fields = DatasetOptions.model_fields
    given = table
    table, problems = spelled(given, origin)
    problems += _inner_tables(name, table, given, origin)
    problems += [unknown(key, fields, origin) for key in table if key not in fields]
    needed = () if name in BUILT_IN or table.get("enabled") is False else NEEDED
    missing = [key for key in needed if key not in table]
    problems += [f"{key}{origin}: must be set for a dataset that is not built in." for key in missing]
    kind = str(table.get("kind", name if name in BUILT_IN else TABLE)).lower()
    problems += _column_problems(kind, table.get("columns"), origin)
    if kind in BUILT_IN:
        problems += [f"{key}{origin}: is for datasets of kind table only." for key in TABLE_ONLY if key in table]
    problems += _raw_problems(table, origin)
    try:
        options = DatasetOptions.model_validate({key: value for key, value in table.items() if key in fields})
    except ValidationError as error:
        return None, problems + wrong_values(error, fields, dict.fromkeys(fields, origin))
    return options, problems


def _inner_tables(name: str, table: dict[str, Any], given: Mapping[str, object], origin: str) -> list[str]:
    """Read the tables in the table, which put their options in its place; a line for what is wrong with them."""
    problems: list[str] = []
    if "sql" in table:
        table["sql"], wrong = read_sql_options(table["sql"], name, origin.replace("]", ".sql]"))
        problems += wrong
        if "prefix" in table:
            problems.append(f"prefix{origin}: is where the extraction writes; leave it out.")
        table["prefix"] = table["sql"].folder(name) if table["sql"] else name
    if "api" in table:
        table["api"], wrong = read_api_options(table["api"], name, origin)
        problems += wrong
        problems += [
            f"{key}{origin}: does not go with api." for key in ("prefix", "sql", "snapshot_group") if key in given
        ]
        table["prefix"] = ApiOptions.folder(name)
    if "silver" in table:
        table["silver"], wrong = read_silver_options(table["silver"], name, origin)
        problems += wrong
    return problems


def _raw_problems(table: Mapping[str, object], origin: str) -> list[str]:
    """A line for each option that does not go with ``raw``."""
    if "raw" not in table:
        return []
    problems = [f"{key}{origin}: means nothing with raw, which keeps JSON as it is." for key in NOT_RAW if key in table]
    mode = str(table.get("mode", RAW_MODES[0])).upper()
    if mode in {"UPSERT", "INCREMENTAL"}:
        problems.append(f"mode={mode!r}{origin}: a raw table has no keys; should be one of {', '.join(RAW_MODES)}.")
    return problems


def _column_problems(kind: str, columns: object, origin: str) -> list[str]:
    """A line for each name that is no column; what is of a wrong type or kind has a line of its own elsewhere."""
    names = COLUMNS.get(kind, ())
    if not names or not isinstance(columns, dict):
        return []
    problems = []
    for source, name in columns.items():
        if isinstance(name, str) and name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}."
            problems.append(f"columns {source}={name!r}{origin}: is no column of {kind}; {hint}")
    return problems
