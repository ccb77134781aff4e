"""What the settings say of a dataset of kind ``table``, as the core has it; and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from etl_daemon.core.datasets import RAW_COLUMN, Drift, Extra, Kind, Mode, Raw
from etl_daemon.core.sql.dialect import arrow_type
from etl_daemon.core.tables.naming import MAX_NAME, RESERVED, target_name
from etl_daemon.core.tables.plaintext import JSON

_MADE = {"drift": Drift, "extra_columns": Extra, "raw": Raw}


def table_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options under target names and in the core's types; those that are wrong are left out."""
    columns = values.get("columns", {})
    made: dict[str, Any] = {name: make(values[name]) for name, make in _MADE.items() if name in values}
    if "primary_key" in values:
        made["primary_key"] = tuple(dict.fromkeys(target_name(name, columns) for name in values["primary_key"]))
    if "timestamp_column" in values:
        made["timestamp_column"] = target_name(values["timestamp_column"], columns)
    if "types" in values:
        types = {target_name(name, columns): _type(text) for name, text in values["types"].items()}
        made["types"] = {name: type_ for name, type_ in types.items() if isinstance(type_, pa.DataType)}
    if "raw" in values:
        made["types"] = {RAW_COLUMN: JSON}
    return made


def usual_mode(values: Mapping[str, Any]) -> Mode:
    """The mode that the options say; a raw table has no keys to compare."""
    return Mode(values.get("mode", Mode.APPEND if "raw" in values else Mode.UPSERT))


def option_problems(name: str, values: Mapping[str, Any]) -> list[str]:
    """A line for each option that cannot work."""
    if Kind(values.get("kind", Kind.TABLE)) is not Kind.TABLE:
        return []
    columns = values.get("columns", {})
    problems = [
        f"{name}: types {column}={text!r}: {wrong}."
        for column, text in values.get("types", {}).items()
        if isinstance(wrong := _type(text), str)
    ]
    problems += [
        f"{name}: columns {source}={target!r}: is kept for the daemon or longer than {MAX_NAME} characters."
        for source, target in columns.items()
        if target_name(target) in RESERVED or len(target_name(target)) > MAX_NAME
    ]
    return problems + _key_problems(name, values)


def _key_problems(name: str, values: Mapping[str, Any]) -> list[str]:
    """What the mode needs to tell rows apart."""
    mode, keyed = usual_mode(values), bool(values.get("primary_key"))
    dated, by = bool(values.get("timestamp_column")), values.get("incremental_by", "")
    if mode is Mode.UPSERT and not keyed:
        return [f'{name}: primary_key: must be set for mode UPSERT: primary_key = ["id"], or say mode = "APPEND".']
    if mode is Mode.INCREMENTAL and not (keyed or dated):
        return [f'{name}: primary_key or timestamp_column: must be set for mode INCREMENTAL: primary_key = ["id"].']
    if by and not {"primary_key": keyed, "timestamp_column": dated}[by]:
        return [f"{name}: incremental_by: goes by {by}, which is not set."]
    return []


def _type(text: str) -> pa.DataType | str:
    """The type, or what is wrong with it."""
    try:
        return arrow_type(text)
    except ValueError as error:
        return str(error).rpartition(":")[0]
