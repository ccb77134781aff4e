"""The table ``[datasets.NAME.sql]``: the database that a dataset's rows are taken from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl_daemon.config.aws_names import SsmPath
from etl_daemon.config.checks import LOWER
from etl_daemon.config.problems import unknown, wrong_values

CONNECTIONS = ("url", "url_env", "connection", "ssm_key")
SPELLINGS = {"ssmKey": "ssm_key"}
"""Other words for options of the table."""

_SEGMENT = re.compile(r"[^/\\\s.{}][^/\\{}]*")


class SqlOptions(BaseModel):
    """What the table says."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    url: str | None = Field(None, description="SQLAlchemy URL: postgresql://user@host/database; or jdbc:.", repr=False)
    url_env: str | None = Field(None, description="The environment variable that holds the URL.")
    connection: str | None = Field(None, description="A table [connections.NAME] with the URL or its parts.")
    ssm_key: SsmPath | None = Field(None, description="Path in the Parameter Store, in place of a connection.")
    database: str | None = Field(None, description="The database's name in keys; empty: as in the URL.")
    table: str | None = Field(None, description="TABLE or SCHEMA.TABLE to read.")
    query: str | None = Field(None, description="A SELECT to read instead of a table.")
    job_type: str = Field("sql", description="The first part of the keys.")
    timestamp_column: str | None = Field(None, description="The column by which new rows are told: a timestamp.")
    primary_key: str | None = Field(None, description="The column by which new rows are told: a growing key.")
    overlap: float | None = Field(None, ge=0, description="How far behind the cursor rows are taken again.")
    every_seconds: float = Field(300, ge=0, le=31_536_000, description="Time between two extractions (seconds).")
    format: Annotated[Literal["csv", "parquet"], LOWER] = Field("csv", description="csv or parquet.")
    partitions: int = Field(1, ge=1, le=1_000, description="In how many parts a read is cut.")
    partition_by: str | None = Field(None, description="The column of whole numbers by which it is cut.")

    @property
    def secret(self) -> str:
        """The name of what holds the address, where that is not known without it."""
        return self.connection or f"ssm:{self.ssm_key}"

    @property
    def address(self) -> str:
        """The URL, as far as it is known without a secret store."""
        return self.url or os.environ.get(self.url_env or "", "")

    def folder(self, name: str) -> str:
        """The prefix of the objects of that dataset, with a slash at its end."""
        return f"{self.job_type}/{self.database or database_in(self.address)}/{self.table or name}/"


def database_in(url: str) -> str:
    """The name of the database that a URL leads to; of a file, its name without suffix."""
    path = unquote(urlsplit(url).path)
    return path.rpartition("/")[2].partition(".")[0]


def read_sql_options(table: object, name: str, origin: str) -> tuple[SqlOptions | None, list[str]]:
    """The options, or what is wrong with them."""
    if not isinstance(table, Mapping):
        return None, [f"sql{origin}: should be a table [datasets.{name}.sql]."]
    given = {SPELLINGS.get(str(key), str(key)): value for key, value in table.items()}
    fields = SqlOptions.model_fields
    problems = [unknown(key, fields, origin) for key in given if key not in fields]
    try:
        options = SqlOptions.model_validate({key: value for key, value in given.items() if key in fields})
    except ValidationError as error:
        return None, problems + wrong_values(error, fields, dict.fromkeys(fields, origin))
    problems += _problems(options, origin)
    return (None if problems else options), problems


def _problems(options: SqlOptions, origin: str) -> list[str]:
    problems = [
        f"{', '.join(names)}{origin}: one of them must be set, and only one."
        for names in (CONNECTIONS, ("table", "query"))
        if sum(getattr(options, each) is not None for each in names) != 1
    ]
    if options.timestamp_column and options.primary_key:
        problems.append(f"timestamp_column, primary_key{origin}: new rows are told by one of them.")
    if options.url_env and not options.address:
        problems.append(f"url_env={options.url_env!r}{origin}: there is no such environment variable.")
    if not (options.database or database_in(options.address)):
        problems.append(f"database{origin}: must be set where the URL does not name it.")
    parts = {"job_type": options.job_type, "database": options.database or "x", "table": options.table or "x"}
    return problems + [
        f"{option}={part!r}{origin}: is part of keys; no slashes or braces, and no dot or blank before all else."
        for option, part in parts.items()
        if not _SEGMENT.fullmatch(part)
    ]


def spelled(table: Mapping[str, Any], origin: str) -> tuple[dict[str, Any], list[str]]:
    """A dataset's table with other words for its options as the usual ones: ``target_table``, ``operations``."""
    given = dict(table)
    problems = []
    if "target_table" in given:
        given.setdefault("table", given.pop("target_table"))
    operations = given.pop("operations", {})
    if not isinstance(operations, Mapping) or set(operations) - {"type", "truncate_before_insert"}:
        problems.append(f'operations{origin}: should be {{ type = "UPSERT", truncate_before_insert = false }}.')
        operations = {}
    words = {"type": "mode", "truncate_before_insert": "truncate_before_insert"}
    for word, option in words.items():
        if word in operations and option in given:
            problems.append(f"operations {word}{origin}: {option} says it already.")
        elif word in operations:
            given[option] = operations[word]
    if "sql" in given and isinstance(given.get("primary_key"), str):
        given["primary_key"] = [given["primary_key"]]
    return given, problems
